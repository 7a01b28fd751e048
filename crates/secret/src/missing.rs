//! Handshakes of which no key came: joined with the keys by the random of the ClientHello, which
//! both name, so neither thread nor order matters.
//!
//! Nobody is accused wrongly: a process that only hands a handshake through, from one socket to
//! another, has no keys to give; and where keys came whose ClientHello was not seen (it may have
//! been an encrypted one, RFC 9849), they may be those that seem to be missing.

use std::collections::{HashMap, VecDeque};

use abi::Head;

use crate::{Handshake, Secret, Seen};

/// How long a key may take, at most: the kernel half told it before the handshake, or never.
const PATIENCE_NS: u64 = 1_000_000_000;
/// Handshakes that wait; if there are more, the first ones wait no longer.
const WAITING_MAX: usize = 4_096;
/// For how long keys without a ClientHello excuse a handshake without keys.
const LOOSE_NS: u64 = 10_000_000_000;
/// Such keys that are remembered.
const LOOSE_MAX: usize = 4_096;

/// Joins handshakes with keys.
#[derive(Debug, Default)]
pub struct Missing {
    keyed: Seen,
    claimed: Seen,
    relayed: Seen,
    /// Finished, and without keys so far, in the order of time.
    waiting: VecDeque<Handshake>,
    /// Keys whose ClientHello was not seen: whose they are, and when they came.
    loose: HashMap<[u8; abi::RANDOM], (u32, u64)>,
    /// Their randoms in the order in which they came, and some that are not there any more.
    order: VecDeque<[u8; abi::RANDOM]>,
}

impl Missing {
    /// Takes note of a key.
    pub fn key(&mut self, secret: &Secret) {
        let random = secret.client_random;
        if !self.keyed.is_new(&random) || self.claimed.knows(&random) {
            return;
        }
        if self.order.len() >= LOOSE_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.loose.remove(&oldest);
        }
        self.order.push_back(random);
        self.loose.insert(random, (secret.head.tgid, secret.head.time_ns));
    }

    /// Takes note of a handshake. Says whether its keys are missing so far.
    pub fn handshake(&mut self, handshake: Handshake) -> bool {
        let random = handshake.client_random;
        self.claimed.is_new(&random);
        self.loose.remove(&random);
        let named = (handshake.head.tgid, random);
        if self.keyed.knows(&random) || self.relayed.knows(&named) {
            return false;
        }
        let through = |other: &Handshake| {
            (other.head.tgid, other.client_random) == named
                && other.server != handshake.server
                && !other.is_peer_of(&handshake)
        };
        if self.waiting.iter().any(through) {
            self.relayed.is_new(&named);
            self.waiting.retain(|other| (other.head.tgid, other.client_random) != named);
            return false;
        }
        self.waiting.push_back(handshake);
        true
    }

    /// The next handshake that has waited long enough by `now`, CLOCK_BOOTTIME; `u64::MAX`: all.
    pub fn due(&mut self, now_ns: u64) -> Option<Handshake> {
        loop {
            let until = self.waiting.front()?.head.time_ns.saturating_add(PATIENCE_NS);
            if now_ns < until && now_ns != u64::MAX && self.waiting.len() <= WAITING_MAX {
                return None;
            }
            let first = self.waiting.pop_front()?;
            if !self.keyed.knows(&first.client_random) && !self.is_excused(&first) {
                return Some(first);
            }
        }
    }

    /// Whether handshakes wait.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn is_excused(&mut self, handshake: &Handshake) -> bool {
        let Head { tgid, time_ns, .. } = handshake.head;
        let fits = |(pid, at): &(u32, u64)| *pid == tgid && time_ns.abs_diff(*at) < LOOSE_NS;
        let random = self.loose.iter().find(|(_, key)| fits(key)).map(|(random, _)| *random);
        random.and_then(|random| self.loose.remove(&random)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use abi::{Kind, Label};

    use super::*;

    fn handshake(pid: u32, random: u8, server: bool, ports: (u16, u16)) -> Handshake {
        let mut raw = abi::Handshake { family: 4, ..abi::Handshake::default() };
        (raw.head.kind, raw.head.tgid, raw.head.time_ns) = (Kind::Shake as u8, pid, 5);
        (raw.client_random, raw.server) = ([random; 32], server.into());
        (raw.local_port, raw.remote_port) = ports;
        Handshake::decode(&raw.to_bytes()).unwrap()
    }

    fn key(pid: u32, random: u8) -> Secret {
        let mut raw = abi::Secret { secret: [9; 48], secret_len: 48, ..abi::Secret::default() };
        (raw.head.kind, raw.head.tgid, raw.head.time_ns) = (Kind::Secret as u8, pid, 4);
        (raw.label, raw.source) = (Label::ClientRandom as u8, 1);
        raw.client_random = [random; 32];
        Secret::decode(&raw.to_bytes()).unwrap()
    }

    fn all(missing: &mut Missing) -> Vec<(u32, u8)> {
        std::iter::from_fn(|| missing.due(u64::MAX))
            .map(|handshake| (handshake.head.tgid, handshake.client_random[0]))
            .collect()
    }

    #[test]
    fn a_key_before_or_after_its_handshake_is_no_miss() {
        let mut missing = Missing::default();
        missing.key(&key(1, 7));
        assert!(!missing.handshake(handshake(1, 7, false, (1, 2))));
        assert!(missing.handshake(handshake(1, 8, false, (1, 2))));
        assert!(missing.handshake(handshake(1, 9, false, (1, 2))));
        assert_eq!(missing.due(5 + PATIENCE_NS - 1), None);
        missing.key(&key(1, 8));
        // The other end's keys are as good.
        assert!(!missing.handshake(handshake(2, 8, true, (2, 1))));
        assert_eq!(all(&mut missing), [(1, 9)]);
        assert!(!missing.is_waiting());
    }

    #[test]
    fn a_relay_has_no_keys_and_both_ends_in_one_process_have() {
        let mut missing = Missing::default();
        missing.handshake(handshake(1, 7, true, (443, 5000)));
        missing.handshake(handshake(1, 7, false, (6000, 443)));
        assert!(!missing.handshake(handshake(1, 7, false, (6000, 443))));
        // Another process that ends what the relay hands on is meant.
        missing.handshake(handshake(2, 7, true, (443, 6000)));
        assert_eq!(all(&mut missing), [(2, 7)]);
        missing.handshake(handshake(3, 8, true, (443, 5000)));
        missing.handshake(handshake(3, 8, false, (5000, 443)));
        assert_eq!(all(&mut missing), [(3, 8), (3, 8)]);
    }

    #[test]
    fn keys_without_a_hello_excuse_as_many_handshakes_of_their_process() {
        let mut missing = Missing::default();
        missing.key(&key(1, 100));
        missing.handshake(handshake(1, 7, false, (1, 2)));
        missing.handshake(handshake(1, 8, false, (1, 2)));
        missing.handshake(handshake(2, 9, false, (1, 2)));
        assert_eq!(all(&mut missing), [(1, 8), (2, 9)]);
        // One whose own hello was seen excuses nobody.
        missing.key(&key(1, 101));
        missing.handshake(handshake(1, 101, false, (1, 2)));
        missing.handshake(handshake(1, 10, false, (1, 2)));
        assert_eq!(all(&mut missing), [(1, 10)]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut missing = Missing::default();
        let mut told = 0;
        for number in 0..3 * WAITING_MAX {
            let mut one = handshake(1, 0, false, (1, 2));
            one.client_random[..8].copy_from_slice(&number.to_ne_bytes());
            one.client_random[31] = 77;
            missing.handshake(one);
            let mut one = key(2, 1);
            one.client_random[..8].copy_from_slice(&number.to_ne_bytes());
            missing.key(&one);
            told += std::iter::from_fn(|| missing.due(0)).count();
            assert!(missing.waiting.len() <= WAITING_MAX && missing.loose.len() <= LOOSE_MAX);
            assert!(missing.order.len() <= LOOSE_MAX);
        }
        assert_eq!(told + all(&mut missing).len(), 3 * WAITING_MAX, "none is dropped");
    }
}

//! Keys of TLS connections, and the flows that they open.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use secret::Secret;

use crate::flow::{End, Flow, Protocol};

/// A key as it came, and the flow that its thread used last before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub secret: Secret,
    /// By the thread's last socket; `None` if that has no other end, or lies in a network
    /// namespace whose loopback is not that of the packets.
    flow: Option<Flow>,
}

impl Key {
    /// A key, for packets of this network namespace (its inode).
    pub fn new(secret: Secret, netns: u32) -> Self {
        let flow = secret.socket.as_ref().and_then(|socket| {
            let protocol = Protocol::from_number(socket.protocol)?;
            let near = socket.netns == netns || !socket.local.ip().is_loopback();
            let whole = socket.local.port() != 0 && socket.remote.port() != 0;
            let (local, remote) = (end(socket.local), end(socket.remote));
            (near && whole).then(|| Flow::between(protocol, local, remote).0)
        });
        Self { secret, flow }
    }

    /// The flow of the thread's last socket.
    pub(crate) fn flow(&self) -> Option<Flow> {
        self.flow
    }
}

fn end(address: SocketAddr) -> End {
    match address.ip() {
        IpAddr::V4(ip) => End::v4(ip.octets(), address.port()),
        IpAddr::V6(ip) => End::v6(ip.octets(), address.port()),
    }
}

/// Connections that are remembered in each of two generations.
const GENERATION: usize = 32_768;
/// Keys of one connection: there are eight labels, and a stranger may send the same random.
const KEYS_MAX: usize = 16;

/// Keys and ClientHellos by the random that both name. Which comes first is open.
#[derive(Debug, Default)]
pub(crate) struct Keyring {
    now: HashMap<[u8; 32], Entry>,
    before: HashMap<[u8; 32], Entry>,
}

#[derive(Debug, Default)]
pub(crate) struct Entry {
    pub(crate) keys: Vec<Arc<Key>>,
    /// Where the ClientHello was seen.
    pub(crate) flow: Option<Flow>,
}

impl Entry {
    pub(crate) fn add(&mut self, key: &Arc<Key>) {
        if self.keys.len() < KEYS_MAX {
            self.keys.push(Arc::clone(key));
        }
    }
}

impl Keyring {
    /// What is known of a connection; what was not asked for through two generations is forgotten.
    pub(crate) fn entry(&mut self, random: &[u8; 32]) -> &mut Entry {
        if self.now.len() >= GENERATION {
            self.before = std::mem::take(&mut self.now);
        }
        let before = &mut self.before;
        self.now.entry(*random).or_insert_with(|| before.remove(random).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_remembered_for_a_while_and_no_longer() {
        let random = |number: usize| {
            let mut random = [0; 32];
            random[..8].copy_from_slice(&number.to_ne_bytes());
            random
        };
        let flow = Flow::between(Protocol::Tcp, End::v4([1; 4], 1), End::v4([2; 4], 2)).0;
        let mut ring = Keyring::default();
        ring.entry(&random(0)).flow = Some(flow);
        for number in 1..GENERATION + 10 {
            ring.entry(&random(number));
        }
        assert_eq!(ring.entry(&random(0)).flow, Some(flow));
        for number in 1..3 * GENERATION {
            ring.entry(&random(number));
        }
        assert_eq!(ring.entry(&random(0)).flow, None);
        assert!(ring.now.len() <= GENERATION && ring.before.len() <= GENERATION);
    }
}

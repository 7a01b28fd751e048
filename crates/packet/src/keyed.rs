//! What is known of a flow's encryption: its ClientHellos, and its keys. A flow of TCP has one
//! ClientHello; several connections of QUIC may go between the same ends at once.

use std::sync::Arc;

use secret::Label;

use crate::flow::{Protocol, Sighting};
use crate::hello::{self, Hello};
use crate::key::Key;
use crate::quic::{self, Openings};

/// Payloads in which a ClientHello is looked for: it may follow a proxy's answer, or a mail
/// server's greeting.
const LOOKS: u8 = 32;
/// Connections of one flow that are remembered: the last ones.
const HELLOS_MAX: usize = 8;
/// A connection within a connection has keys of its own, and a stranger's packet may name any.
const KEYS_MAX: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Keyed {
    /// Payloads without a ClientHello since the last one.
    looks: u8,
    hellos: Vec<Met>,
    pub(crate) keys: Vec<Arc<Key>>,
    /// On which page of the output the keys stand.
    page: Option<u64>,
    /// How long the connection IDs are by which each end of a flow of QUIC is addressed.
    id_lens: [Option<u8>; 2],
}

/// A connection whose ClientHello was seen.
#[derive(Debug)]
struct Met {
    random: [u8; 32],
    /// Which end sent it.
    client: usize,
    name: Option<Box<str>>,
    /// The other end has answered: what comes from now on is encrypted, or soon is.
    answered: bool,
    /// Labels of its keys.
    have: u16,
    /// Packets waited in vain; no others will.
    gave_up: bool,
    counted: bool,
}

impl Met {
    /// Whether the keys are there that what this end sends is encrypted with.
    fn is_ready(&self, from: usize) -> bool {
        let [handshake, traffic] = if self.client == from {
            [Label::ClientHandshakeTrafficSecret, Label::ClientTrafficSecret0]
        } else {
            [Label::ServerHandshakeTrafficSecret, Label::ServerTrafficSecret0]
        };
        let both = bit(handshake) | bit(traffic);
        self.have & bit(Label::ClientRandom) != 0 || self.have & both == both
    }
}

impl Keyed {
    /// Whether a packet can't be read without a key that is not there yet. Up to the server's answer
    /// nothing is encrypted but early data, whose key is older than the packet.
    pub(crate) fn is_unreadable(&mut self, seen: &Sighting<'_>) -> bool {
        if self.hellos.is_empty() || seen.payload.is_empty() {
            return false;
        }
        for met in &mut self.hellos {
            met.answered |= seen.from != met.client;
        }
        self.must_wait(seen.from)
    }

    /// How long the connection ID in a datagram to the other end is, if that is known.
    pub(crate) fn id_len(&mut self, seen: &Sighting<'_>) -> Option<u8> {
        let known = &mut self.id_lens[1 - seen.from];
        *known = quic::id_len(seen.payload).or(*known);
        *known
    }

    /// Looks for a ClientHello in a packet. Answers its random if that is new.
    pub(crate) fn look(
        &mut self,
        seen: &Sighting<'_>,
        openings: &mut Openings,
    ) -> Option<[u8; 32]> {
        let is_tcp = seen.flow.protocol() == Protocol::Tcp;
        if self.looks >= LOOKS || seen.payload.is_empty() || (is_tcp && !self.hellos.is_empty()) {
            return None;
        }
        let found = match is_tcp {
            true => hello::in_segment(seen.payload),
            false if quic::is_initial(seen.payload) => openings.take(&seen.flow, seen.payload),
            // Costs nothing; a datagram may begin another connection at any time.
            false => Some(hello::in_datagram(seen.payload)?),
        };
        let Some(Hello { random, name }) = found else {
            self.looks += 1;
            return None;
        };
        self.looks = 0;
        if let Some(met) = self.hellos.iter_mut().find(|met| met.random == random) {
            // More of the same, or the same once more.
            if name.is_some() && met.name != name {
                met.name = name;
                self.page = None;
            }
            return None;
        }
        if self.hellos.len() >= HELLOS_MAX {
            self.hellos.remove(0);
        }
        let [answered, gave_up, counted] = [false; 3];
        let client = seen.from;
        self.hellos.push(Met { random, client, name, answered, have: 0, gave_up, counted });
        self.page = None;
        Some(random)
    }

    /// Whether a ClientHello with this random was seen.
    pub(crate) fn knows(&self, random: &[u8; 32]) -> bool {
        self.hellos.iter().any(|met| met.random == *random)
    }

    /// Whether any ClientHello was seen.
    pub(crate) fn is_met(&self) -> bool {
        !self.hellos.is_empty()
    }

    /// The names that clients asked for, each with the end that they asked.
    pub(crate) fn names(&self) -> impl Iterator<Item = (usize, &str)> {
        self.hellos.iter().filter_map(|met| Some((1 - met.client, met.name.as_deref()?)))
    }

    /// Takes a key in. Says whether it is new.
    pub(crate) fn add(&mut self, key: &Arc<Key>) -> bool {
        self.note(key);
        if self.keys.iter().any(|known| known == key) {
            return false;
        }
        if self.keys.len() >= KEYS_MAX {
            self.keys.remove(0);
        }
        self.keys.push(Arc::clone(key));
        self.page = None;
        true
    }

    /// Counts the keys that are there already, now that a ClientHello is known.
    pub(crate) fn recount(&mut self) {
        let keys = std::mem::take(&mut self.keys);
        keys.iter().for_each(|key| self.note(key));
        self.keys = keys;
    }

    fn note(&mut self, key: &Key) {
        let random = key.secret.client_random;
        if let Some(met) = self.hellos.iter_mut().find(|met| met.random == random) {
            met.have |= bit(key.secret.label);
        }
    }

    /// Whether a packet that this end sends now has to wait.
    pub(crate) fn must_wait(&self, from: usize) -> bool {
        let waits = |met: &Met| met.answered && !met.gave_up && !met.is_ready(from);
        self.hellos.iter().any(waits)
    }

    /// Packets waited in vain: no others will. Answers for how many connections.
    pub(crate) fn give_up(&mut self) -> u64 {
        let late =
            |met: &&mut Met| met.answered && !met.gave_up && !(met.is_ready(0) && met.is_ready(1));
        let late = self.hellos.iter_mut().filter(late).map(|met| met.gave_up = true);
        late.count() as u64
    }

    /// Whether packets went on without this connection's keys.
    pub(crate) fn gave_up(&self, random: &[u8; 32]) -> bool {
        self.hellos.iter().any(|met| met.gave_up && met.random == *random)
    }

    /// How many connections were not counted yet.
    pub(crate) fn uncounted(&mut self) -> u64 {
        let fresh = self.hellos.iter_mut().filter(|met| !met.counted);
        fresh.map(|met| met.counted = true).count() as u64
    }

    /// Whether keys and names are to be said on this page of the output, now that they are needed.
    pub(crate) fn turns_to(&mut self, page: u64) -> bool {
        let anything = !self.keys.is_empty() || self.names().next().is_some();
        anything && self.page.replace(page) != Some(page)
    }
}

fn bit(label: Label) -> u16 {
    1 << (label as u16)
}

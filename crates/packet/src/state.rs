//! What is known of one flow, and the packets of it that wait to be decided.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::Packet;
use crate::claim::{Claim, Owner};
use crate::flow::{Flow, Sighting};
use crate::keyed::Keyed;
use crate::ports::Ports;

/// What happens to a flow's packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// They are handed over.
    Wanted,
    /// They wait: somebody who is wanted may still claim the flow.
    Open,
    /// They belong to processes that nobody asked for.
    Others,
    /// No process claimed the flow for so long that it has none here.
    Undecided,
}

/// Who stands at an end.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    socket: u64,
    time_ns: u64,
    pub(crate) wanted: bool,
    pub(crate) owner: Arc<Owner>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    ends: [Option<Claimed>; 2],
    /// Who was named already.
    named: [Option<Arc<Owner>>; 2],
    /// Which end has ended its half of the connection.
    closed: [bool; 2],
    /// Packets that waited in vain since the last claim.
    vain: u32,
    /// When a packet or a claim came last.
    pub(crate) last_ns: u64,
    held: VecDeque<Held>,
    held_bytes: usize,
    /// The flow stands in the list of those with packets that wait.
    pub(crate) listed: bool,
    pub(crate) keyed: Keyed,
}

/// A packet that waits.
#[derive(Debug)]
pub(crate) struct Held {
    time_ns: u64,
    len: u32,
    bytes: Box<[u8]>,
    /// Which end sent it.
    from: usize,
    /// Without its key it is not to be handed over.
    encrypted: bool,
}

impl Held {
    pub(crate) fn packet(&self) -> Packet<'_> {
        Packet { time_ns: self.time_ns, len: self.len, bytes: &self.bytes }
    }

    /// Bytes that it takes, with what is kept beside its own.
    pub(crate) fn cost(packet: &Packet<'_>) -> usize {
        packet.bytes.len() + size_of::<Self>()
    }
}

impl Claimed {
    pub(crate) fn new(claim: &Claim) -> Self {
        let Claim { socket, time_ns, wanted, .. } = *claim;
        Self { socket, time_ns, wanted, owner: Arc::clone(&claim.owner) }
    }

    /// Takes another claim on the same place in, if it says more.
    pub(crate) fn update(&mut self, claim: &Claim) -> bool {
        let beside = claim.shares_port && claim.remote.is_none();
        let says_more = if claim.socket == self.socket || beside {
            // Several processes may use one socket, or one port: one that is wanted is enough.
            claim.wanted && !self.wanted
        } else {
            claim.socket > self.socket
        };
        if says_more {
            *self = Self::new(claim);
        }
        says_more
    }
}

impl State {
    /// Decides. `doubts` is how many packets may wait in vain.
    pub(crate) fn standing(&self, flow: &Flow, ports: &Ports, doubts: u32) -> Standing {
        let ends = self.who(flow, ports);
        if ends.iter().flatten().any(|end| end.wanted) {
            return Standing::Wanted;
        }
        match ends.iter().flatten().count() {
            2 => Standing::Others,
            _ if self.vain < doubts => Standing::Open,
            0 => Standing::Undecided,
            _ => Standing::Others,
        }
    }

    /// Whether anybody at all claims the flow.
    pub(crate) fn is_claimed(&self, flow: &Flow, ports: &Ports) -> bool {
        self.who(flow, ports).iter().any(Option::is_some)
    }

    /// Whether a connected socket of somebody who is wanted claims it.
    pub(crate) fn is_wanted(&self) -> bool {
        self.ends.iter().flatten().any(|end| end.wanted)
    }

    /// Whether both ends have closed it.
    pub(crate) fn is_over(&self) -> bool {
        self.closed == [true; 2]
    }

    fn who<'a>(&'a self, flow: &Flow, ports: &'a Ports) -> [Option<&'a Claimed>; 2] {
        let [low, high] = flow.ends();
        let [at_low, at_high] = &self.ends;
        [
            at_low.as_ref().or_else(|| ports.at(flow, low)),
            at_high.as_ref().or_else(|| ports.at(flow, high)),
        ]
    }

    /// Follows the connection's life. A new connection between the same ends has nothing to do
    /// with who claimed the former one.
    pub(crate) fn follow(&mut self, seen: &Sighting<'_>, time_ns: u64) {
        self.last_ns = time_ns;
        if seen.opens && self.is_over() {
            for end in &mut self.ends {
                end.take_if(|end| end.time_ns < time_ns);
            }
            self.named = [None, None];
            self.closed = [false; 2];
            self.vain = 0;
            self.keyed = Keyed::default();
        }
        if seen.resets {
            self.closed = [true; 2];
        } else if seen.closes {
            self.closed[seen.from] = true;
        }
    }

    /// Takes in a claim on an end. Says whether it changed anything.
    pub(crate) fn claim(&mut self, at: usize, claim: &Claim) -> bool {
        self.last_ns = self.last_ns.max(claim.time_ns);
        let changed = match &mut self.ends[at] {
            Some(known) => known.update(claim),
            unknown => {
                *unknown = Some(Claimed::new(claim));
                true
            }
        };
        if changed {
            self.vain = 0;
        }
        changed
    }

    /// The processes that were not named yet, in the order of the ends.
    pub(crate) fn name(&mut self, flow: &Flow, ports: &Ports) -> [Option<Arc<Owner>>; 2] {
        let mut fresh = [None, None];
        let who = self.who(flow, ports);
        for ((claimed, named), fresh) in who.into_iter().zip(&self.named).zip(&mut fresh) {
            let Some(claimed) = claimed else { continue };
            if named.as_ref().is_none_or(|named| !Arc::ptr_eq(named, &claimed.owner)) {
                *fresh = Some(Arc::clone(&claimed.owner));
            }
        }
        for (named, fresh) in self.named.iter_mut().zip(&fresh) {
            if fresh.is_some() {
                named.clone_from(fresh);
            }
        }
        fresh
    }

    /// Lets a packet wait.
    pub(crate) fn hold(&mut self, packet: Packet<'_>, from: usize, encrypted: bool) {
        self.held_bytes += Held::cost(&packet);
        let (time_ns, len, bytes) = (packet.time_ns, packet.len, Box::from(packet.bytes));
        self.held.push_back(Held { time_ns, len, bytes, from, encrypted });
    }

    /// Whether packets wait; later ones have to wait behind them.
    pub(crate) fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes out the packet that waits for longest, if it need not wait for a key.
    pub(crate) fn pop_readable(&mut self) -> Option<Held> {
        let head = self.held.front()?;
        let waits = head.encrypted && self.keyed.must_wait(head.from);
        if waits { None } else { self.pop() }
    }

    /// What the packets that wait take.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// The time of the packet that waits for longest.
    pub(crate) fn oldest_ns(&self) -> Option<u64> {
        self.held.front().map(|held| held.time_ns)
    }

    /// Takes out the packet that waits for longest.
    pub(crate) fn pop(&mut self) -> Option<Held> {
        let held = self.held.pop_front()?;
        self.held_bytes -= Held::cost(&held.packet());
        Some(held)
    }

    /// Gives up the packets that wait for longest while `vain`, told a packet's time and what all
    /// of them take, says so. Answers how many.
    pub(crate) fn give_up(&mut self, vain: impl Fn(u64, usize) -> bool) -> u64 {
        let mut count = 0;
        while self.oldest_ns().is_some_and(|oldest| vain(oldest, self.held_bytes)) {
            self.pop();
            self.vain = self.vain.saturating_add(1);
            count += 1;
        }
        count
    }
}

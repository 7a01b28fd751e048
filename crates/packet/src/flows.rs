//! Joins packets with processes: hands over those that are wanted, lets those wait whose process
//! is not known yet, and counts the others.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use crate::Packet;
use crate::claim::{Claim, Owner};
use crate::flow::{End, Flow, Protocol, Sighting};
use crate::limits::Limits;
use crate::ports::Ports;
use crate::state::{Held, Standing, State};

/// Where wanted packets go.
pub trait Output {
    /// A packet, and the processes of its flow that were not named with an earlier one. Packets of
    /// one flow come in order; one that waited comes after later ones of other flows.
    fn packet(&mut self, packet: Packet<'_>, whose: Whose<'_>);
}

/// Processes at the ends of a flow.
#[derive(Debug, Clone, Copy)]
pub struct Whose<'a>(Option<(&'a Flow, &'a [Option<Arc<Owner>>; 2])>);

impl<'a> Whose<'a> {
    /// Each process with its own end of the flow.
    pub fn iter(&self) -> impl Iterator<Item = (End, &'a Owner)> {
        let both = self.0.into_iter();
        let both = both.flat_map(|(flow, owners)| flow.ends().into_iter().zip(owners));
        both.filter_map(|(end, owner)| Some((end, owner.as_deref()?)))
    }
}

/// What became of an interface's packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Handed over.
    pub written: u64,
    /// Of processes that nobody asked for, or of none at all.
    pub others: u64,
    /// Waited too long, or in too large a crowd, for a process to claim their flow.
    pub undecided: u64,
    /// Wanted flows that were forgotten while they were open, because there were too many.
    pub forgotten: u64,
}

/// The flows of one interface.
#[derive(Debug)]
pub struct Flows {
    limits: Limits,
    choosy: bool,
    flows: HashMap<Flow, State>,
    ports: Ports,
    /// Flows with packets that wait, by when the first of them gives up.
    waiting: BinaryHeap<Reverse<(u64, Flow)>>,
    held_bytes: usize,
    /// How many flows there may be before some are forgotten.
    room: usize,
    totals: Totals,
}

impl Flows {
    /// An empty table. If it is `choosy`, only packets of flows that a wanted process claims are
    /// handed over; else all, at once.
    pub fn new(limits: Limits, choosy: bool) -> Self {
        Self {
            limits,
            choosy,
            flows: HashMap::new(),
            ports: Ports::default(),
            waiting: BinaryHeap::new(),
            held_bytes: 0,
            room: limits.flows,
            totals: Totals::default(),
        }
    }

    /// Tells which addresses are the machine's own.
    pub fn set_addresses(&mut self, addresses: impl IntoIterator<Item = IpAddr>) {
        self.ports.set_addresses(addresses);
    }

    /// What was counted so far.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Takes a packet in. `seen` is what it says of its flow, if it has one.
    pub fn packet(&mut self, packet: Packet<'_>, seen: Option<&Sighting>, out: &mut impl Output) {
        let Some(seen) = seen else {
            // Nobody's.
            if self.choosy {
                self.totals.others += 1;
            } else {
                self.totals.written += 1;
                out.packet(packet, Whose(None));
            }
            return;
        };
        self.make_room();
        let state = self.flows.entry(seen.flow).or_default();
        state.follow(seen, packet.time_ns);
        let standing = match self.choosy {
            true => state.standing(&seen.flow, &self.ports, self.limits.doubts),
            false => Standing::Wanted,
        };
        match standing {
            Standing::Wanted => {
                self.totals.written += 1;
                let owners = state.name(&seen.flow, &self.ports);
                out.packet(packet, Whose(Some((&seen.flow, &owners))));
            }
            Standing::Open => self.hold(packet, &seen.flow),
            Standing::Others => self.totals.others += 1,
            Standing::Undecided => self.totals.undecided += 1,
        }
    }

    /// Takes a claim in, its time being CLOCK_REALTIME, and hands over what waited for it.
    pub fn claim(&mut self, claim: &Claim, out: &mut impl Output) {
        if let Some(remote) = claim.remote {
            self.make_room();
            let (flow, at) = Flow::between(claim.protocol, claim.local, remote);
            if self.flows.entry(flow).or_default().claim(at, claim) {
                self.settle(&flow, out);
            }
            return;
        }
        self.ports.claim(claim);
        let datagrams = |flow: &Flow| flow.protocol() == Protocol::Udp;
        let waiting = self.waiting.iter().map(|Reverse((_, flow))| *flow).filter(datagrams);
        for flow in waiting.collect::<Vec<_>>() {
            self.settle(&flow, out);
        }
    }

    /// Gives up the packets that waited too long by `now`, on the packets' clock.
    pub fn expire(&mut self, now_ns: u64) {
        let wait = self.limits.wait_ns;
        // A clock that was set back leaves packets behind that seem to come from the future.
        let over = |since: u64| now_ns.abs_diff(since) >= wait;
        while let Some(Reverse((deadline, flow))) = self.waiting.peek().copied() {
            if !over(deadline.saturating_sub(wait)) {
                return;
            }
            self.waiting.pop();
            self.give_up(&flow, |time_ns, _| over(time_ns));
        }
    }

    /// When the next packet gives up waiting, on the packets' clock.
    pub fn deadline(&self) -> Option<u64> {
        self.waiting.peek().map(|Reverse((deadline, _))| *deadline)
    }

    /// Gives up everything that waits.
    pub fn finish(&mut self) {
        while let Some(Reverse((_, flow))) = self.waiting.pop() {
            self.give_up(&flow, |_, _| true);
        }
    }

    fn hold(&mut self, packet: Packet<'_>, flow: &Flow) {
        let Some(state) = self.flows.get_mut(flow) else { return };
        state.hold(packet);
        self.held_bytes += Held::cost(&packet);
        if !state.listed {
            state.listed = true;
            let deadline = packet.time_ns.saturating_add(self.limits.wait_ns);
            self.waiting.push(Reverse((deadline, *flow)));
        }
        let most = self.limits.flow_bytes;
        if state.held_bytes() > most {
            self.count_vain(flow, |_, held| held > most);
        }
        while self.held_bytes > self.limits.wait_bytes {
            let Some(Reverse((_, oldest))) = self.waiting.pop() else { return };
            self.give_up(&oldest, |_, _| true);
        }
    }

    /// Gives up packets of a flow that was just taken from the list; it goes back there if some
    /// are left.
    fn give_up(&mut self, flow: &Flow, vain: impl Fn(u64, usize) -> bool) {
        self.count_vain(flow, vain);
        let Some(state) = self.flows.get_mut(flow) else { return };
        let oldest = state.oldest_ns();
        state.listed = oldest.is_some();
        if let Some(oldest) = oldest {
            self.waiting.push(Reverse((oldest.saturating_add(self.limits.wait_ns), *flow)));
        }
    }

    fn count_vain(&mut self, flow: &Flow, vain: impl Fn(u64, usize) -> bool) {
        let Some(state) = self.flows.get_mut(flow) else { return };
        let before = state.held_bytes();
        let count = state.give_up(vain);
        self.held_bytes -= before - state.held_bytes();
        if state.is_claimed(flow, &self.ports) {
            self.totals.others += count;
        } else {
            self.totals.undecided += count;
        }
    }

    /// Decides what waits, now that more is known.
    fn settle(&mut self, flow: &Flow, out: &mut impl Output) {
        let Some(state) = self.flows.get_mut(flow) else { return };
        match state.standing(flow, &self.ports, self.limits.doubts) {
            Standing::Wanted => {
                while let Some(held) = state.pop() {
                    self.held_bytes -= Held::cost(&held.packet());
                    self.totals.written += 1;
                    let owners = state.name(flow, &self.ports);
                    out.packet(held.packet(), Whose(Some((flow, &owners))));
                }
            }
            Standing::Others => self.count_vain(flow, |_, _| true),
            Standing::Open | Standing::Undecided => {}
        }
    }

    /// Forgets connections that are over, then strangers, then whoever was silent for longest; but
    /// none with packets that wait, which are bounded themselves.
    fn make_room(&mut self) {
        if self.flows.len() < self.room {
            return;
        }
        self.flows.retain(|_, state| state.listed || !state.is_over());
        let rank = |state: &State| (state.listed, state.is_wanted(), state.last_ns);
        let surplus = self.flows.len().saturating_sub(self.limits.flows / 4 * 3);
        if surplus > 0 {
            let mut ranks: Vec<_> = self.flows.values().map(rank).collect();
            let last = *ranks.select_nth_unstable(surplus - 1).1;
            self.flows.retain(|_, state| {
                let kept = state.listed || rank(state) > last;
                self.totals.forgotten += u64::from(!kept && self.choosy && state.is_wanted());
                kept
            });
        }
        self.room = self.limits.flows.max(self.flows.len() / 3 * 4);
    }
}

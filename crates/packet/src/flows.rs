//! Joins packets with processes: hands over those that are wanted, lets those wait whose process
//! is not known yet, and counts the others.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use crate::Packet;
use crate::batch::Batch;
use crate::claim::{Claim, Owner};
use crate::dns;
use crate::flow::{End, Flow, Protocol, Sighting};
use crate::key::{Key, Keyring};
use crate::limits::Limits;
use crate::ports::Ports;
use crate::quic::{self, Openings};
use crate::state::{Held, Standing, State};

/// Where wanted packets go.
pub trait Output {
    /// A packet, and the processes of its flow that were not named with an earlier one. Packets of
    /// one flow come in order; one that waited comes after later ones of other flows.
    fn packet(&mut self, packet: Packet<'_>, whose: Whose<'_>);
    /// A key that packets of the same page need, before these. It may come again.
    fn key(&mut self, key: &Arc<Key>);
    /// A name that an address goes by in packets of the same page.
    fn name(&mut self, address: IpAddr, name: &str);
    /// Which page is written. What a page needs is said on each.
    fn page(&self) -> u64;
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
    /// Wanted flows in which a ClientHello was seen.
    pub connections: u64,
    /// Those of them whose packets waited in vain for a key.
    pub keyless: u64,
    /// Connections whose keys came from a thread that had used another flow than that in which
    /// their ClientHello was seen.
    pub disagreed: u64,
}

/// The flows of one interface.
#[derive(Debug)]
pub struct Flows {
    limits: Limits,
    choosy: bool,
    flows: HashMap<Flow, State>,
    ports: Ports,
    keyring: Keyring,
    openings: Openings,
    /// Room for one datagram of a batch.
    part: Vec<u8>,
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
            keyring: Keyring::default(),
            openings: Openings::default(),
            part: Vec::new(),
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

    /// Takes a packet in. `seen` is what it says of its flow, if it has one. Several datagrams of
    /// QUIC that the kernel passes on as one are counted and handed over as those that they are.
    pub fn packet(
        &mut self,
        packet: Packet<'_>,
        seen: Option<&Sighting<'_>>,
        out: &mut impl Output,
    ) {
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
        if seen.flow.protocol() == Protocol::Udp {
            let id_len = self.flows.entry(seen.flow).or_default().keyed.id_len(seen);
            if let Some(batch) = Batch::find(packet, seen, id_len) {
                let mut part = std::mem::take(&mut self.part);
                for (number, payload) in (0..).zip(batch.datagrams()) {
                    let packet = batch.packet(number, payload, &mut part);
                    self.single(packet, &Sighting { payload, ..*seen }, out);
                }
                self.part = part;
                return;
            }
        }
        self.single(packet, seen, out);
    }

    fn single(&mut self, packet: Packet<'_>, seen: &Sighting<'_>, out: &mut impl Output) {
        let state = self.flows.entry(seen.flow).or_default();
        state.follow(seen, packet.time_ns);
        let encrypted = state.keyed.is_unreadable(seen);
        if let Some(random) = state.keyed.look(seen, &mut self.openings) {
            self.meet(&seen.flow, random);
        }
        let follows = self.follows(&seen.flow) && quic::is_short(seen.payload);
        let Some(state) = self.flows.get_mut(&seen.flow) else { return };
        let standing = match self.choosy {
            true => state.standing(&seen.flow, &self.ports, self.limits.doubts),
            false => Standing::Wanted,
        };
        match standing {
            Standing::Wanted if encrypted || follows || state.is_holding() => {
                self.hold(packet, seen, encrypted, out);
            }
            Standing::Wanted => {
                write(packet, &seen.flow, state, &self.ports, &mut self.totals, out);
                if seen.flow.protocol() == Protocol::Udp {
                    tell_names(seen, out);
                }
            }
            Standing::Open => self.hold(packet, seen, encrypted, out),
            Standing::Others => self.totals.others += 1,
            Standing::Undecided => self.totals.undecided += 1,
        }
    }

    /// Takes a key in, and hands over what waited for it.
    pub fn key(&mut self, key: &Arc<Key>, out: &mut impl Output) {
        let entry = self.keyring.entry(&key.secret.client_random);
        let first = entry.keys.is_empty();
        entry.add(key);
        // Ports of TCP are used again; a flow of UDP may have more connections than are remembered.
        let by_hello = entry.flow.filter(|flow| {
            let knows = |state: &State| state.keyed.knows(&key.secret.client_random);
            flow.protocol() == Protocol::Udp || self.flows.get(flow).is_some_and(knows)
        });
        let by_socket = key.flow();
        if let (Some(hello), Some(socket)) = (by_hello, by_socket) {
            self.totals.disagreed += u64::from(first && hello != socket);
        }
        // The wire is right; without its word, the thread's last socket is.
        let Some(flow) = by_hello.or(by_socket) else { return };
        self.make_room();
        let state = self.flows.entry(flow).or_default();
        let single = flow.protocol() == Protocol::Tcp;
        if by_hello.is_none() && first && single && state.keyed.is_met() {
            self.totals.disagreed += 1;
        }
        if !state.keyed.add(key) {
            return;
        }
        // Packets that went on without it are the last that will say so.
        if state.keyed.gave_up(&key.secret.client_random) && (!self.choosy || state.is_wanted()) {
            out.key(key);
        }
        self.settle(&flow, out);
    }

    /// A ClientHello was seen: keys that came before it are its flow's.
    fn meet(&mut self, flow: &Flow, random: [u8; 32]) {
        let entry = self.keyring.entry(&random);
        entry.flow = Some(*flow);
        let Some(state) = self.flows.get_mut(flow) else { return };
        let strange = |key: &Arc<Key>| !state.keyed.knows(&key.secret.client_random);
        let strangers = flow.protocol() == Protocol::Tcp && state.keyed.keys.iter().any(strange);
        let elsewhere = |key: &Arc<Key>| key.flow().is_some_and(|other| other != *flow);
        let astray = entry.keys.first().is_some_and(elsewhere);
        self.totals.disagreed += u64::from(strangers || astray);
        state.keyed.recount();
        for key in &entry.keys {
            state.keyed.add(key);
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
    pub fn expire(&mut self, now_ns: u64, out: &mut impl Output) {
        let wait = self.limits.wait_ns;
        // A clock that was set back leaves packets behind that seem to come from the future.
        let over = |since: u64| now_ns.abs_diff(since) >= wait;
        while let Some(Reverse((deadline, flow))) = self.waiting.peek().copied() {
            if !over(deadline.saturating_sub(wait)) {
                return;
            }
            self.waiting.pop();
            self.give_up(&flow, |time_ns, _| over(time_ns), out);
        }
    }

    /// When the next packet gives up waiting, on the packets' clock.
    pub fn deadline(&self) -> Option<u64> {
        self.waiting.peek().map(|Reverse((deadline, _))| *deadline)
    }

    /// Gives up everything that waits.
    pub fn finish(&mut self, out: &mut impl Output) {
        while let Some(Reverse((_, flow))) = self.waiting.pop() {
            self.give_up(&flow, |_, _| true, out);
        }
    }

    fn hold(
        &mut self,
        packet: Packet<'_>,
        seen: &Sighting<'_>,
        encrypted: bool,
        out: &mut impl Output,
    ) {
        let Some(state) = self.flows.get_mut(&seen.flow) else { return };
        state.hold(packet, seen.from, encrypted);
        self.held_bytes += Held::cost(&packet);
        if !state.listed {
            state.listed = true;
            let deadline = packet.time_ns.saturating_add(self.limits.wait_ns);
            self.waiting.push(Reverse((deadline, seen.flow)));
        }
        let most = self.limits.flow_bytes;
        if state.held_bytes() > most {
            self.in_vain(&seen.flow, |_, held| held > most, out);
        }
        while self.held_bytes > self.limits.wait_bytes {
            let Some(Reverse((_, oldest))) = self.waiting.pop() else { return };
            self.give_up(&oldest, |_, _| true, out);
        }
    }

    /// Gives up packets of a flow that was just taken from the list; it goes back there if some
    /// are left.
    fn give_up(&mut self, flow: &Flow, vain: impl Fn(u64, usize) -> bool, out: &mut impl Output) {
        self.in_vain(flow, vain, out);
        let Some(state) = self.flows.get_mut(flow) else { return };
        let oldest = state.oldest_ns();
        state.listed = oldest.is_some();
        if let Some(oldest) = oldest {
            self.waiting.push(Reverse((oldest.saturating_add(self.limits.wait_ns), *flow)));
        }
    }

    /// Packets waited long enough: those of a wanted flow go on without their key, and so do the
    /// ones after them.
    fn in_vain(&mut self, flow: &Flow, vain: impl Fn(u64, usize) -> bool, out: &mut impl Output) {
        if !self.is_wanted(flow) {
            return self.count_vain(flow, vain);
        }
        let Some(state) = self.flows.get_mut(flow) else { return };
        if state.oldest_ns().is_some_and(|oldest| vain(oldest, state.held_bytes())) {
            self.totals.keyless += state.keyed.give_up();
            self.release(flow, out);
        }
    }

    /// Whether a flow without a ClientHello may be what a connection of QUIC goes on as (RFC 9000,
    /// section 9), whose earlier packets still wait: readers need these first.
    fn follows(&self, flow: &Flow) -> bool {
        let met = |state: &State| state.keyed.is_met();
        let earlier = |Reverse((_, other)): &Reverse<(u64, Flow)>| {
            other.protocol() == Protocol::Udp
                && other.is_beside(flow)
                && self.flows.get(other).is_some_and(|state| met(state) && state.is_holding())
        };
        flow.protocol() == Protocol::Udp
            && !self.waiting.is_empty()
            && !self.flows.get(flow).is_some_and(met)
            && self.waiting.iter().any(earlier)
    }

    fn is_wanted(&self, flow: &Flow) -> bool {
        let doubts = self.limits.doubts;
        let wanted = |state: &State| state.standing(flow, &self.ports, doubts) == Standing::Wanted;
        !self.choosy || self.flows.get(flow).is_some_and(wanted)
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
        if !self.follows(flow) {
            self.release(flow, out);
        }
    }

    /// The same, whatever waits beside it; and then for what follows it.
    fn release(&mut self, flow: &Flow, out: &mut impl Output) {
        self.hand_over(flow, out);
        let led = |state: &State| state.keyed.is_met() && !state.is_holding();
        if flow.protocol() != Protocol::Udp || !self.flows.get(flow).is_some_and(led) {
            return;
        }
        let beside = self.waiting.iter().map(|Reverse((_, other))| *other);
        for other in beside.filter(|other| other.is_beside(flow)).collect::<Vec<_>>() {
            if !self.follows(&other) {
                self.hand_over(&other, out);
            }
        }
    }

    fn hand_over(&mut self, flow: &Flow, out: &mut impl Output) {
        let Some(state) = self.flows.get_mut(flow) else { return };
        let standing = match self.choosy {
            true => state.standing(flow, &self.ports, self.limits.doubts),
            false => Standing::Wanted,
        };
        match standing {
            Standing::Wanted => {
                while let Some(held) = state.pop_readable() {
                    self.held_bytes -= Held::cost(&held.packet());
                    write(held.packet(), flow, state, &self.ports, &mut self.totals, out);
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

/// Hands a packet over, after what its page has to hold for it.
fn write(
    packet: Packet<'_>,
    flow: &Flow,
    state: &mut State,
    ports: &Ports,
    totals: &mut Totals,
    out: &mut impl Output,
) {
    let keyed = &mut state.keyed;
    totals.written += 1;
    totals.connections += keyed.uncounted();
    if keyed.turns_to(out.page()) {
        for (server, name) in keyed.names() {
            out.name(flow.ends()[server].socket_addr().ip(), name);
        }
        keyed.keys.iter().for_each(|key| out.key(key));
    }
    let owners = state.name(flow, ports);
    out.packet(packet, Whose(Some((flow, &owners))));
}

fn tell_names(seen: &Sighting<'_>, out: &mut impl Output) {
    if seen.flow.ends()[seen.from].port() == dns::PORT {
        // What is no answer names nothing.
        let _ = dns::answers(seen.payload, |address, name| out.name(address, name));
    }
}

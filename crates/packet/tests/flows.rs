//! Which packets are handed over, in which order, and what becomes of the others.

use std::net::IpAddr;
use std::sync::Arc;

use ecapture_packet::{
    Claim, End, Flow, Flows, Key, Limits, Output, Owner, Packet, Protocol, Sighting, Totals, Whose,
};
use proptest::prelude::*;

/// Time and owners' numbers of what was handed over.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen(Vec<(u64, Vec<u32>)>);

impl Output for Seen {
    fn packet(&mut self, packet: Packet<'_>, whose: Whose<'_>) {
        self.0.push((packet.time_ns, whose.iter().map(|(_, owner)| owner.pid).collect()));
    }

    fn key(&mut self, _: &Arc<Key>) {}

    fn name(&mut self, _: IpAddr, _: &str) {}

    fn page(&self) -> u64 {
        0
    }
}

impl Seen {
    fn times(&self) -> Vec<u64> {
        self.0.iter().map(|(time, _)| *time).collect()
    }
}

const CLIENT: End2 = End2([127, 0, 0, 1], 40_000);
const SERVER: End2 = End2([127, 0, 0, 1], 443);

#[derive(Clone, Copy)]
struct End2([u8; 4], u16);

impl From<End2> for End {
    fn from(end: End2) -> Self {
        End::v4(end.0, end.1)
    }
}

fn seen(protocol: Protocol, from: End2, to: End2) -> Sighting<'static> {
    let (flow, from) = Flow::between(protocol, from.into(), to.into());
    Sighting { flow, from, opens: false, closes: false, resets: false, payload: &[] }
}

fn tcp() -> Sighting<'static> {
    seen(Protocol::Tcp, CLIENT, SERVER)
}

fn packet(time_ns: u64) -> Packet<'static> {
    Packet { time_ns, len: 100, bytes: &[7; 100] }
}

fn claim(time_ns: u64, pid: u32, local: End2, remote: Option<End2>, wanted: bool) -> Claim {
    Claim {
        time_ns,
        socket: time_ns,
        protocol: Protocol::Tcp,
        local: local.into(),
        remote: remote.map(End::from),
        wanted,
        shares_port: false,
        netns: 1,
        owner: Arc::new(Owner { pid, comm: b"x".to_vec(), exe: None, container: None }),
    }
}

fn client(time_ns: u64, wanted: bool) -> Claim {
    claim(time_ns, 1, CLIENT, Some(SERVER), wanted)
}

fn server(time_ns: u64, wanted: bool) -> Claim {
    claim(time_ns, 2, SERVER, Some(CLIENT), wanted)
}

fn choosy() -> Flows {
    Flows::new(Limits::default(), true)
}

fn totals(written: u64, others: u64, undecided: u64) -> Totals {
    Totals { written, others, undecided, ..Totals::default() }
}

const WAIT: u64 = 2_000_000_000;

#[test]
fn without_a_choice_all_are_handed_over_at_once_and_each_process_is_named_once() {
    let (mut flows, mut out) = (Flows::new(Limits::default(), false), Seen::default());
    flows.packet(packet(1), Some(&tcp()), &mut out);
    flows.claim(&client(2, false), &mut out);
    flows.packet(packet(3), Some(&tcp()), &mut out);
    flows.packet(packet(4), None, &mut out);
    flows.claim(&server(5, false), &mut out);
    flows.packet(packet(6), Some(&tcp()), &mut out);
    flows.packet(packet(7), Some(&tcp()), &mut out);
    let expected = [(1, vec![]), (3, vec![1]), (4, vec![]), (6, vec![2]), (7, vec![])];
    assert_eq!(out.0, expected);
    assert_eq!(*flows.totals(), totals(5, 0, 0));
}

#[test]
fn packets_wait_for_their_process_and_come_in_order() {
    let (mut flows, mut out) = (choosy(), Seen::default());
    for time in [1, 2, 3] {
        flows.packet(packet(time), Some(&tcp()), &mut out);
    }
    // The client's claim comes first, though nobody asked for the client.
    flows.claim(&client(4, false), &mut out);
    assert_eq!(out, Seen::default());
    flows.claim(&server(5, true), &mut out);
    flows.packet(packet(6), Some(&tcp()), &mut out);
    assert_eq!(out.0, [(1, vec![2, 1]), (2, vec![]), (3, vec![]), (6, vec![])]);
    flows.expire(10 * WAIT, &mut out);
    assert_eq!((*flows.totals(), flows.deadline()), (totals(4, 0, 0), None));
}

#[test]
fn packets_of_others_are_left_out() {
    let (mut flows, mut out) = (choosy(), Seen::default());
    flows.packet(packet(1), Some(&tcp()), &mut out);
    flows.claim(&client(2, false), &mut out);
    flows.claim(&server(2, false), &mut out);
    flows.packet(packet(3), Some(&tcp()), &mut out);
    flows.packet(packet(4), None, &mut out);
    assert_eq!((out, *flows.totals()), (Seen::default(), totals(0, 3, 0)));
}

#[test]
fn waiting_ends_on_the_packets_own_clock() {
    let (mut flows, mut out) = (choosy(), Seen::default());
    flows.packet(packet(10), Some(&tcp()), &mut out);
    flows.packet(packet(20), Some(&tcp()), &mut out);
    flows.expire(WAIT + 9, &mut out);
    assert_eq!(flows.deadline(), Some(WAIT + 10));
    flows.expire(WAIT + 10, &mut out);
    assert_eq!((flows.totals().undecided, flows.deadline()), (1, Some(WAIT + 20)));
    flows.claim(&server(WAIT + 11, true), &mut out);
    assert_eq!((out.times(), *flows.totals()), (vec![20], totals(1, 0, 1)));
}

#[test]
fn a_clock_that_was_set_back_keeps_nothing_waiting() {
    let (mut flows, mut out) = (choosy(), Seen::default());
    flows.packet(packet(100 * WAIT), Some(&tcp()), &mut out);
    flows.expire(100 * WAIT - 1, &mut out);
    assert_eq!(flows.totals().undecided, 0);
    flows.expire(5, &mut out);
    assert_eq!((flows.totals().undecided, flows.deadline()), (1, None));
}

#[test]
fn a_flow_without_a_process_stops_waiting_until_one_claims_it() {
    let limits = Limits { doubts: 3, ..Limits::default() };
    let (mut flows, mut out) = (Flows::new(limits, true), Seen::default());
    for time in 0..3 {
        flows.packet(packet(time), Some(&tcp()), &mut out);
    }
    flows.expire(2 * WAIT, &mut out);
    flows.packet(packet(2 * WAIT), Some(&tcp()), &mut out);
    assert_eq!((flows.totals().undecided, flows.deadline()), (4, None));
    // A claim of a stranger is a reason to look at the other end once more.
    flows.claim(&client(2 * WAIT + 1, false), &mut out);
    flows.packet(packet(2 * WAIT + 2), Some(&tcp()), &mut out);
    flows.claim(&server(2 * WAIT + 3, true), &mut out);
    assert_eq!(out.times(), [2 * WAIT + 2]);
    // What waits when the run ends is counted as well.
    let other = seen(Protocol::Tcp, CLIENT, End2([9; 4], 80));
    flows.packet(packet(2 * WAIT + 4), Some(&other), &mut out);
    flows.finish(&mut out);
    assert_eq!(*flows.totals(), totals(1, 0, 5));
}

#[test]
fn a_crowd_gives_way_to_its_newest_and_one_flow_to_others() {
    let limits = Limits { flow_bytes: 2000, wait_bytes: 3000, ..Limits::default() };
    let (mut flows, mut out) = (Flows::new(limits, true), Seen::default());
    for time in 0..100 {
        flows.packet(packet(time), Some(&tcp()), &mut out);
    }
    let given_up = flows.totals().undecided;
    assert!((80..100).contains(&given_up), "{given_up}");
    for time in 100..200 {
        let other = seen(Protocol::Tcp, End2([10, 0, 0, 1], time as u16), SERVER);
        flows.packet(packet(time), Some(&other), &mut out);
    }
    flows.claim(&server(200, true), &mut out);
    assert_eq!(out, Seen::default(), "what waited longest went first");
    let last = claim(200, 3, End2([10, 0, 0, 1], 199), Some(SERVER), true);
    flows.claim(&last, &mut out);
    assert_eq!(out.times(), [199]);
    flows.finish(&mut out);
    assert_eq!(*flows.totals(), totals(1, 0, 199));
}

#[test]
fn a_new_connection_does_not_inherit_the_process_of_the_former_one() {
    let (mut flows, mut out) = (choosy(), Seen::default());
    flows.claim(&client(1, true), &mut out);
    flows.packet(packet(2), Some(&tcp()), &mut out);
    flows.packet(packet(3), Some(&Sighting { resets: true, ..tcp() }), &mut out);
    flows.packet(packet(5), Some(&Sighting { opens: true, ..tcp() }), &mut out);
    assert_eq!(out.times(), [2, 3]);
    flows.claim(&client(6, false), &mut out);
    flows.claim(&server(6, false), &mut out);
    assert_eq!((out.times(), *flows.totals()), (vec![2, 3], totals(2, 1, 0)));
}

#[test]
fn a_claim_that_comes_before_its_connections_first_packet_counts() {
    let (mut flows, mut out) = (choosy(), Seen::default());
    flows.claim(&client(1, false), &mut out);
    for from in [(CLIENT, SERVER), (SERVER, CLIENT)] {
        let close = Sighting { closes: true, ..seen(Protocol::Tcp, from.0, from.1) };
        flows.packet(packet(2), Some(&close), &mut out);
    }
    // Claims travel faster than packets: this one is about the connection opened at 5.
    flows.claim(&client(6, true), &mut out);
    flows.packet(packet(5), Some(&Sighting { opens: true, ..tcp() }), &mut out);
    assert_eq!(out.times(), [2, 2, 5]);
}

#[test]
fn a_later_socket_replaces_an_earlier_one_and_a_shared_one_serves_all() {
    let (mut flows, mut out) = (choosy(), Seen::default());
    let listed = Claim { socket: 0, ..client(1, true) };
    flows.claim(&client(2, false), &mut out);
    flows.claim(&listed, &mut out);
    flows.claim(&server(2, false), &mut out);
    flows.packet(packet(3), Some(&tcp()), &mut out);
    assert_eq!(out, Seen::default(), "an old list does not overrule a socket at work");
    let parent = Claim { socket: 2, ..claim(4, 9, CLIENT, Some(SERVER), true) };
    flows.claim(&parent, &mut out);
    flows.claim(&Claim { wanted: false, ..parent.clone() }, &mut out);
    flows.packet(packet(5), Some(&tcp()), &mut out);
    assert_eq!(out.times(), [5]);
    flows.claim(&client(6, false), &mut out);
    flows.packet(packet(7), Some(&tcp()), &mut out);
    assert_eq!(out.times(), [5]);
}

#[test]
fn a_datagram_socket_claims_its_port_and_nobody_elses() {
    const HERE: End2 = End2([10, 0, 0, 1], 443);
    const PEER: End2 = End2([10, 0, 0, 2], 443);
    const ALL: End2 = End2([0; 4], 443);
    let (mut flows, mut out) = (choosy(), Seen::default());
    flows.set_addresses([IpAddr::from(HERE.0)]);
    let udp = |from, to| seen(Protocol::Udp, from, to);
    flows.packet(packet(1), Some(&udp(HERE, End2([10, 0, 0, 2], 9))), &mut out);
    flows.packet(packet(2), Some(&udp(End2([10, 0, 0, 1], 9), PEER)), &mut out);
    let open = Claim { protocol: Protocol::Udp, ..claim(3, 7, ALL, None, true) };
    flows.claim(&open, &mut out);
    flows.packet(packet(4), Some(&udp(PEER, End2([10, 0, 0, 1], 9))), &mut out);
    flows.packet(
        packet(5),
        Some(&udp(End2([127, 0, 0, 9], 1), End2([127, 0, 0, 8], 443))),
        &mut out,
    );
    assert_eq!(out.times(), [1, 5]);
    // A connected socket is more to the point than one that takes what is left.
    let other = seen(Protocol::Udp, HERE, End2([10, 0, 0, 2], 10));
    for (pid, local, remote) in [(8, HERE, PEER.0), (9, End2(PEER.0, 10), HERE.0)] {
        let remote = End2(remote, if pid == 8 { 10 } else { 443 });
        let claim = claim(6, pid, local, Some(remote), false);
        flows.claim(&Claim { protocol: Protocol::Udp, ..claim }, &mut out);
    }
    flows.packet(packet(7), Some(&other), &mut out);
    assert_eq!(out.times(), [1, 5]);
}

#[test]
fn sockets_that_share_a_port_are_one_and_others_follow_each_other() {
    let (mut flows, mut out) = (choosy(), Seen::default());
    let udp = |time, shares_port, wanted| Claim {
        protocol: Protocol::Udp,
        shares_port,
        ..claim(time, 7, SERVER, None, wanted)
    };
    let seen = seen(Protocol::Udp, CLIENT, SERVER);
    flows.claim(&udp(1, true, true), &mut out);
    flows.claim(&udp(2, true, false), &mut out);
    flows.packet(packet(3), Some(&seen), &mut out);
    assert_eq!(out.times(), [3]);
    flows.claim(&udp(4, false, false), &mut out);
    flows.packet(packet(5), Some(&seen), &mut out);
    assert_eq!(out.times(), [3]);
}

#[test]
fn many_strangers_do_not_push_a_wanted_flow_out() {
    let limits = Limits { flows: 100, ..Limits::default() };
    let (mut flows, mut out) = (Flows::new(limits, true), Seen::default());
    flows.claim(&client(1, true), &mut out);
    for number in 0..10_000u16 {
        let other = End2([10, 0, 0, 1], number);
        flows.claim(&claim(2, 3, other, Some(SERVER), false), &mut out);
    }
    flows.packet(packet(3), Some(&tcp()), &mut out);
    assert_eq!((out.times(), flows.totals().forgotten), (vec![3], 0));
    for number in 0..1_000u16 {
        let other = End2([10, 0, 0, 1], number);
        flows.claim(&claim(4, 3, other, Some(SERVER), true), &mut out);
    }
    assert!(flows.totals().forgotten > 800, "{:?}", flows.totals());
}

#[derive(Debug, Clone)]
enum Step {
    Packet { port: u16, flags: u8 },
    Claim { port: u16, server: bool, wanted: bool, socket: u64 },
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let packet = (0..6u16, 0..8u8).prop_map(|(port, flags)| Step::Packet { port, flags });
    let claim = (0..6u16, any::<bool>(), any::<bool>(), 0..4u64)
        .prop_map(|(port, server, wanted, socket)| Step::Claim { port, server, wanted, socket });
    let step = prop_oneof![8 => packet, 2 => claim, 1 => (0..WAIT * 2).prop_map(Step::Wait)];
    proptest::collection::vec(step, 0..400)
}

proptest! {
    #[test]
    fn every_packet_has_one_fate_and_flows_keep_their_order(steps in steps(), limited: bool) {
        let limits = match limited {
            true => Limits { wait_bytes: 2500, flow_bytes: 700, doubts: 9, flows: 4, ..Limits::default() },
            false => Limits::default(),
        };
        let (mut flows, mut out) = (Flows::new(limits, true), Order::default());
        let (mut now, mut packets) = (WAIT, 0);
        for step in steps {
            now += 1;
            match step {
                Step::Packet { port, flags } => {
                    let peer = End2([10, 0, 0, 1], port);
                    let seen = Sighting {
                        opens: flags & 1 != 0,
                        closes: flags & 2 != 0,
                        resets: flags == 7,
                        ..seen(Protocol::Tcp, peer, SERVER)
                    };
                    let bytes = [port as u8; 100];
                    packets += 1;
                    flows.packet(Packet { time_ns: now, len: 1, bytes: &bytes }, Some(&seen), &mut out);
                }
                Step::Claim { port, server, wanted, socket } => {
                    let ends = [SERVER, End2([10, 0, 0, 1], port)];
                    let (local, remote) = (ends[usize::from(!server)], ends[usize::from(server)]);
                    let claim = claim(now, u32::from(server), local, Some(remote), wanted);
                    flows.claim(&Claim { socket, ..claim }, &mut out);
                }
                Step::Wait(time) => {
                    now += time;
                    flows.expire(now, &mut out);
                    prop_assert!(flows.deadline().is_none_or(|deadline| deadline > now));
                }
            }
        }
        flows.finish(&mut out);
        let Totals { written, others, undecided, .. } = *flows.totals();
        prop_assert_eq!(written + others + undecided, packets);
        prop_assert_eq!(written, out.count);
        prop_assert_eq!(flows.deadline(), None);
    }
}

#[derive(Default)]
struct Order {
    count: u64,
    last: [u64; 6],
}

impl Output for Order {
    fn packet(&mut self, packet: Packet<'_>, _: Whose<'_>) {
        let last = &mut self.last[usize::from(packet.bytes[0])];
        assert!(packet.time_ns > *last, "out of order");
        *last = packet.time_ns;
        self.count += 1;
    }

    fn key(&mut self, _: &Arc<Key>) {}

    fn name(&mut self, _: IpAddr, _: &str) {}

    fn page(&self) -> u64 {
        0
    }
}

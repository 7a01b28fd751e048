//! Packets of encrypted connections wait for their keys, and no others do.

use std::net::IpAddr;
use std::sync::Arc;

use abi::{Head, Kind, Label, SecretSource};
use ecapture_packet::{End, Flow, Flows, Key, Limits, Output, Packet, Protocol, Sighting, Whose};
use secret::Secret;

/// What was handed over: packets by their time, keys by their label.
#[derive(Debug, PartialEq, Eq)]
enum Got {
    Packet(u64),
    Key(Label),
    Name(String),
}
use Got::{Key as K, Packet as P};

#[derive(Debug, Default)]
struct Page {
    got: Vec<Got>,
    number: u64,
}

impl Output for Page {
    fn packet(&mut self, packet: Packet<'_>, _: Whose<'_>) {
        self.got.push(P(packet.time_ns));
    }

    fn key(&mut self, key: &Arc<Key>) {
        self.got.push(K(key.secret.label));
    }

    fn name(&mut self, address: IpAddr, name: &str) {
        self.got.push(Got::Name(format!("{address} {name}")));
    }

    fn page(&self) -> u64 {
        self.number
    }
}

const SERVER: u16 = 443;
const NETNS: u32 = 1;
const WAIT: u64 = 2_000_000_000;

struct Story {
    flows: Flows,
    page: Page,
}

impl Story {
    fn new() -> Self {
        Self { flows: Flows::new(Limits::default(), false), page: Page::default() }
    }

    /// A packet of the flow between the server and this client's port, from one of them.
    fn packet(&mut self, time_ns: u64, client: u16, from: u16, payload: &[u8]) {
        self.segment(Protocol::Tcp, time_ns, client, from, payload);
    }

    fn segment(&mut self, of: Protocol, time_ns: u64, client: u16, from: u16, payload: &[u8]) {
        let to = if from == client { SERVER } else { client };
        let [from, to] = [from, to].map(|port| End::v4([10, 0, 0, 1], port));
        let (flow, from) = Flow::between(of, from, to);
        let [opens, closes, resets] = [false; 3];
        let seen = Sighting { flow, from, opens, closes, resets, payload };
        let packet = Packet { time_ns, len: 100, bytes: &[0; 100] };
        self.flows.packet(packet, Some(&seen), &mut self.page);
    }

    fn hello(&mut self, time_ns: u64, client: u16, random: u8) {
        self.packet(time_ns, client, client, &hello(random));
    }

    /// A key, and the port of the client whose socket the thread used last.
    fn key(&mut self, label: Label, random: u8, client: Option<u16>) {
        self.key_of(label, [random; 32], client);
    }

    fn key_of(&mut self, label: Label, client_random: [u8; 32], client: Option<u16>) {
        let mut raw = abi::Secret {
            head: Head { kind: Kind::Secret as u8, ..Head::default() },
            client_random,
            secret: [client_random[0]; 48],
            label: label as u8,
            secret_len: 48,
            source: SecretSource::Logged as u8,
            ..abi::Secret::default()
        };
        if let Some(client) = client {
            (raw.family, raw.protocol, raw.netns) = (4, 6, NETNS);
            (raw.local_port, raw.remote_port) = (client, SERVER);
            raw.local[..4].copy_from_slice(&[10, 0, 0, 1]);
            raw.remote[..4].copy_from_slice(&[10, 0, 0, 1]);
        }
        let key = Key::new(Secret::decode(&raw.to_bytes()).expect("a key"), NETNS);
        self.flows.key(&Arc::new(key), &mut self.page);
    }

    fn got(&mut self) -> Vec<Got> {
        std::mem::take(&mut self.page.got)
    }
}

/// A TLS record with a ClientHello in it, cut behind the random.
fn hello(random: u8) -> Vec<u8> {
    [[22, 3, 1, 0, 90, 1, 0, 0, 86, 3, 3].as_slice(), &[random; 32]].concat()
}

#[test]
fn packets_after_a_hello_wait_for_the_keys_of_their_sender() {
    let mut story = Story::new();
    story.packet(1, 1000, 1000, b"");
    story.hello(2, 1000, 7);
    story.packet(3, 1000, SERVER, b"server hello");
    story.packet(4, 1000, 1000, b"finished");
    story.packet(5, 2000, 2000, b"another flow");
    assert_eq!(story.got(), [P(1), P(2), P(5)]);
    story.key(Label::ServerHandshakeTrafficSecret, 7, None);
    story.key(Label::ClientHandshakeTrafficSecret, 7, None);
    assert_eq!(story.got(), []);
    story.key(Label::ServerTrafficSecret0, 7, None);
    // The server's goes; the client's, behind it, needs one more.
    let server = [Label::ServerHandshakeTrafficSecret, Label::ClientHandshakeTrafficSecret];
    let [a, b] = server.map(K);
    assert_eq!(story.got(), [a, b, K(Label::ServerTrafficSecret0), P(3)]);
    story.key(Label::ClientTrafficSecret0, 7, None);
    let got = story.got();
    assert_eq!(got.last(), Some(&P(4)));
    assert!(got.contains(&K(Label::ClientTrafficSecret0)));
    story.packet(6, 1000, SERVER, b"data");
    assert_eq!(story.got(), [P(6)]);
    let totals = story.flows.totals();
    assert_eq!((totals.connections, totals.keyless, totals.disagreed), (1, 0, 0));
}

#[test]
fn what_comes_before_the_server_answers_does_not_wait() {
    let mut story = Story::new();
    story.hello(2, 1000, 7);
    story.packet(3, 1000, SERVER, b"");
    story.packet(4, 1000, 1000, b"the rest of the hello");
    assert_eq!(story.got(), [P(2), P(3), P(4)]);
}

#[test]
fn keys_that_come_before_the_hello_are_found_by_its_random() {
    let mut story = Story::new();
    story.key(Label::ClientRandom, 7, None);
    story.hello(2, 1000, 7);
    story.packet(3, 1000, SERVER, b"server hello");
    assert_eq!(story.got(), [K(Label::ClientRandom), P(2), P(3)]);
}

#[test]
fn each_page_has_the_keys_that_its_packets_need() {
    let mut story = Story::new();
    story.key(Label::ClientRandom, 7, None);
    story.hello(2, 1000, 7);
    story.got();
    story.page.number = 1;
    story.packet(3, 1000, SERVER, b"");
    story.packet(4, 1000, SERVER, b"");
    assert_eq!(story.got(), [K(Label::ClientRandom), P(3), P(4)]);
}

#[test]
fn a_connection_without_keys_waits_once_and_is_counted() {
    let mut story = Story::new();
    story.hello(2, 1000, 7);
    story.packet(3, 1000, SERVER, b"server hello");
    story.flows.expire(2 + WAIT, &mut story.page);
    assert_eq!(story.got(), [P(2)]);
    story.flows.expire(3 + WAIT, &mut story.page);
    story.packet(4, 1000, SERVER, b"more");
    assert_eq!(story.got(), [P(3), P(4)]);
    assert_eq!(story.flows.totals().keyless, 1);
    // A key that comes too late is still of use to who reads the whole file first.
    story.key(Label::ClientRandom, 7, None);
    assert_eq!(story.got(), [K(Label::ClientRandom)]);
}

#[test]
fn what_waits_for_keys_is_bounded() {
    let mut story = Story::new();
    story.hello(2, 1000, 7);
    for time in 3..100_000 {
        story.packet(time, 1000, SERVER, b"bulk");
    }
    let got = story.got();
    assert!(got.len() > 10_000, "{} went on", got.len());
    assert!(got.windows(2).all(|two| matches!(two, [P(a), P(b)] if a < b)));
    assert_eq!(story.flows.totals().keyless, 1);
}

#[test]
fn a_connection_whose_hello_was_not_seen_goes_by_the_socket() {
    let mut story = Story::new();
    story.packet(1, 1000, 1000, b"data");
    story.key(Label::ClientTrafficSecret0, 7, Some(1000));
    story.packet(2, 1000, 1000, b"data");
    assert_eq!(story.got(), [P(1), K(Label::ClientTrafficSecret0), P(2)]);
    assert_eq!(story.flows.totals().disagreed, 0);
}

#[test]
fn the_hello_is_believed_and_the_socket_counted() {
    let mut story = Story::new();
    story.hello(1, 1000, 7);
    story.hello(1, 2000, 8);
    story.got();
    // A thread that used another connection last.
    story.key(Label::ClientRandom, 7, Some(2000));
    assert_eq!(story.flows.totals().disagreed, 1);
    story.packet(2, 1000, SERVER, b"data");
    story.packet(3, 2000, SERVER, b"data");
    assert_eq!(story.got(), [K(Label::ClientRandom), P(2)]);
    // The same when the key comes first.
    story.key(Label::ClientRandom, 9, Some(1000));
    story.hello(4, 3000, 9);
    assert_eq!(story.flows.totals().disagreed, 3);
}

#[test]
fn names_in_hellos_are_told_on_each_page() {
    let mut story = Story::new();
    // 2 bytes of version, random, no session, one suite, one compression, one extension.
    let tail = [0, 0, 2, 0x13, 1, 1, 0, 0, 10, 0, 0, 0, 6, 0, 4, 0, 0, 1, b'a'];
    let hello = [hello(7).as_slice(), &tail].concat();
    story.packet(1, 1000, 1000, &hello);
    assert_eq!(story.got(), [Got::Name("10.0.0.1 a".to_owned()), P(1)]);
}

#[test]
fn a_name_is_told_after_keys_that_the_socket_brought() {
    let mut story = Story::new();
    story.key(Label::ClientRandom, 7, Some(1000));
    story.packet(1, 1000, 1000, b"");
    let tail = [0, 0, 2, 0x13, 1, 1, 0, 0, 10, 0, 0, 0, 6, 0, 4, 0, 0, 1, b'a'];
    story.packet(2, 1000, 1000, &[hello(7).as_slice(), &tail].concat());
    let got = story.got();
    assert!(got.contains(&Got::Name("10.0.0.1 a".to_owned())), "{got:?}");
}

/// QUIC of a client that asks for `example.com`, and of one that asks for `localhost` in two
/// datagrams; their randoms begin so.
const EXAMPLE: &[u8] = include_bytes!("quic/rfc9001-a2");
const LARGE: [&[u8]; 2] = [include_bytes!("quic/curl-1"), include_bytes!("quic/curl-2")];
const EXAMPLE_RANDOM: [u8; 32] =
    *b"\xeb\xf8\xfa\x56\xf1\x29\x39\xb9\x58\x4a\x38\x96\x47\x2e\xc4\x0b\
    \xb8\x63\xcf\xd3\xe8\x68\x04\xfe\x3a\x47\xf0\x6a\x2b\x69\x48\x4c";

fn keys(story: &mut Story, random: [u8; 32]) {
    for label in [
        Label::ServerHandshakeTrafficSecret,
        Label::ClientHandshakeTrafficSecret,
        Label::ServerTrafficSecret0,
        Label::ClientTrafficSecret0,
    ] {
        story.key_of(label, random, None);
    }
}

#[test]
fn datagrams_of_quic_wait_as_segments_do() {
    let mut story = Story::new();
    story.segment(Protocol::Udp, 1, 1000, 1000, EXAMPLE);
    story.segment(Protocol::Udp, 2, 1000, SERVER, b"server hello");
    story.segment(Protocol::Udp, 3, 1000, 1000, b"finished");
    assert_eq!(story.got(), [Got::Name("10.0.0.1 example.com".to_owned()), P(1)]);
    keys(&mut story, EXAMPLE_RANDOM);
    let got = story.got();
    let at = |what: &Got| got.iter().position(|got| got == what).unwrap();
    assert!(at(&K(Label::ServerTrafficSecret0)) < at(&P(2)));
    assert!(at(&K(Label::ClientTrafficSecret0)) < at(&P(3)));
    let totals = story.flows.totals();
    assert_eq!((totals.connections, totals.keyless, totals.disagreed), (1, 0, 0));
}

#[test]
fn connections_between_the_same_ends_have_keys_of_their_own() {
    let mut story = Story::new();
    story.segment(Protocol::Udp, 1, 1000, 1000, EXAMPLE);
    keys(&mut story, EXAMPLE_RANDOM);
    for _ in 0..100 {
        story.segment(Protocol::Udp, 2, 1000, SERVER, b"data");
    }
    for (time, part) in (3..).zip(LARGE) {
        story.segment(Protocol::Udp, time, 1000, 1000, part);
    }
    let got = story.got();
    assert!(got.ends_with(&[P(4)]), "{got:?}");
    assert!(got.contains(&Got::Name("10.0.0.1 localhost".to_owned())), "{got:?}");
    story.segment(Protocol::Udp, 5, 1000, SERVER, b"server hello");
    assert_eq!(story.got(), []);
    story.flows.expire(5 + WAIT, &mut story.page);
    assert_eq!(story.got(), [P(5)]);
    let totals = story.flows.totals();
    assert_eq!((totals.connections, totals.keyless, totals.disagreed), (2, 1, 0));
}

#[test]
fn what_a_connection_goes_on_as_comes_after_what_waits() {
    let mut story = Story::new();
    story.segment(Protocol::Udp, 1, 1000, 1000, EXAMPLE);
    story.segment(Protocol::Udp, 2, 1000, SERVER, b"server hello");
    story.segment(Protocol::Udp, 3, 2000, 2000, b"from another port");
    story.segment(Protocol::Udp, 4, 2000, SERVER, b"answer");
    // A segment, a long header, and nobody's neighbour go on.
    story.segment(Protocol::Tcp, 5, 3000, 3000, b"a segment");
    story.segment(Protocol::Udp, 6, 4000, 4000, b"\xc0");
    assert_eq!(story.got(), [Got::Name("10.0.0.1 example.com".to_owned()), P(1), P(5), P(6)]);
    keys(&mut story, EXAMPLE_RANDOM);
    let packets = |got: Vec<Got>| got.into_iter().filter(|got| matches!(got, P(_)));
    assert_eq!(packets(story.got()).collect::<Vec<_>>(), [P(2), P(3), P(4)]);
    story.segment(Protocol::Udp, 7, 2000, 2000, b"no longer");
    assert_eq!(story.got(), [P(7)]);
}

#[test]
fn what_follows_waits_no_longer_than_what_it_follows() {
    let mut story = Story::new();
    story.segment(Protocol::Udp, 1, 1000, 1000, EXAMPLE);
    story.segment(Protocol::Udp, 2, 1000, SERVER, b"server hello");
    story.segment(Protocol::Udp, 3, 2000, 2000, b"from another port");
    story.got();
    story.flows.expire(2 + WAIT, &mut story.page);
    assert_eq!(story.got(), [P(2), P(3)]);
    assert_eq!(story.flows.deadline(), Some(3 + WAIT));
    story.flows.finish(&mut story.page);
    assert_eq!(story.got(), []);
}

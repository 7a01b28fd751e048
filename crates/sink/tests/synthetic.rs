//! Streams made of plaintext, as a reader of packets finds them.
#![allow(clippy::unwrap_used, reason = "only tests call this")]

mod sample;

use pcap_parser::parse_block_le;
use pcap_parser::pcapng::Block;
use sample::{TIME, conn, gap, piece, unknown};
use sink::pcapng::Section;
use sink::{Sink, Synthetic, Taken};
use stream::{Close, CloseReason, Conn, Dir, Gap, Piece};

/// What a packet says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    from: String,
    to: String,
    seq: u32,
    ack: u32,
    flags: String,
    payload: Vec<u8>,
    comments: Vec<String>,
}

fn seen(out: &[u8]) -> Vec<Seen> {
    let mut rest = out;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (left, block) = parse_block_le(rest).unwrap();
        rest = left;
        if let Block::EnhancedPacket(block) = block {
            let comments = block.options.iter().filter(|option| option.code.0 == 1);
            let comments = comments.map(|option| option.as_str().unwrap().to_owned()).collect();
            found.push(packet(&block.data[..block.caplen as usize], comments));
        }
    }
    found
}

fn word(bytes: &[u8]) -> u16 {
    u16::from_be_bytes([bytes[0], bytes[1]])
}

/// The sum over all words, which is -0 if the checksum within is right.
fn checks(bytes: &[u8]) -> bool {
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum == 0xffff
}

fn packet(bytes: &[u8], comments: Vec<String>) -> Seen {
    let v4 = bytes[0] >> 4 == 4;
    let (header, len, ips) = if v4 { (20, 4, 12) } else { (40, 16, 8) };
    if v4 {
        assert!(checks(&bytes[..20]), "header checksum");
        assert_eq!(usize::from(word(&bytes[2..])), bytes.len());
    } else {
        assert_eq!(usize::from(word(&bytes[4..])) + 40, bytes.len());
    }
    let (ips, tcp) = (&bytes[ips..ips + 2 * len], &bytes[header..]);
    let size = tcp.len() as u32;
    assert!(checks(&[ips, &size.to_be_bytes(), &[0, 0, 0, 6], tcp].concat()), "TCP checksum");
    let ip = |octets: &[u8]| match <[u8; 4]>::try_from(octets) {
        Ok(v4) => std::net::IpAddr::from(v4).to_string(),
        Err(_) => format!("[{}]", std::net::IpAddr::from(<[u8; 16]>::try_from(octets).unwrap())),
    };
    let long = |at: usize| u32::from_be_bytes(tcp[at..at + 4].try_into().unwrap());
    let flags = [(2, 'S'), (8, 'P'), (16, 'A'), (1, 'F')];
    Seen {
        from: format!("{}:{}", ip(&ips[..len]), word(tcp)),
        to: format!("{}:{}", ip(&ips[len..]), word(&tcp[2..])),
        seq: long(4),
        ack: long(8),
        flags: flags.iter().filter(|(bit, _)| tcp[13] & bit != 0).map(|(_, flag)| *flag).collect(),
        payload: tcp[20..].to_vec(),
        comments,
    }
}

fn ended(reason: CloseReason) -> Close {
    Close { reason, ..sample::close() }
}

fn flags(packets: &[Seen]) -> Vec<&str> {
    packets.iter().map(|packet| packet.flags.as_str()).collect()
}

#[test]
fn a_connection_from_its_opening_to_its_end() {
    let (mut out, mut sink) = (Vec::new(), Synthetic::new(Taken::default()));
    let conn = conn();
    sink.data(&mut out, &conn, &piece(Dir::Write, b"ask"));
    sink.data(&mut out, &conn, &piece(Dir::Read, b"answer"));
    sink.close(&mut out, &conn, &ended(CloseReason::Freed));
    let packets = seen(&out);
    assert_eq!(flags(&packets), ["S", "SA", "A", "PA", "PA", "AF", "AF", "A"]);
    let (client, server) = ("127.0.0.1:40112", "127.0.0.1:443");
    for (index, packet) in packets.iter().enumerate() {
        let ends = (packet.from.as_str(), packet.to.as_str());
        let backwards = [1, 4, 6].contains(&index);
        assert_eq!(ends, if backwards { (server, client) } else { (client, server) }, "{index}");
    }
    // Each begins where its direction stands, and confirms all of the other.
    let relative = |packet: &Seen| {
        let [own, other] =
            if packet.from == client { [0, 1] } else { [1, 0] }.map(|end| packets[end].seq);
        (packet.seq.wrapping_sub(own), packet.ack.wrapping_sub(other))
    };
    let numbers: Vec<_> = packets[2..].iter().map(relative).collect();
    assert_eq!(numbers, [(1, 1), (1, 1), (1, 4), (4, 7), (7, 5), (5, 8)]);
    assert_eq!((&*packets[3].payload, &*packets[4].payload), (&b"ask"[..], &b"answer"[..]));
    let [whose, what] = &packets[0].comments[..] else { panic!("{:?}", packets[0]) };
    assert_eq!(whose, "pid 1234, curl, /usr/bin/curl, at 127.0.0.1:40112");
    assert!(what.starts_with("synthetic: ") && what.ends_with("/libssl.so.3"), "{what}");
    assert_eq!(packets[5].comments, ["the connection ended: freed"]);
}

#[test]
fn a_server_answers_the_opening() {
    let (mut out, mut sink) = (Vec::new(), Synthetic::new(Taken::default()));
    let client = conn();
    let server = Conn { local: client.remote, remote: client.local, ..client };
    sink.data(&mut out, &server, &piece(Dir::Read, b"ask"));
    let packets = seen(&out);
    assert_eq!(packets[0].from, "127.0.0.1:40112");
    assert_eq!(packets[0].comments[0], "pid 1234, curl, /usr/bin/curl, at 127.0.0.1:443");
}

#[test]
fn what_is_missing_is_a_missing_segment() {
    let (mut out, mut sink) = (Vec::new(), Synthetic::new(Taken::default()));
    let conn = conn();
    sink.gap(&mut out, &conn, &Gap { pos: 0, len: 1000, ..gap() });
    sink.data(&mut out, &conn, &Piece { pos: 1000, ..piece(Dir::Read, b"rest") });
    sink.gap(&mut out, &conn, &Gap { pos: 1004, len: 7, ..gap() });
    sink.close(&mut out, &conn, &ended(CloseReason::Detached));
    let packets = seen(&out);
    // No end was seen, so none is shown.
    assert_eq!(flags(&packets), ["S", "SA", "A", "PA", "A"]);
    let opening = packets.iter().find(|packet| packet.from == packets[3].from).unwrap().seq;
    assert_eq!(packets[3].seq.wrapping_sub(opening), 1001);
    assert_eq!(packets[3].comments, ["1000 bytes before this are missing: ring-full"]);
    assert_eq!(packets[4].seq.wrapping_sub(opening), 1012);
    assert_eq!(packets[4].comments, ["7 bytes before this are missing: ring-full"]);
}

#[test]
fn long_pieces_are_cut_and_confirmed_and_peeks_left_out() {
    let (mut out, mut sink) = (Vec::new(), Synthetic::new(Taken::default()));
    let (conn, long) = (unknown(), vec![b'x'; 300_001]);
    sink.data(&mut out, &conn, &Piece { peek: true, ..piece(Dir::Read, &long) });
    assert!(out.is_empty());
    // So much does not wait for addresses.
    sink.data(&mut out, &conn, &piece(Dir::Read, &long));
    let packets = seen(&out);
    let sent: Vec<u8> = packets.iter().flat_map(|packet| packet.payload.clone()).collect();
    assert_eq!(sent, long);
    assert!(packets.iter().all(|packet| packet.payload.len() <= 16_384));
    let confirming = packets[3..].iter().filter(|packet| packet.payload.is_empty()).count();
    assert_eq!(confirming, 9);
    assert_eq!(packets.iter().filter(|packet| packet.flags == "PA").count(), 1);
}

const SECOND: u64 = 1_000_000_000;

#[test]
fn bytes_wait_for_addresses_that_become_known() {
    let (mut out, mut sink) = (Vec::new(), Synthetic::new(Taken::default()));
    let (early, known) = (Conn { id: 1, ..unknown() }, conn());
    sink.data(&mut out, &early, &piece(Dir::Read, b"ask"));
    sink.gap(&mut out, &early, &Gap { pos: 3, len: 5, ..gap() });
    sink.expire(&mut out, TIME + SECOND - 1);
    assert!(out.is_empty());
    assert_eq!(sink.deadline(), Some(TIME + SECOND));
    sink.data(&mut out, &known, &Piece { time: TIME + 9, ..piece(Dir::Write, b"answer") });
    sink.data(&mut out, &known, &Piece { pos: 8, ..piece(Dir::Read, b"more") });
    let packets = seen(&out);
    assert_eq!(flags(&packets), ["S", "SA", "A", "PA", "PA", "PA"]);
    let (own, other) = ("127.0.0.1:40112", "127.0.0.1:443");
    assert_eq!(packets[0].comments.len(), 2, "{:?}", packets[0].comments);
    assert!(packets.iter().all(|packet| [own, other].contains(&packet.from.as_str())));
    let payloads: Vec<_> = packets[3..].iter().map(|packet| packet.payload.as_slice()).collect();
    assert_eq!(payloads, [&b"ask"[..], b"answer", b"more"]);
    assert_eq!(packets[5].comments, ["5 bytes before this are missing: ring-full"]);
    assert_eq!(packets[5].seq.wrapping_sub(packets[3].seq), 8);
    assert_eq!(sink.deadline(), None);
}

#[test]
fn addresses_that_never_become_known_are_made_up_and_no_two_alike() {
    let (mut out, mut sink) = (Vec::new(), Synthetic::new(Taken::default()));
    for id in [1, 2, 1 << 40] {
        sink.data(&mut out, &Conn { id, ..unknown() }, &piece(Dir::Write, b"ask"));
    }
    assert!(out.is_empty());
    sink.expire(&mut out, TIME + SECOND);
    // What comes now need not wait any more, and may be too late to say where it goes.
    sink.data(&mut out, &Conn { id: 2, ..conn() }, &Piece { pos: 3, ..piece(Dir::Write, b"more") });
    let packets = seen(&out);
    let ends: Vec<_> = packets.iter().map(|packet| packet.from.as_str()).collect();
    assert_eq!(ends[0], "[2001:db8:0:1::1]:50001");
    assert_eq!(ends[4], "[2001:db8:0:1::2]:50001");
    assert_eq!(ends[8], "[2001:db8:0:1:0:100::]:50001");
    assert_eq!(packets[0].comments[2], "the addresses are not known, these are made up");
    let late = "the true addresses are 127.0.0.1:40112 and 127.0.0.1:443";
    assert_eq!(
        (packets[12].from.as_str(), &packets[12].comments[..]),
        (ends[4], &[late.into()][..])
    );
}

#[test]
fn what_waits_is_written_when_the_connection_ends() {
    let (mut out, mut sink) = (Vec::new(), Synthetic::new(Taken::default()));
    sink.data(&mut out, &unknown(), &piece(Dir::Write, b"ask"));
    sink.close(&mut out, &unknown(), &ended(CloseReason::Freed));
    assert_eq!(flags(&seen(&out)), ["S", "SA", "A", "PA", "AF", "AF", "A"]);
    assert_eq!(sink.deadline(), None);
}

/// Nor does a clock that is set back keep it.
#[test]
fn what_waits_is_bounded() {
    let (mut out, mut sink) = (Vec::new(), Synthetic::new(Taken::default()));
    let some = vec![b'x'; 100_000];
    for id in 1..=100 {
        sink.data(&mut out, &Conn { id, ..unknown() }, &piece(Dir::Write, &some));
    }
    let written = |out: &[u8]| seen(out).iter().filter(|packet| packet.flags == "S").count();
    // The first ones went; four megabytes wait.
    assert!((55..65).contains(&written(&out)), "{}", written(&out));
    assert_eq!(seen(&out)[0].from, "[2001:db8:0:1::1]:50001");
    sink.expire(&mut out, TIME - SECOND);
    assert_eq!(written(&out), 100);
}

#[test]
fn the_other_end_of_a_connection_is_another_stream() {
    let taken = Taken::default();
    let (mut out, mut one) = (Vec::new(), Synthetic::new(taken.clone()));
    let mut two = Synthetic::new(taken);
    let client = conn();
    let server = Conn { id: 2, local: client.remote, remote: client.local, ..conn() };
    one.data(&mut out, &client, &piece(Dir::Write, b"ask"));
    two.data(&mut out, &server, &piece(Dir::Read, b"ask"));
    one.close(&mut out, &client, &ended(CloseReason::Freed));
    one.data(&mut out, &Conn { id: 3, ..client }, &piece(Dir::Write, b"ask"));
    let packets = seen(&out);
    let openings: Vec<_> = packets.iter().filter(|packet| packet.flags == "S").collect();
    let from: Vec<_> = openings.iter().map(|packet| packet.from.as_str()).collect();
    let expected = ["127.0.0.1:40112", "[2001:db8:0:2::2]:50002", "127.0.0.1:40112"];
    assert_eq!(from, expected);
    let remark = &openings[1].comments[2];
    assert!(remark.contains("127.0.0.1:443 and 127.0.0.1:40112, are those of another"), "{remark}");
    assert_ne!(openings[0].seq, openings[2].seq, "or it would be taken for the same connection");
}

#[test]
fn the_file_says_that_no_packet_was_on_a_network() {
    let mut out = Vec::new();
    let section = Section { hardware: "", os: "", application: "ecapture 0", comment: "" };
    Synthetic::head(&mut out, &section);
    let (rest, Block::SectionHeader(section)) = parse_block_le(&out).unwrap() else { panic!() };
    let comment = section.options.iter().find(|option| option.code.0 == 1).unwrap();
    assert!(comment.as_str().unwrap().starts_with("Synthetic: no packet"));
    let (_, Block::InterfaceDescription(interface)) = parse_block_le(rest).unwrap() else {
        panic!()
    };
    assert_eq!(interface.linktype.0, 101);
}

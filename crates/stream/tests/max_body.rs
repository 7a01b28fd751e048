//! What is shown of bodies by default: the first mebibyte of each, byte for byte, however it comes.
//! The rest is counted. Where several bodies share less room than that, it is said.
#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod bodies;
mod frames;
mod heard;
mod unfinished;

use bodies::{MIB, Told, calls, chunked, coded, plain, told};
use stream::message::Flaw;
use stream::proto::{Decoder, Options};
use stream::{Dir, Output};
use unfinished::Moves;

/// The one body that was told of in these moves.
fn one(moves: &Moves) -> Told {
    let mut with: Vec<_> = told(moves).into_iter().filter(|told| told.len > 0).collect();
    assert_eq!(with.len(), 1, "one has a body");
    with.remove(0)
}

/// Bodies of a mebibyte and of one byte more, in the form that `moves` gives them.
fn assert_shown(form: &str, moves: impl Fn(&[u8]) -> Moves) {
    for len in [MIB, MIB + 1] {
        let sent = plain(len);
        let told = one(&moves(&sent));
        assert!(told.bytes == sent[..MIB], "{form}: {} B are shown", told.bytes.len());
        assert_eq!((told.len, told.problem), (len as u64, None), "{form}");
        assert_eq!(told.flaws, [], "{form}: what is only counted is no flaw");
    }
}

/// A response of HTTP/1.
fn http1(fields: &str, body: &[u8]) -> Moves {
    let mut moves = vec![(Dir::Write, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_vec())];
    let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n").into_bytes();
    moves.extend(calls(Dir::Read, &[&head, body].concat()));
    moves
}

#[test]
fn of_http1() {
    let length = |body: &[u8]| format!("Content-Length: {}\r\n", body.len());
    assert_shown("by length", |body| http1(&length(body), body));
    assert_shown("in chunks", |body| http1("Transfer-Encoding: chunked\r\n", &chunked(body)));
    assert_shown("to the end", |body| http1("", body));
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let of = format!("Content-Encoding: {coding}\r\n");
        assert_shown(coding, |body| {
            let body = coded(coding, body);
            http1(&[&of[..], &length(&body)].concat(), &body)
        });
        assert_shown(coding, |body| {
            let fields = [&of[..], "Transfer-Encoding: chunked\r\n"].concat();
            http1(&fields, &chunked(&coded(coding, body)))
        });
    }
    assert_shown("a request", |body| {
        let head = format!("POST / HTTP/1.1\r\n{}\r\n", length(body)).into_bytes();
        calls(Dir::Write, &[&head, body].concat()).collect()
    });
}

#[test]
fn of_http2() {
    assert_shown("plain", |body| bodies::http2(&[], &[body]));
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let field = [("content-encoding", coding)];
        assert_shown(coding, |body| bodies::http2(&field, &[&coded(coding, body)]));
    }
}

#[test]
fn of_grpc_and_websocket() {
    assert_shown("a message of gRPC", |message| {
        let prefixed = [&[0][..], &(message.len() as u32).to_be_bytes(), message].concat();
        bodies::http2(&[("content-type", "application/grpc")], &[&prefixed])
    });
    assert_shown("a message of WebSocket", bodies::websocket);
}

#[test]
fn a_request_and_its_response_at_once() {
    let sent = plain(MIB);
    let head = format!("Content-Length: {MIB}\r\n\r\n");
    let request = [b"POST / HTTP/1.1\r\n", head.as_bytes(), &sent].concat();
    let response = [b"HTTP/1.1 200 OK\r\n", head.as_bytes(), &sent].concat();
    let turns = calls(Dir::Write, &request).zip(calls(Dir::Read, &response));
    let told = told(&turns.flat_map(|(one, other)| [one, other]).collect());
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|told| told.bytes == sent && told.flaws.is_empty()));
}

#[test]
fn streams_share_the_room_of_two_and_say_so() {
    let sent = plain(MIB);
    let two = told(&bodies::http2(&[], &[&sent, &sent]));
    let two: Vec<_> = two.iter().filter(|told| told.len > 0).collect();
    assert_eq!(two.len(), 2);
    assert!(two.iter().all(|told| told.bytes == sent && told.flaws.is_empty()));

    let three = told(&bodies::http2(&[], &[&sent, &sent, &sent]));
    let three: Vec<_> = three.iter().filter(|told| told.len > 0).collect();
    assert_eq!(three.len(), 3);
    for told in &three {
        assert_eq!(told.len, MIB as u64, "all of it is counted");
        assert!(sent.starts_with(&told.bytes));
        let short = if told.bytes.len() < MIB { &[Flaw::Limit][..] } else { &[] };
        assert_eq!(told.flaws, short, "{} B are shown", told.bytes.len());
    }
    let shown: usize = three.iter().map(|told| told.bytes.len()).sum();
    assert!((2 * MIB - (192 << 10)..=2 * MIB).contains(&shown), "{shown}");
}

/// More bodies at once than there is room for in all: some connections are told of as they are.
#[test]
fn many_connections_at_once() {
    const CONNECTIONS: u64 = 30;
    let sent = plain(MIB);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {MIB}\r\n\r\n");
    let calls: Vec<_> = calls(Dir::Read, &[head.as_bytes(), &sent].concat()).collect();
    let options = Options::default();
    let (mut decoder, mut ears, mut pos) = (Decoder::new(options), bodies::Ears::default(), 0);
    for id in 1..=CONNECTIONS {
        decoder.onto(&mut ears).open(&heard::conn(id), 1);
    }
    for (dir, bytes) in &calls {
        for id in 1..=CONNECTIONS {
            let piece = bodies::piece(*dir, pos, bytes);
            decoder.onto(&mut ears).data(&heard::conn(id), &piece);
            assert!(decoder.held() <= options.max_held, "{} are held", decoder.held());
        }
        pos += bytes.len() as u64;
    }
    let mut whole = 0;
    for id in 1..=CONNECTIONS {
        let of: Vec<_> = ears.told.iter().filter(|told| told.conn == id).collect();
        let first = of[0];
        assert!(sent.starts_with(&first.bytes), "what is shown was sent");
        whole += u64::from(first.bytes.len() == MIB);
        let cut = if first.bytes.len() == MIB { &[][..] } else { &[Flaw::Limit] };
        assert_eq!(first.flaws, cut, "{} B of {id}", first.bytes.len());
        let shown: Vec<u8> = of.iter().flat_map(|told| told.bytes.clone()).collect();
        assert!(shown == sent, "the rest of {id} is shown as it came");
    }
    assert!((20..CONNECTIONS).contains(&whole), "{whole} are whole");
}

//! The limits of docs/messages.md, each at its edge: what just fits is told as it is; one more, and
//! it is said that there was more, and what follows is told again. Those of HTTP/2 are in
//! `limits_http2.rs`.
#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod heard;

use heard::{Heard, Is, Line, check_spans};
use stream::message::{Flaw, Problem};
use stream::proto::Options;
use stream::proto::body::Builder;
use stream::{CloseReason, Dir};

const KIB: usize = 1 << 10;
const NEXT: &str = "GET /next HTTP/1.1\r\nHost: h\r\n\r\n";

/// Writes these, in calls of 16 KiB, and a request after them; what was told of all.
fn written(parts: &[&[u8]]) -> Vec<Heard> {
    let mut line = Line::new();
    parts.concat().chunks(16 * KIB).for_each(|call| line.write(call));
    line.write(NEXT);
    let heard = line.heard();
    check_spans(&heard, Dir::Write, line.pos[Dir::Write as usize]);
    assert_eq!(heard.last().unwrap().request.as_deref(), Some("GET - h /next"), "it goes on");
    heard
}

/// Likewise, but the response to a request.
fn answered(parts: &[&[u8]]) -> Heard {
    let mut line = Line::new();
    line.write(NEXT);
    line.heard();
    parts.concat().chunks(16 * KIB).for_each(|call| line.read(call));
    line.read("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    let mut heard = line.heard();
    check_spans(&heard, Dir::Read, line.pos[Dir::Read as usize]);
    assert_eq!(heard.last().unwrap().status, Some(201), "it goes on");
    heard.remove(0)
}

/// What is before the last is of no message, and says that a limit is why.
#[track_caller]
fn assert_loose(heard: &[Heard]) {
    let (first, before) = (&heard[0], &heard[..heard.len() - 1]);
    assert!(matches!(first.what, Is::Loose(_)), "bytes of no message");
    assert_eq!(first.flaws, [Flaw::Limit]);
    assert!(!before.iter().any(is_request));
}

fn is_request(heard: &Heard) -> bool {
    matches!(heard.what, Is::Request(_))
}

#[test]
fn a_head_of_http1_has_256_kib() {
    let (start, end) = (b"GET / HTTP/1.1\r\nCookie: ".as_slice(), b"\r\n\r\n".as_slice());
    let fits = vec![b'x'; 256 * KIB - start.len() - end.len()];
    let heard = written(&[start, &fits, end]);
    assert!(heard.len() == 2 && is_request(&heard[0]) && heard[0].flaws.is_empty());
    assert_loose(&written(&[start, &fits, b"x", end]));
}

#[test]
fn a_head_of_http1_has_256_fields() {
    let (start, field) = (b"GET / HTTP/1.1\r\n".as_slice(), b"a: b\r\n");
    let heard = written(&[start, &field.repeat(256), b"\r\n"]);
    assert_eq!((heard.len(), heard[0].has().headers.len()), (2, 256));
    assert_loose(&written(&[start, &field.repeat(257), b"\r\n"]));
}

#[test]
fn trailers_have_64_fields() {
    let start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n".as_slice();
    let whole = answered(&[start, &b"a: b\r\n".repeat(64), b"\r\n"]);
    assert_eq!((whole.flaws.len(), whole.has().trailers.len()), (0, 64));
    let more = answered(&[start, &b"a: b\r\n".repeat(65), b"\r\n"]);
    assert_eq!((&more.flaws[..], &more.has().body[..]), (&[Flaw::Limit][..], &b"hi"[..]));
}

#[test]
fn extensions_of_a_chunk_have_4_kib() {
    let start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;".as_slice();
    let end = b"\r\nhi\r\n0\r\n\r\n".as_slice();
    let whole = answered(&[start, &[b'x'; 4 * KIB - 2], end]);
    assert_eq!((&whole.flaws[..], &whole.has().body[..]), (&[][..], &b"hi"[..]));
    let more = answered(&[start, &[b'x'; 4 * KIB + 1], end]);
    assert_eq!((&more.flaws[..], &more.has().body[..]), (&[Flaw::Limit][..], &b""[..]));
}

#[test]
fn a_method_has_24_letters() {
    let asked = |letters: usize| {
        let mut line = Line::new();
        line.write(format!("{} / HTTP/1.1\r\n\r\n", "M".repeat(letters)));
        is_request(&line.one())
    };
    assert_eq!((asked(24), asked(25)), (true, false));
}

/// A method that is not known needs its whole line.
#[test]
fn a_line_in_which_a_version_is_looked_for_has_8_kib() {
    let asked = |line: usize| {
        let mut request = b"BREW pot HTTP/1.1\r\n".to_vec();
        request.splice(8..8, vec![b't'; line - request.len()]);
        let mut line = Line::new();
        line.write([&request[..], b"\r\n"].concat());
        is_request(&line.one())
    };
    assert_eq!((asked(8 * KIB), asked(8 * KIB + 1)), (true, false));
}

#[test]
fn first_bytes_wait_until_there_are_64() {
    let told = |first: usize| {
        let request = format!("BREW pot{} HTTP/1.1\r\n\r\n", "t".repeat(80));
        let mut line = Line::new();
        line.write(&request[..first]);
        let before = line.heard().len();
        line.write(&request[first..]);
        (before, is_request(&line.heard()[0]))
    };
    assert_eq!(told(63), (0, true), "they waited for the rest of the line");
    assert_eq!(told(64), (1, false), "shown as they came");
}

#[test]
fn a_thousand_requests_wait_for_their_responses() {
    let mut line = Line::new();
    (0..1_000).for_each(|_| line.write(NEXT));
    assert!(line.heard().iter().all(is_request));
    line.write(NEXT);
    let heard = line.heard();
    let [oldest, last] = &heard[..] else { panic!("{heard:#?}") };
    let expected = (&Is::Unanswered, 1, &[Flaw::Limit][..]);
    assert_eq!((&oldest.what, oldest.exchange, &oldest.flaws[..]), expected);
    assert!(is_request(last));
}

#[test]
fn a_body_has_a_thousand_holes() {
    let told = |holes: u64| {
        let mut line = Line::new();
        line.write("POST / HTTP/1.1\r\nContent-Length: 99999\r\n\r\n");
        for _ in 0..holes {
            line.write("x");
            line.lose(Dir::Write, 2);
        }
        line.close(CloseReason::Freed);
        let heard = line.heard();
        let told = heard.into_iter().find(is_request).unwrap();
        assert_eq!(told.has().len, 3 * holes, "all of it is counted");
        told.has().holes.len()
    };
    assert_eq!((told(1_000), told(1_001)), (1_000, 1_000));
}

#[test]
fn past_64_kib_without_a_start_http1_is_unknown() {
    let after = |rubbish: usize| {
        let mut line = Line::new();
        line.write(NEXT);
        line.read("HTTP/1.1 204 No\r\n\r\n");
        line.write(vec![0xff; rubbish]);
        line.heard();
        line.write([0xff; 9]);
        line.one().what
    };
    assert!(matches!(after(64 * KIB - 9), Is::Loose(_)));
    assert!(matches!(after(64 * KIB + 1), Is::Data(_)));
}

#[test]
fn an_event_has_256_kib() {
    let told = |len: usize| {
        let mut line = Line::new();
        line.read("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
        line.heard();
        [b"data:", &vec![b'x'; len][..], b"\n\n"]
            .concat()
            .chunks(16 * KIB)
            .for_each(|c| line.read(c));
        let told = line.one();
        line.read("data: next\n\n");
        assert_eq!(line.one().flaws, [], "it goes on");
        told.flaws
    };
    assert_eq!(told(256 * KIB - 5), []);
    assert_eq!(told(256 * KIB - 4), [Flaw::Limit]);
}

/// The problem of a body in these codings, and its length.
fn built(codings: &[&str], coded: &[u8]) -> (Option<Problem>, u64) {
    let mut builder = Builder::default();
    let options = Options { max_body: 10, ..Options::default() };
    builder.begin(codings.iter().map(|coding| coding.as_bytes()), &options);
    coded.chunks(16 * KIB).for_each(|piece| builder.push(piece, |_| ()));
    builder.end(true);
    (builder.body().problem, builder.body().len)
}

/// A frame of `zstd` with this window (RFC 8878, section 3.1.1.1.2) and one block.
fn zstd(window: u8) -> Vec<u8> {
    let block = [1 | 5 << 3, 0, 0];
    [&[0x28, 0xb5, 0x2f, 0xfd, 0, window][..], &block, b"plain"].concat()
}

#[test]
fn a_window_of_zstd_has_8_mib() {
    let eight = 13 << 3;
    assert_eq!(built(&["zstd"], &zstd(eight)), (None, 5));
    assert_eq!(built(&["zstd"], &zstd(eight + 1)), (Some(Problem::Corrupt), 0), "9 MiB");
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_body_has_four_codings_and_ten_thousand_members() {
    let coded = (0..4).fold(b"plain".to_vec(), |plain, _| gzip(&plain));
    assert_eq!(built(&["gzip"; 4], &coded), (None, 5));
    assert_eq!(built(&["gzip"; 5], &gzip(&coded)).0, Some(Problem::UnknownCoding));
    let member = gzip(b"x");
    assert_eq!(built(&["gzip"], &member.repeat(10_000)), (None, 10_000));
    assert_eq!(built(&["gzip"], &member.repeat(10_001)), (Some(Problem::Corrupt), 10_000));
}

#[test]
fn a_bomb_begins_past_16_mib() {
    let zeros = vec![0; (16 << 20) + 1];
    assert_eq!(built(&["gzip"], &gzip(&zeros[1..])), (None, 16 << 20));
    let (problem, len) = built(&["gzip"], &gzip(&zeros));
    assert_eq!(problem, Some(Problem::Bomb));
    assert!(len <= 16 << 20);
}

#[test]
fn a_bomb_grows_by_more_than_200() {
    // Zeros and noise, mixed so that they shrink to a little more or less than a 200th.
    let mixed = |noise: usize| {
        let mut state = 1u32;
        let mut plain = vec![0; 17 << 20];
        for byte in plain.iter_mut().take(noise) {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (state >> 24) as u8;
        }
        let coded = gzip(&plain);
        (plain.len() / coded.len(), built(&["gzip"], &coded).0)
    };
    let (ratio, problem) = mixed(80 << 10);
    assert!(ratio < 200 && problem.is_none(), "{ratio} {problem:?}");
    let (ratio, problem) = mixed(60 << 10);
    assert!(ratio > 200 && problem == Some(Problem::Bomb), "{ratio} {problem:?}");
}

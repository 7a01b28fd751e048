//! The limits of HTTP/2 (docs/messages.md), each at its edge, as in `limits.rs`.
#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod frames;
mod heard;

use frames::{CONTINUATION, END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, frame, get};
use heard::{Heard, Is, Line};
use stream::message::Flaw;

const KIB: usize = 1 << 10;

fn begun() -> Line {
    let mut line = Line::new();
    let settings = frame(SETTINGS, 0, 0, &[]);
    line.write([PREFACE, &settings].concat());
    line.read(settings);
    line.heard();
    line
}

/// Writes a block in frames of 16 KiB.
fn send(line: &mut Line, id: u32, block: &[u8]) {
    let frames = block.chunks(16 * KIB).count();
    for (nth, part) in block.chunks(16 * KIB).enumerate() {
        let (kind, stream) = if nth == 0 { (HEADERS, END_STREAM) } else { (CONTINUATION, 0) };
        let last = if nth + 1 == frames { END_HEADERS } else { 0 };
        line.write(frame(kind, stream | last, id, part));
    }
}

/// Writes a block and another request after it; what was told of the first.
fn asked(block: &[u8]) -> Heard {
    let mut line = begun();
    send(&mut line, 1, block);
    line.write(frames::last_headers(3, &get("/next")));
    let mut heard = line.heard();
    let next = heard.pop().unwrap();
    assert_eq!(next.request.as_deref(), Some("GET https h /next"), "it goes on");
    assert_eq!((next.flaws, heard.len()), (vec![], 1));
    heard.remove(0)
}

/// A literal of this length (RFC 7541, section 5.2).
fn text(bytes: &[u8]) -> Vec<u8> {
    let mut text = vec![0x7f];
    let mut left = bytes.len() - 127;
    while left >= 128 {
        text.push(left as u8 | 0x80);
        left >>= 7;
    }
    text.push(left as u8);
    [&text, bytes].concat()
}

#[test]
fn a_header_block_of_http2_has_64_kib() {
    let start = [frames::block(&get("/")), vec![0x10, 1, b'n']].concat();
    let value = |len: usize| [&start[..], &text(&vec![b'v'; len])].concat();
    let fits = 64 * KIB + 50_000 - value(50_000).len();
    let whole = asked(&value(fits));
    assert_eq!((&whole.flaws[..], whole.has().headers.len()), (&[][..], 1));
    let more = asked(&value(fits + 1));
    assert_eq!((&more.flaws[..], more.has().headers.len()), (&[Flaw::Limit][..], 0));
    assert_eq!(more.request.as_deref(), Some("GET https h /"), "what came before");
}

#[test]
fn a_header_block_of_http2_has_256_fields_of_128_kib() {
    let of = |fields: usize| {
        let others = [("n", "v")].repeat(fields - 4);
        let told = asked(&frames::block(&[&get("/")[..], &others].concat()));
        (told.has().headers.len(), told.flaws)
    };
    assert_eq!(of(256), (252, vec![]));
    assert_eq!(of(257), (252, vec![Flaw::Limit]));
    // A field of 4,000 bytes that is added once and referred to by its index.
    let added = [&[0x40, 1, b'n'][..], &text(&[b'v'; 3_999])].concat();
    let again = |times: usize| {
        let told = asked(&[frames::block(&get("/")), added.clone(), vec![0xbe; times]].concat());
        (told.has().headers.len(), told.flaws)
    };
    assert_eq!(again(31), (32, vec![]));
    assert_eq!(again(32), (32, vec![Flaw::Limit]));
}

#[test]
fn streams_of_http2_that_are_open() {
    let mut line = begun();
    (0..512).for_each(|nth| line.write(frames::headers(2 * nth + 1, &get("/"))));
    assert_eq!(line.heard(), [], "all of them are open");
    line.write(frames::headers(2 * 512 + 1, &get("/")));
    let oldest = line.one();
    assert_eq!((oldest.stream, &oldest.flaws[..]), (Some(1), &[Flaw::Limit][..]));
    line.write(frames::last_data(3, b"hi"));
    let second = line.one();
    assert_eq!((second.stream, &second.has().body[..]), (Some(3), &b"hi"[..]), "it goes on");
}

#[test]
fn past_256_kib_without_a_frame_http2_is_unknown() {
    let after = |rubbish: usize| {
        let mut line = begun();
        // No type of frame has this length.
        vec![3; rubbish].chunks(16 * KIB).for_each(|call| line.write(call));
        line.heard();
        line.write([3; 9]);
        let heard = line.heard();
        heard.iter().any(|heard| matches!(heard.what, Is::Data(_)))
    };
    assert!(!after(256 * KIB));
    assert!(after(256 * KIB + 64 * KIB));
}

#[test]
fn streams_that_ended_are_known_for_64_more() {
    let told = |others: u32| {
        let mut line = begun();
        for nth in 0..=others {
            line.write(frames::last_headers(2 * nth + 1, &get("/")));
            line.read(frames::last_headers(2 * nth + 1, &[(":status", "204")]));
        }
        line.heard();
        line.write(frames::last_data(1, b"late"));
        line.heard().len()
    };
    assert_eq!((told(63), told(64)), (0, 1), "told as what it may be, once it is forgotten");
}

#[test]
fn a_table_holds_64_kib() {
    // An entry of 1 KiB by the count of RFC 7541, and a table that the sender made twice as large.
    let entry = [&[0x40, 1, b'n'][..], &text(&[b'v'; 991])].concat();
    let start = [&[0x3f, 0xe1, 0xff, 0x07][..], &frames::block(&get("/"))].concat();
    let oldest = |entries: u8| {
        let mut line = begun();
        send(&mut line, 1, &[&start[..], &entry.repeat(entries.into())].concat());
        send(&mut line, 3, &[&frames::block(&get("/"))[..], &[0x80 | (61 + entries)]].concat());
        line.heard()[1].has().headers.clone()
    };
    assert!(oldest(64)[0].starts_with("n: v"));
    assert_eq!(oldest(65), ["<unknown>: <unknown>"]);
}

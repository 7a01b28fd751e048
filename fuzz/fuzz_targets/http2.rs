//! Any bytes as both directions of an HTTP/2 connection, from its beginning and from the middle.
#![no_main]
#![forbid(unsafe_code)]

use ecapture_fuzz::{Move, OPTIONS, lens, moves, play, split};
use libfuzzer_sys::fuzz_target;
use stream::Dir;
use stream::proto::Start;
use stream::proto::http2::Http2;

/// Two tables of 64 KiB, in buffers that may be three times as large, blocks, and streams.
const MOST: usize = 2 << 20;

const FIRST: [Move<'_>; 2] = [
    Move::Bytes(Dir::Write, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"),
    Move::Bytes(Dir::Read, b"\0\0\0\x04\0\0\0\0\0"),
];

fuzz_target!(|input: &[u8]| {
    let moves = moves(input);
    let run = |moves: &[Move<'_>]| {
        let mut http2 = Http2::new(Start { options: OPTIONS, ..Start::default() });
        let told = play(&mut http2, moves, MOST);
        told.is_accounted(http2.overhead());
        told
    };
    run(&moves);
    let known = [&FIRST[..], &moves].concat();
    run(&split(&known, &[usize::MAX])).is_same(&run(&split(&known, &lens(input))));
});

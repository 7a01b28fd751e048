//! Any bytes as both directions of an HTTP/1 connection.
#![no_main]
#![forbid(unsafe_code)]

use ecapture_fuzz::{Move, OPTIONS, lens, moves, play, split};
use libfuzzer_sys::fuzz_target;
use stream::Dir;
use stream::proto::Start;
use stream::proto::http1::Http1;

/// Two heads, in buffers that may be twice as large, and bodies.
const MOST: usize = 2 << 20;

fuzz_target!(|input: &[u8]| {
    let moves = moves(input);
    let start = Start { options: OPTIONS, ..Start::default() };
    let run = |moves: &[Move<'_>]| {
        let told = play(&mut Http1::new(start, Dir::Write), moves, MOST);
        told.is_accounted([0; 2]);
        told
    };
    run(&moves);
    run(&split(&moves, &[usize::MAX])).is_same(&run(&split(&moves, &lens(input))));
});

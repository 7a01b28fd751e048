//! Any bytes as both directions of a MySQL connection, from its beginning and from the middle.
//!
//! The first byte of an input says where it begins.
#![no_main]
#![forbid(unsafe_code)]

use ecapture_fuzz::{Move, OPTIONS, lens, moves, play, split};
use libfuzzer_sys::fuzz_target;
use stream::Dir;
use stream::proto::Start;
use stream::proto::mysql::MySql;

/// Statements and portals by name, parameters on their way, and what waits.
const MOST: usize = 2 << 20;

fuzz_target!(|input: &[u8]| {
    let Some((&how, input)) = input.split_first() else { return };
    let moves = moves(input);
    let start = Start { options: OPTIONS, ..Start::default() };
    let run = |moves: &[Move<'_>]| {
        let mut dialogue = match how % 3 {
            0 => MySql::new(start, Dir::Write),
            1 => MySql::logging_in(start, Dir::Write),
            _ => MySql::late(start, Dir::Write),
        };
        let told = play(&mut dialogue, moves, MOST);
        told.is_accounted(dialogue.overhead());
        told
    };
    run(&moves);
    run(&split(&moves, &[usize::MAX])).is_same_till_lost(&run(&split(&moves, &lens(input))));
});

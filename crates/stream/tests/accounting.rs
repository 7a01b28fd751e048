//! Whatever is lost or comes twice: captured + gaps = moved, and every byte shown is right.

mod told;

use std::collections::HashMap;

use proptest::prelude::*;
use stream::{Close, Conn, Dir, Ended, Gap, GapReason, Key, Output, Piece};
use told::{Bench, close, conn, data, gap, head, rest};

/// What a program does with one of its connections.
#[derive(Debug, Clone)]
enum Step {
    /// Moves bytes; the ring may have no room for the record.
    Move { conn: u64, dir: Dir, len: u64, how: How, dropped: bool },
    /// Two threads move at once: both records begin at the same position.
    Race { conn: u64, dir: Dir, lens: [u64; 2], dropped: bool },
    /// Looks at bytes without taking them.
    Peek { conn: u64, len: u64 },
    /// Says where the socket leads.
    Tell { conn: u64 },
    /// Frees it; the next bytes at this pointer are another connection's.
    Free { conn: u64, dropped: bool },
}

#[derive(Debug, Clone, Copy)]
enum How {
    Shown,
    Unreadable,
    Cap,
    /// Left in memory, of which the second half is not to be taken, or can't be read.
    Left,
    LeftUnreadable,
}

fn step() -> impl Strategy<Value = Step> {
    let conn = 0..4u64;
    let dir = prop_oneof![Just(Dir::Read), Just(Dir::Write)];
    let how = prop_oneof![4 => Just(How::Shown), 1 => Just(How::Unreadable), 1 => Just(How::Cap),
        1 => Just(How::Left), 1 => Just(How::LeftUnreadable)];
    let dropped = prop::bool::weighted(0.25);
    prop_oneof![
        8 => (conn.clone(), dir.clone(), 0..200u64, how, dropped)
            .prop_map(|(conn, dir, len, how, dropped)| Step::Move { conn, dir, len, how, dropped }),
        1 => (conn.clone(), dir, [1..50u64, 1..50u64], dropped)
            .prop_map(|(conn, dir, lens, dropped)| Step::Race { conn, dir, lens, dropped }),
        1 => (conn.clone(), 1..50u64).prop_map(|(conn, len)| Step::Peek { conn, len }),
        1 => conn.clone().prop_map(|conn| Step::Tell { conn }),
        1 => (conn, dropped).prop_map(|(conn, dropped)| Step::Free { conn, dropped }),
    ]
}

/// The byte that stands at a position: no two neighbours are equal, nor two directions.
fn byte_at(dir: Dir, pos: u64) -> u8 {
    (pos.wrapping_mul(7) as u8).wrapping_add(dir as u8 * 3)
}

fn byte_in_memory(address: u64) -> u8 {
    let dir = if address >> 40 == 0 { Dir::Read } else { Dir::Write };
    byte_at(dir, address & ((1 << 40) - 1))
}

fn payload(dir: Dir, pos: u64, len: u64) -> Vec<u8> {
    (pos..pos + len).map(|pos| byte_at(dir, pos)).collect()
}

/// The kernel half's view of a connection.
#[derive(Debug, Clone, Copy, Default)]
struct Moved {
    born_ns: u64,
    pos: [u64; 2],
}

/// Checks each call of the table against the ones before it.
#[derive(Default)]
struct Check {
    open: HashMap<u64, [u64; 2]>,
    raced: bool,
    captured: [u64; 2],
    missing: [u64; 2],
}

impl Check {
    fn advance(&mut self, id: u64, dir: Dir, pos: u64, len: u64) {
        let next = &mut self.open.get_mut(&id).expect("opened before")[dir as usize];
        assert_eq!(*next, pos, "neither hole nor overlap");
        assert!(len > 0);
        *next += len;
    }
}

impl Output for Check {
    fn open(&mut self, conn: &Conn, _: u64) {
        assert!(self.open.insert(conn.id, [0; 2]).is_none(), "opened once");
    }

    fn data(&mut self, conn: &Conn, piece: &Piece<'_>) {
        if piece.peek {
            return;
        }
        let len = piece.bytes.len() as u64;
        self.advance(conn.id, piece.dir, piece.pos, len);
        self.captured[piece.dir as usize] += len;
        if !self.raced {
            assert_eq!(piece.bytes, payload(piece.dir, piece.pos, len));
        }
    }

    fn gap(&mut self, conn: &Conn, gap: &Gap) {
        self.advance(conn.id, gap.dir, gap.pos, gap.len);
        self.missing[gap.dir as usize] += gap.len;
    }

    fn close(&mut self, conn: &Conn, close: &Close) {
        let next = self.open.remove(&conn.id).expect("opened before");
        let sums = [0, 1].map(|dir| close.captured[dir] + close.missing[dir]);
        assert_eq!(next, sums);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn captured_and_gaps_are_what_moved(steps in prop::collection::vec(step(), 0..80)) {
        let Bench { mut table, mut known, .. } = Bench::new();
        let mut check = Check {
            raced: steps.iter().any(|step| matches!(step, Step::Race { .. })),
            ..Check::default()
        };
        let mut moved = [0u64; 2];
        // Bytes of connections that left no trace: their last records and their end were lost.
        let mut untold = [0u64; 2];
        let mut conns = [Moved { born_ns: 1, ..Moved::default() }; 4];
        // Where the table stands, as far as records got through.
        let mut seen = [[0u64; 2]; 4];
        for step in &steps {
            let mut push = |event: stream::Event<'_>| {
                table.push(&event, &mut known, &mut check);
            };
            match *step {
                Step::Move { conn, dir, len, how, dropped } => {
                    let state = &mut conns[conn as usize];
                    let head = abi::Head { born_ns: state.born_ns, ..head(conn) };
                    let pos = state.pos[dir as usize];
                    let bytes = payload(dir, pos, len);
                    state.pos[dir as usize] += len;
                    moved[dir as usize] += len;
                    // Nothing is left behind where nothing moved.
                    let left = matches!(how, How::Left | How::LeftUnreadable);
                    if dropped || left && len == 0 {
                        continue;
                    }
                    seen[conn as usize][dir as usize] = pos + len;
                    // The address says what stands there.
                    let at = pos | (dir as u64) << 40;
                    let readable = if matches!(how, How::LeftUnreadable) { len / 2 } else { len };
                    known.memory = Some((byte_in_memory, at + readable));
                    let mut push = |event: stream::Event<'_>| {
                        table.push(&event, &mut known, &mut check);
                    };
                    push(match how {
                        How::Left => rest(head, dir, pos, at, len / 2, len),
                        How::LeftUnreadable => rest(head, dir, pos, at, len, len),
                        How::Shown => data(head, dir, pos, &bytes),
                        How::Unreadable => gap(head, dir, pos, len, GapReason::Unreadable),
                        How::Cap => gap(head, dir, pos, len, GapReason::Cap),
                    });
                }
                Step::Race { conn, dir, lens, dropped } => {
                    let state = &mut conns[conn as usize];
                    let head = abi::Head { born_ns: state.born_ns, ..head(conn) };
                    let pos = state.pos[dir as usize];
                    state.pos[dir as usize] += lens[0] + lens[1];
                    moved[dir as usize] += lens[0] + lens[1];
                    push(data(head, dir, pos, &payload(dir, pos, lens[0])));
                    seen[conn as usize][dir as usize] = pos + lens[0];
                    if !dropped {
                        push(data(head, dir, pos, &payload(dir, pos, lens[1])));
                        seen[conn as usize][dir as usize] = pos + lens[0] + lens[1];
                    }
                }
                Step::Peek { conn, len } => {
                    let state = &conns[conn as usize];
                    let head = abi::Head {
                        born_ns: state.born_ns,
                        flags: abi::ROW_PEEK,
                        ..head(conn)
                    };
                    push(data(head, Dir::Read, state.pos[0], &vec![b'p'; len as usize]));
                }
                Step::Tell { conn: pointer } => {
                    let born_ns = conns[pointer as usize].born_ns;
                    let head = abi::Head { born_ns, ..head(pointer) };
                    push(conn(head, Some(("127.0.0.1:1", "127.0.0.1:2"))));
                }
                Step::Free { conn, dropped } => {
                    let state = &mut conns[conn as usize];
                    let head = abi::Head { born_ns: state.born_ns, ..head(conn) };
                    if dropped {
                        for dir in 0..2 {
                            untold[dir] += state.pos[dir] - seen[conn as usize][dir];
                        }
                    } else {
                        push(close(head, state.pos[0], state.pos[1]));
                    }
                    seen[conn as usize] = [0; 2];
                    *state = Moved { born_ns: state.born_ns + 1, ..Moved::default() };
                }
            }
        }
        // The rest is drained: the kernel half still knows those that were not freed, and the
        // table has seen each that left a record.
        for (pointer, state) in conns.iter().enumerate() {
            let head = abi::Head { born_ns: state.born_ns, ..head(pointer as u64) };
            let ended = Ended { pos: state.pos, ..Ended::default() };
            known.ended.insert(Key::from(&head), ended);
            table.push(&conn(head, None), &mut known, &mut check);
        }
        table.finish(0, &mut known, &mut check);
        let totals = *table.totals();
        prop_assert_eq!(totals.captured, check.captured);
        prop_assert_eq!(totals.missing, check.missing);
        for dir in 0..2 {
            prop_assert_eq!(totals.captured[dir] + totals.missing[dir], moved[dir] - untold[dir]);
        }
        prop_assert_eq!(totals.all_gaps().bytes, totals.missing[0] + totals.missing[1]);
        prop_assert!(check.open.is_empty(), "every connection was closed");
    }
}

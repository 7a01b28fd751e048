//! Data on a known connection costs no allocation.

mod told;

use std::hint::black_box;

use stream::Dir::{Read, Write};
use stream::{Close, Conn, Gap, Output, Piece};
use told::{Bench, Known, data, gap, head};

/// Looks at what it is told and keeps nothing.
struct Eyes;

impl Output for Eyes {
    fn open(&mut self, conn: &Conn, _: u64) {
        black_box(conn);
    }

    fn data(&mut self, _: &Conn, piece: &Piece<'_>) {
        black_box(piece);
    }

    fn gap(&mut self, _: &Conn, gap: &Gap) {
        black_box(gap);
    }

    fn close(&mut self, _: &Conn, close: &Close) {
        black_box(close);
    }
}

/// Records of 100 connections, one after the other, with a gap of each kind.
fn records(round: u64) -> Vec<Vec<u8>> {
    let pos = round * 110;
    (0..100)
        .flat_map(|conn| {
            let payload = [b'x'; 90];
            [
                data(head(conn), Write, pos, &payload),
                gap(head(conn), Write, pos + 100, 10, stream::GapReason::Cap),
                data(head(conn), Read, pos, &payload),
            ]
            .map(|event| {
                let mut record = Vec::new();
                event.encode(&mut record);
                record
            })
        })
        .collect()
}

#[test]
fn none_on_the_steady_path() {
    let mut table = Bench::new().table;
    let mut known = Known::default();
    let rounds: Vec<_> = (0..10).map(records).collect();
    let mut push_all = |records: &[Vec<u8>]| {
        for record in records {
            table.push_record(record, &mut known, &mut Eyes).unwrap();
        }
    };
    let first = allocation_counter::measure(|| push_all(&rounds[0]));
    assert!(first.count_total > 0, "new connections are kept somewhere");
    let later = allocation_counter::measure(|| rounds[1..].iter().for_each(|r| push_all(r)));
    assert_eq!(later.count_total, 0);
}

//! How fast records become pieces: `cargo bench -p ecapture-stream`.

use std::hint::black_box;
use std::sync::Arc;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box_drop};
use stream::event::{Data, Event};
use stream::{Close, Conn, Context, Dir, Ended, Gap, Head, Ids, Key, Limits, Output, Piece, Table};

/// Payload of one record.
const SIZES: [usize; 3] = [100, 1_024, 16_384];
/// Connections that take turns.
const CONNS: [u64; 3] = [1, 1_000, 60_000];

fn main() {
    divan::main();
}

struct Nothing;

impl Context for Nothing {
    fn exe(&mut self, _: u32, _: u64) -> Arc<str> {
        "".into()
    }

    fn lib(&mut self, _: u32) -> Arc<str> {
        "".into()
    }

    fn ended(&mut self, _: &Key) -> Option<Ended> {
        None
    }
}

impl Output for Nothing {
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

/// A record of a connection with `len` bytes at `pos`.
fn record(conn: u64, pos: u64, len: usize) -> Vec<u8> {
    let bytes = vec![b'x'; len];
    let head = Head { tgid: 7, tid: 8, conn, ..Head::default() };
    let data =
        Data { head, dir: Dir::Write, pos, call_len: len as u64, call_off: 0, bytes: &bytes };
    let mut record = Vec::new();
    Event::Data(data).encode(&mut record);
    record
}

#[divan::bench(args = SIZES)]
fn decode(bencher: Bencher<'_, '_>, len: usize) {
    let record = record(1, 0, len);
    bencher
        .counter(ItemsCount::new(1u32))
        .counter(BytesCount::new(len))
        .bench(|| black_box_drop(Event::decode(black_box(&record))));
}

/// Connections take turns; their positions do not move, so each record counts as an overlap,
/// which costs the same as one in order.
#[divan::bench(args = CONNS)]
fn assemble(bencher: Bencher<'_, '_>, conns: u64) {
    let records: Vec<_> = (0..conns).map(|conn| record(conn * 64, 0, 100)).collect();
    let mut table = Table::new(Limits::default(), Ids::default());
    bencher.counter(ItemsCount::new(conns)).counter(BytesCount::new(conns * 100)).bench_local(
        || {
            for record in &records {
                let _ = table.push_record(record, &mut Nothing, &mut Nothing);
            }
        },
    );
}

/// A connection begins, moves a request and an answer, and ends.
#[divan::bench]
fn short_connections(bencher: Bencher<'_, '_>) {
    let mut table = Table::new(Limits::default(), Ids::default());
    let mut number = 0;
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| {
        number += 1;
        let head = Head { tgid: 7, conn: number % 1_000 * 64, born_ns: number, ..Head::default() };
        for dir in [Dir::Write, Dir::Read] {
            let data = Data { head, dir, pos: 0, call_len: 4, call_off: 0, bytes: b"data" };
            table.push(&Event::Data(data), &mut Nothing, &mut Nothing);
        }
        let close = stream::event::Close { head, pos: [4, 4] };
        table.push(&Event::Close(close), &mut Nothing, &mut Nothing);
    });
}

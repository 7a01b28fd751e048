//! How fast pieces become output: `cargo bench -p ecapture-sink`.

use std::sync::Arc;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use jiff::tz::TimeZone;
use sink::{Json, Sink, Text, TextOptions, Writing};
use stream::event::{Data, Event};
use stream::{AddrSource, Context, Dir, Ended, Head, Ids, Key, Limits, Table};

/// Payload of one record.
const SIZES: [usize; 3] = [100, 1_024, 16_384];
/// Records in a batch, a microsecond from one to the next.
const BATCH: u64 = 64;

fn main() {
    divan::main();
}

struct Known;

impl Context for Known {
    fn exe(&mut self, _: u32, _: u64) -> Arc<str> {
        "/usr/sbin/nginx".into()
    }

    fn lib(&mut self, _: u32) -> Arc<str> {
        "/usr/lib/x86_64-linux-gnu/libssl.so.3".into()
    }

    fn ended(&mut self, _: &Key) -> Option<Ended> {
        None
    }
}

/// What programs send: headers and a body.
fn http(len: usize) -> Vec<u8> {
    let text = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nServer: nginx\r\n\
        Date: Mon, 23 Nov 2026 05:15:00 GMT\r\n\r\n<!doctype html><html><body><p>Hello</p>\n";
    text.iter().copied().cycle().take(len).collect()
}

/// What compressed bodies look like.
fn binary(len: usize) -> Vec<u8> {
    let step = |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    std::iter::successors(Some(1u64), step).map(|state| (state >> 56) as u8).take(len).collect()
}

fn wide(len: usize) -> Vec<u8> {
    "日本語のテキスト、".bytes().cycle().take(len).collect()
}

/// Runs records through decoding, table and sink.
fn run(bencher: Bencher<'_, '_>, mut sink: impl Sink, payload: &[u8]) {
    let head = Head {
        tgid: 4711,
        tid: 4712,
        uid: 33,
        comm: *b"nginx\0\0\0\0\0\0\0\0\0\0\0",
        ..Head::default()
    };
    let mut table = Table::new(Limits::default(), Ids::default());
    table.set_wall_offset(1_795_410_900_000_000_000);
    let mut out = Vec::new();
    let addresses = ("127.0.0.1:40112".parse(), "127.0.0.1:443".parse());
    let (Ok(local), Ok(remote)) = addresses else { return };
    let conn = stream::event::Conn {
        head,
        cgroup: 0,
        addresses: Some((local, remote)),
        source: AddrSource::CallSocket,
    };
    table.push(&Event::Conn(conn), &mut Known, &mut Writing { sink: &mut sink, out: &mut out });
    let len = payload.len() as u64;
    let records: Vec<_> = (0..BATCH)
        .map(|number| {
            let head = Head { time_ns: number * 1_000, ..head };
            let (dir, pos) = (Dir::Write, number * len);
            let data = Data { head, dir, pos, call_len: len, call_off: 0, bytes: payload };
            let mut record = Vec::new();
            Event::Data(data).encode(&mut record);
            record
        })
        .collect();
    bencher.counter(ItemsCount::new(BATCH)).counter(BytesCount::new(BATCH * len)).bench_local(
        || {
            out.clear();
            let mut writing = Writing { sink: &mut sink, out: &mut out };
            for record in &records {
                let _ = table.push_record(record, &mut Known, &mut writing);
            }
        },
    );
}

fn text(hex: bool) -> Text {
    Text::new(TextOptions { hex, zone: TimeZone::system(), ..TextOptions::default() })
}

#[divan::bench(args = SIZES)]
fn text_http(bencher: Bencher<'_, '_>, len: usize) {
    run(bencher, text(false), &http(len));
}

#[divan::bench(args = SIZES)]
fn text_binary(bencher: Bencher<'_, '_>, len: usize) {
    run(bencher, text(false), &binary(len));
}

#[divan::bench(args = SIZES)]
fn text_wide(bencher: Bencher<'_, '_>, len: usize) {
    run(bencher, text(false), &wide(len));
}

#[divan::bench(args = SIZES)]
fn hex(bencher: Bencher<'_, '_>, len: usize) {
    run(bencher, text(true), &http(len));
}

#[divan::bench(args = SIZES)]
fn json(bencher: Bencher<'_, '_>, len: usize) {
    run(bencher, Json::new(), &http(len));
}

//! Any bytes as records: through decoding, table and every sink.
//!
//! An input is what tests/replay reads: records, each with its length before it as 32 bits. Nothing
//! may panic, positions must follow each other, the books must balance, text must be safe on a
//! terminal and JSON must be JSON.
#![no_main]
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use sink::{Json, Sink, Summary, Text, TextOptions, TimeZone, Writing};
use stream::{
    Close, Conn, Context, Dir, Ended, Gap, Ids, InFlight, Key, Limits, Output, Piece, Table,
};

fuzz_target!(|input: &[u8]| {
    // So small that connections are evicted and forgotten.
    let limits = Limits { connections: 3, remembered: 3 };
    let mut table = Table::new(limits, Ids::default());
    let mut outputs = Outputs::default();
    let mut asked = Asked(0);
    let mut rest = input;
    let mut last = 0;
    while let Some((len, after)) = rest.split_first_chunk() {
        let len = u32::from_le_bytes(*len) as usize;
        let (record, after) = after.split_at(len.min(after.len()));
        rest = after;
        table.set_wall_offset(last);
        if table.push_record(record, &mut asked, &mut outputs).is_err() {
            last = last.wrapping_mul(31).wrapping_add(len as i64);
        }
    }
    table.finish(0, &mut asked, &mut outputs);
    outputs.check(table.totals());
});

/// Answers that change, so that both ends of every question are seen.
struct Asked(u64);

impl Context for Asked {
    fn exe(&mut self, tgid: u32, _: u64) -> Arc<str> {
        format!("/bin/\u{202e}{tgid}\x1b\n").into()
    }

    fn lib(&mut self, file: u32) -> Arc<str> {
        format!("/lib/{file}\"\\").into()
    }

    fn ended(&mut self, key: &Key) -> Option<Ended> {
        self.0 += 1;
        let pos = [key.born_ns, self.0 * 1_000];
        let in_flight = [None, Some(InFlight { requested: key.conn })];
        self.0.is_multiple_of(2).then_some(Ended { pos, in_flight })
    }

    fn memory(&mut self, _: u32, address: u64, into: &mut [u8]) -> usize {
        self.0 += 1;
        into.fill(address as u8);
        // Never for long: a record may speak of gigabytes.
        if self.0.is_multiple_of(3) { into.len() } else { into.len() / 2 }
    }
}

/// The sinks, and what they must agree with.
struct Outputs {
    text: Text,
    hex: Text,
    json: Json,
    out: [Vec<u8>; 3],
    next: HashMap<u64, [Option<u64>; 2]>,
    bytes: u64,
}

impl Default for Outputs {
    fn default() -> Self {
        let options = TextOptions { zone: TimeZone::UTC, ..TextOptions::default() };
        Self {
            text: Text::new(options.clone()),
            hex: Text::new(TextOptions { hex: true, ..options }),
            json: Json::new(),
            out: Default::default(),
            next: HashMap::new(),
            bytes: 0,
        }
    }
}

impl Outputs {
    fn each(&mut self, tell: impl Fn(&mut dyn Output)) {
        let [text, hex, json] = &mut self.out;
        tell(&mut Writing { sink: &mut self.text, out: text });
        tell(&mut Writing { sink: &mut self.hex, out: hex });
        tell(&mut Writing { sink: &mut self.json, out: json });
    }

    /// Bytes follow those before them; the first of a connection may stand anywhere, since one
    /// that was evicted goes on where it was.
    fn follow(&mut self, conn: &Conn, dir: Dir, pos: u64, len: u64) {
        let next = &mut self.next.get_mut(&conn.id).expect("opened before")[dir as usize];
        assert!(next.is_none_or(|next| next == pos), "neither hole nor overlap");
        assert!(len > 0);
        *next = Some(pos.saturating_add(len));
        self.bytes = self.bytes.saturating_add(len);
    }

    fn check(&mut self, totals: &stream::Totals) {
        assert!(self.next.is_empty(), "every connection was closed");
        let sum = totals.captured.iter().chain(&totals.missing);
        assert_eq!(self.bytes, sum.fold(0u64, |sum, part| sum.saturating_add(*part)));
        let summary = Summary { totals: *totals, ..Summary::default() };
        let [text, hex, json] = &mut self.out;
        self.text.summary(text, &summary);
        self.json.summary(json, &summary);
        for out in [text, hex] {
            let shown = std::str::from_utf8(out).expect("UTF-8");
            let harmless = |c: char| matches!(c, '\n' | '\t') || !c.is_control();
            assert!(shown.chars().all(harmless), "a control character came through");
            assert!(shown.is_empty() || shown.ends_with('\n'));
        }
        for line in json.split_inclusive(|&byte| byte == b'\n') {
            assert!(line.starts_with(b"{\"type\":\""));
            serde_json::from_slice::<IgnoredAny>(line).expect("JSON");
        }
    }
}

impl Output for Outputs {
    fn open(&mut self, conn: &Conn, time: u64) {
        assert!(self.next.insert(conn.id, [None; 2]).is_none(), "opened once");
        self.each(|output| output.open(conn, time));
    }

    fn data(&mut self, conn: &Conn, piece: &Piece<'_>) {
        if !piece.peek {
            self.follow(conn, piece.dir, piece.pos, piece.bytes.len() as u64);
        }
        self.each(|output| output.data(conn, piece));
    }

    fn gap(&mut self, conn: &Conn, gap: &Gap) {
        if !gap.peek {
            self.follow(conn, gap.dir, gap.pos, gap.len);
        }
        self.each(|output| output.gap(conn, gap));
    }

    fn close(&mut self, conn: &Conn, close: &Close) {
        assert!(self.next.remove(&conn.id).is_some(), "opened before");
        self.each(|output| output.close(conn, close));
    }
}

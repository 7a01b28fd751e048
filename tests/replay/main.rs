//! Records of a run, read from a file, become the text and the JSON that are committed beside it.
//!
//! No kernel, no privileges: everything after the ring is tested as a whole. After a change that
//! is meant, `UPDATE_GOLDEN=1 cargo test --test replay` writes the files anew; read the difference
//! before committing it.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod story;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use sink::{Json, Precision, Sink, Summary, Text, TextOptions, TimeZone, Writing};
use stream::{Context, Ended, Ids, InFlight, Key, Limits, Table};

/// 2026-11-23T05:15:00Z is when the recorded machine's clock stood at 0.
const WALL_OFFSET: i64 = 1_795_410_900_000_000_000;

/// What the machine of the story knew when a connection ended.
struct Machine;

impl Context for Machine {
    fn exe(&mut self, tgid: u32, _: u64) -> Arc<str> {
        match tgid {
            story::CURL => "/usr/bin/curl",
            story::PYTHON => "/usr/bin/python3.11",
            _ => "",
        }
        .into()
    }

    fn lib(&mut self, file: u32) -> Arc<str> {
        if file == story::LIBSSL { "/usr/lib/x86_64-linux-gnu/libssl.so.3" } else { "" }.into()
    }

    fn ended(&mut self, key: &Key) -> Option<Ended> {
        (key.tgid == story::PYTHON).then_some(Ended {
            pos: [5, 0],
            in_flight: [Some(InFlight { requested: 4_096 }), None],
        })
    }
}

/// Replays the committed records through a sink.
fn replay(mut sink: impl Sink) -> String {
    let mut out = Vec::new();
    let mut table = Table::new(Limits::default(), Ids::default());
    table.set_wall_offset(WALL_OFFSET);
    let mut writing = Writing { sink: &mut sink, out: &mut out };
    let mut broken = 0;
    for record in split(&recording()) {
        broken += u64::from(table.push_record(record, &mut Machine, &mut writing).is_err());
    }
    table.finish(story::END, &mut Machine, &mut writing);
    let totals = *table.totals();
    assert_eq!(totals.undecoded, broken);
    let time = story::END.saturating_add_signed(WALL_OFFSET);
    sink.summary(&mut out, &Summary { time, totals, lost_events: 2, ..Summary::default() });
    String::from_utf8(out).unwrap()
}

fn text(hex: bool) -> Text {
    let (zone, precision) = (TimeZone::UTC, Precision::Micros);
    Text::new(TextOptions { zone, precision, hex, ..TextOptions::default() })
}

#[test]
fn records_are_what_the_contract_says() {
    golden("golden.records", &told());
}

#[test]
fn as_text() {
    golden("golden.txt", replay(text(false)).as_bytes());
}

#[test]
fn as_hex() {
    golden("golden.hex.txt", replay(text(true)).as_bytes());
}

#[test]
fn as_json() {
    golden("golden.json", replay(Json::new()).as_bytes());
}

#[test]
fn positions_have_neither_hole_nor_overlap() {
    let mut next: HashMap<(u64, String), u64> = HashMap::new();
    for line in replay(Json::new()).lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["dir"].is_null() || line["peek"] == true {
            continue;
        }
        let key = (line["conn"].as_u64().unwrap(), line["dir"].as_str().unwrap().to_owned());
        let next = next.entry(key).or_default();
        assert_eq!(line["pos"].as_u64().unwrap(), *next, "{line}");
        *next += line["len"].as_u64().unwrap();
    }
    assert_eq!(next[&(1, "read".into())], story::CURL_READ);
    assert_eq!(next[&(1, "write".into())], story::CURL_WRITTEN);
}

/// The recorded run.
fn recording() -> Vec<u8> {
    if updating() { told() } else { fs::read(path("golden.records")).unwrap() }
}

/// The story as a recording.
fn told() -> Vec<u8> {
    story::records().iter().flat_map(|record| prefixed(record)).collect()
}

fn updating() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

/// Compares with a committed file, or writes it.
fn golden(name: &str, fresh: &[u8]) {
    let path = path(name);
    if updating() {
        fs::write(&path, fresh).unwrap();
    }
    let committed = fs::read(&path).unwrap();
    let (fresh, committed) = (String::from_utf8_lossy(fresh), String::from_utf8_lossy(&committed));
    let mut lines = fresh.lines().zip(committed.lines()).enumerate();
    if let Some((number, (fresh, committed))) = lines.find(|(_, (a, b))| a != b) {
        panic!("{name}:{}:\n  is {fresh}\n was {committed}", number + 1);
    }
    assert!(fresh == committed, "{name} has more or fewer lines than before");
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replay").join(name)
}

/// A record with its length before it.
fn prefixed(record: &[u8]) -> Vec<u8> {
    let len = u32::try_from(record.len()).unwrap();
    [&len.to_le_bytes(), record].concat()
}

/// Takes a file of records apart.
fn split(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    while let Some((len, rest)) = bytes.split_first_chunk() {
        let (record, rest) = rest.split_at(u32::from_le_bytes(*len) as usize);
        records.push(record);
        bytes = rest;
    }
    assert!(bytes.is_empty(), "the file ends with a whole record");
    records
}

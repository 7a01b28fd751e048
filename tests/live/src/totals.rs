//! A run too large to be held: read once, line by line, into counts per process and direction.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use serde::Deserialize;

use crate::recording::Dir;

/// What one process moved in one direction.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Total {
    /// Bytes shown.
    pub captured: u64,
    /// Bytes in gaps, by reason.
    pub gaps: BTreeMap<String, u64>,
}

impl Total {
    /// Bytes in gaps.
    pub fn missing(&self) -> u64 {
        self.gaps.values().sum()
    }

    /// Shown or not.
    pub fn moved(&self) -> u64 {
        self.captured + self.missing()
    }
}

/// The counts of a run.
#[derive(Debug, Default)]
pub struct Totals {
    by_process: BTreeMap<(u32, Dir), Total>,
    /// How many lines there were.
    pub lines: u64,
    /// The summary line.
    pub summary: String,
}

#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    pid: Option<u32>,
    conn: Option<u64>,
    dir: Option<&'a str>,
    pos: Option<u64>,
    len: Option<u64>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
    data: Option<&'a str>,
    #[serde(default)]
    peek: bool,
}

impl Totals {
    /// Counts a finished output and checks that every direction of every connection is in order and
    /// without holes. `look` sees the base64 of every piece: process, direction, position, text.
    #[track_caller]
    pub fn read(path: &Path, mut look: impl FnMut(u32, Dir, u64, &str)) -> Self {
        let mut input = BufReader::with_capacity(1 << 20, File::open(path).expect("the output"));
        let mut totals = Self::default();
        let mut ends: BTreeMap<(u64, Dir), u64> = BTreeMap::new();
        let mut line = String::new();
        while input.read_line(&mut line).expect("the output is text") > 0 {
            totals.lines += 1;
            assert!(totals.summary.is_empty(), "line {} follows the summary", totals.lines);
            let piece: Piece<'_> = serde_json::from_str(&line)
                .unwrap_or_else(|why| panic!("line {}: {why}: {line}", totals.lines));
            match piece.kind {
                "summary" => totals.summary.clone_from(&line),
                "data" | "gap" if !piece.peek => totals.add(&piece, &mut ends, &mut look),
                _ => {}
            }
            line.clear();
        }
        assert!(!totals.summary.is_empty(), "the output ends with a summary");
        totals
    }

    /// What a process moved in one direction.
    pub fn of(&self, pid: u32, dir: Dir) -> Total {
        self.by_process.get(&(pid, dir)).cloned().unwrap_or_default()
    }

    /// The sum over all processes and both directions.
    pub fn all(&self) -> Total {
        self.by_process.values().fold(Total::default(), |mut sum, one| {
            sum.captured += one.captured;
            for (reason, len) in &one.gaps {
                *sum.gaps.entry(reason.clone()).or_default() += len;
            }
            sum
        })
    }

    #[track_caller]
    fn add(
        &mut self,
        piece: &Piece<'_>,
        ends: &mut BTreeMap<(u64, Dir), u64>,
        look: &mut impl FnMut(u32, Dir, u64, &str),
    ) {
        let line = self.lines;
        let (Some(pid), Some(conn), Some(pos), Some(len)) =
            (piece.pid, piece.conn, piece.pos, piece.len)
        else {
            panic!("line {line} lacks a field");
        };
        let dir = match piece.dir {
            Some("read") => Dir::Read,
            Some("write") => Dir::Write,
            other => panic!("line {line}: direction {other:?}"),
        };
        let end = ends.entry((conn, dir)).or_default();
        assert_eq!(pos, *end, "line {line}: conn {conn} {dir:?}: {len} bytes at the wrong place");
        *end += len;
        let total = self.by_process.entry((pid, dir)).or_default();
        if piece.kind == "gap" {
            let reason = piece.reason.clone().expect("a gap has a reason").into_owned();
            *total.gaps.entry(reason).or_default() += len;
            return;
        }
        total.captured += len;
        let text = piece.data.expect("data has data");
        let padding = text.bytes().rev().take_while(|&b| b == b'=').count();
        let holds = text.len() / 4 * 3 - padding;
        assert_eq!(holds as u64, len, "line {line} says {len} bytes and holds {holds}");
        look(pid, dir, pos, text);
    }
}

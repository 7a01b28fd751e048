//! What a table tells, kept for comparison, and records to feed it with.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, reason = "only tests call this")]

use std::collections::HashMap;
use std::sync::Arc;

use abi::Head;
use stream::event::{self, Event};
use stream::{
    Close, CloseReason, Conn, Context, Dir, Ended, Gap, GapReason, Ids, Key, Limits, Output, Piece,
    Table,
};

/// One call of [`Output`], without what most tests do not look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Open(u64),
    Data(u64, Dir, u64, Vec<u8>),
    Peek(u64, Dir, u64, Vec<u8>),
    Gap(u64, Dir, u64, u64, GapReason),
    PeekGap(u64, Dir, u64, u64, GapReason),
    Close(u64, CloseReason),
}

/// An output that remembers.
#[derive(Debug, Default)]
pub struct Told {
    pub said: Vec<Said>,
    pub conns: HashMap<u64, Conn>,
    pub gaps: Vec<Gap>,
    pub closes: Vec<Close>,
    pub times: Vec<u64>,
}

impl Told {
    /// What was said since the last time.
    pub fn take(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.said)
    }
}

impl Output for Told {
    fn open(&mut self, conn: &Conn, time: u64) {
        self.said.push(Said::Open(conn.id));
        self.conns.insert(conn.id, conn.clone());
        self.times.push(time);
    }

    fn data(&mut self, conn: &Conn, piece: &Piece<'_>) {
        let say = if piece.peek { Said::Peek } else { Said::Data };
        self.said.push(say(conn.id, piece.dir, piece.pos, piece.bytes.to_vec()));
        self.conns.insert(conn.id, conn.clone());
        self.times.push(piece.time);
    }

    fn gap(&mut self, conn: &Conn, gap: &Gap) {
        let say = if gap.peek { Said::PeekGap } else { Said::Gap };
        self.said.push(say(conn.id, gap.dir, gap.pos, gap.len, gap.reason));
        self.gaps.push(*gap);
        self.times.push(gap.time);
    }

    fn close(&mut self, conn: &Conn, close: &Close) {
        self.said.push(Said::Close(conn.id, close.reason));
        self.conns.insert(conn.id, conn.clone());
        self.closes.push(*close);
        self.times.push(close.time);
    }
}

/// What stands at each address, and from where on there is none.
pub type Memory = (fn(u64) -> u8, u64);

/// A context that knows what it was told.
#[derive(Debug, Default)]
pub struct Known {
    pub ended: HashMap<Key, Ended>,
    pub asked_exe: u32,
    /// That of every process.
    pub memory: Option<Memory>,
    /// Threads that went on, in order.
    pub went_on: Vec<u32>,
}

impl Context for Known {
    fn exe(&mut self, tgid: u32, _: u64) -> Arc<str> {
        self.asked_exe += 1;
        format!("/bin/program{tgid}").into()
    }

    fn lib(&mut self, file: u32) -> Arc<str> {
        format!("/lib/file{file}").into()
    }

    fn ended(&mut self, key: &Key) -> Option<Ended> {
        self.ended.get(key).copied()
    }

    fn memory(&mut self, _: u32, address: u64, into: &mut [u8]) -> usize {
        let Some((byte_at, end)) = self.memory else { return 0 };
        let len = end.saturating_sub(address).min(into.len() as u64) as usize;
        for (byte, address) in into[..len].iter_mut().zip(address..) {
            *byte = byte_at(address);
        }
        len
    }

    fn go_on(&mut self, tid: u32) {
        self.went_on.push(tid);
    }
}

/// A table with its context and output.
pub struct Bench {
    pub table: Table,
    pub known: Known,
    pub told: Told,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(Limits::default())
    }

    pub fn with(limits: Limits) -> Self {
        let table = Table::new(limits, Ids::default());
        Self { table, known: Known::default(), told: Told::default() }
    }

    /// Feeds an event as a record and returns what was said of it.
    pub fn push(&mut self, event: Event<'_>) -> Vec<Said> {
        let mut record = Vec::new();
        event.encode(&mut record);
        self.table.push_record(&record, &mut self.known, &mut self.told).unwrap();
        self.told.take()
    }

    pub fn finish(&mut self) -> Vec<Said> {
        self.table.finish(0, &mut self.known, &mut self.told);
        self.told.take()
    }
}

/// The head of a record of connection `conn` in process 7.
pub fn head(conn: u64) -> Head {
    Head {
        time_ns: 1_000,
        start_ns: 70,
        conn,
        born_ns: 1,
        tgid: 7,
        tid: 8,
        uid: 9,
        file: 3,
        comm: *b"thread\0\0\0\0\0\0\0\0\0\0",
        ..Head::default()
    }
}

pub fn data(head: Head, dir: Dir, pos: u64, bytes: &[u8]) -> Event<'_> {
    let call_len = bytes.len() as u64;
    Event::Data(event::Data { head, dir, pos, call_len, call_off: 0, bytes })
}

pub fn gap(head: Head, dir: Dir, pos: u64, len: u64, reason: GapReason) -> Event<'static> {
    Event::Gap(event::Gap { head, dir, pos, len, call_len: len, call_off: 0, reason })
}

/// `len` bytes of a call that are left at `address`, of which `keep` are to be taken.
pub fn rest(head: Head, dir: Dir, pos: u64, address: u64, keep: u64, len: u64) -> Event<'static> {
    let (call_len, call_off, reason) = (len, 0, GapReason::Cap);
    Event::Rest(event::Rest { head, dir, pos, len, keep, address, call_len, call_off, reason })
}

pub fn close(head: Head, read: u64, write: u64) -> Event<'static> {
    Event::Close(event::Close { head, pos: [read, write] })
}

pub fn conn(head: Head, addresses: Option<(&str, &str)>) -> Event<'static> {
    let addresses =
        addresses.map(|(local, remote)| (local.parse().unwrap(), remote.parse().unwrap()));
    let source = match addresses {
        Some(_) => stream::AddrSource::CallSocket,
        None => stream::AddrSource::Unknown,
    };
    Event::Conn(event::Conn { head, cgroup: 5, addresses, source })
}

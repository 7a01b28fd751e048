//! Connections: what a [`Table`] puts in order, and what it tells the next stage.

mod direction;
mod former;
mod life;
pub(crate) mod list;
mod rest;
mod store;
mod table;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use abi::{AddrSource, Dir, Head};

use crate::event::Comm;
use crate::reason::GapReason;

pub use table::Table;

/// Tells connections apart. A library's pointer alone does not: it is reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The process.
    pub tgid: u32,
    /// When the process started, CLOCK_BOOTTIME.
    pub start_ns: u64,
    /// The library's connection pointer.
    pub conn: u64,
    /// When the connection was first seen, CLOCK_BOOTTIME: tells connections at one pointer apart.
    pub born_ns: u64,
}

impl From<&Head> for Key {
    fn from(head: &Head) -> Self {
        Self { tgid: head.tgid, start_ns: head.start_ns, conn: head.conn, born_ns: head.born_ns }
    }
}

/// A connection, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conn {
    /// 1, 2, 3… in the order of the first bytes, over all tables that share [`Ids`].
    pub id: u64,
    /// The process.
    pub pid: u32,
    /// When the process started, CLOCK_BOOTTIME.
    pub start_ns: u64,
    /// The user that the thread ran as.
    pub uid: u32,
    /// The thread that was seen first with the connection.
    pub comm: Comm,
    /// The process's program.
    pub exe: Arc<str>,
    /// The file that the probe stands in.
    pub lib: Arc<str>,
    /// This end of the socket.
    pub local: Option<SocketAddr>,
    /// The other end of the socket.
    pub remote: Option<SocketAddr>,
    /// How the addresses were found.
    pub addr_source: AddrSource,
    /// The process's control group, 0 if not known.
    pub cgroup: u64,
}

/// Bytes of a connection, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Nanoseconds since 1970.
    pub time: u64,
    /// The thread that moved them.
    pub tid: u32,
    /// The thread's name.
    pub comm: Comm,
    /// The user that the thread ran as.
    pub uid: u32,
    /// Which way they went.
    pub dir: Dir,
    /// Bytes of this direction before these, captured or missing.
    pub pos: u64,
    /// The bytes.
    pub bytes: &'a [u8],
    /// They stayed in the library's buffer and will come again.
    pub peek: bool,
    /// Bytes that the whole call moved.
    pub call_len: u64,
    /// Where in the call these begin.
    pub call_off: u64,
}

/// Bytes of a connection that are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Nanoseconds since 1970.
    pub time: u64,
    /// The thread that moved them; a gap found by its position names none.
    pub tid: Option<u32>,
    /// The name of the thread, or of the connection's first one.
    pub comm: Comm,
    /// The user, likewise.
    pub uid: u32,
    /// Which way they went.
    pub dir: Dir,
    /// Bytes of this direction before these, captured or missing.
    pub pos: u64,
    /// How many are missing.
    pub len: u64,
    /// Why.
    pub reason: GapReason,
    /// They stayed in the library's buffer and will come again.
    pub peek: bool,
}

/// The end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close {
    /// Nanoseconds since 1970.
    pub time: u64,
    /// Why it ended.
    pub reason: CloseReason,
    /// Bytes shown, by [`Dir`].
    pub captured: [u64; 2],
    /// Bytes in gaps, by [`Dir`].
    pub missing: [u64; 2],
    /// Calls that had not returned, by [`Dir`].
    pub unfinished: [Option<InFlight>; 2],
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The library freed it.
    Freed,
    /// The process replaced its program.
    Exec,
    /// The process ended.
    Exit,
    /// Another connection stands at its pointer; its end was not seen.
    Replaced,
    /// The table was full.
    Evicted,
    /// The capture ended.
    Detached,
}

impl CloseReason {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::Freed, Self::Exec, Self::Exit, Self::Replaced, Self::Evicted, Self::Detached];

    /// The name in every output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Freed => "freed",
            Self::Exec => "exec",
            Self::Exit => "exit",
            Self::Replaced => "replaced",
            Self::Evicted => "evicted",
            Self::Detached => "detached",
        }
    }
}

/// A call that had not returned when its connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InFlight {
    /// Bytes that it was to move at most.
    pub requested: u64,
}

/// What the kernel half knew of a connection that ended without a record of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ended {
    /// Bytes moved in all, by [`Dir`].
    pub pos: [u64; 2],
    /// Calls that had not returned, by [`Dir`].
    pub in_flight: [Option<InFlight>; 2],
}

/// What a table asks for when a connection begins or ends.
pub trait Context {
    /// The program of a process.
    fn exe(&mut self, tgid: u32, start_ns: u64) -> Arc<str>;
    /// The hooked file of this number.
    fn lib(&mut self, file: u32) -> Arc<str>;
    /// The last state of a connection, if the kernel half still has it.
    fn ended(&mut self, key: &Key) -> Option<Ended>;

    /// Copies from the memory of a thread's process, as far as it can be read: how many bytes.
    /// The thread waits for that. Recordings have no memory behind them.
    fn memory(&mut self, _tid: u32, _address: u64, _into: &mut [u8]) -> usize {
        0
    }

    /// What one record left in a thread's memory was read.
    fn go_on(&mut self, _tid: u32) {}
}

/// The next stage. For each connection: `open`, then pieces and gaps without hole or overlap in
/// [`Piece::pos`], then `close`. A connection that moved no bytes is not told. One that comes back
/// after it was closed has a new number and goes on at its position.
pub trait Output {
    /// A connection moved its first bytes.
    fn open(&mut self, conn: &Conn, time: u64);
    /// Bytes of a connection.
    fn data(&mut self, conn: &Conn, piece: &Piece<'_>);
    /// Missing bytes of a connection.
    fn gap(&mut self, conn: &Conn, gap: &Gap);
    /// A connection ended.
    fn close(&mut self, conn: &Conn, close: &Close);
}

/// Gives out connection numbers; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Ids(Arc<AtomicU64>);

impl Ids {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

//! One record of the kernel ring, decoded without copying its payload.

mod comm;
mod decode;
mod encode;

use std::net::SocketAddr;

use abi::{AddrSource, Dir, Head};

use crate::reason::GapReason;

pub use comm::Comm;
pub use decode::DecodeError;

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// Bytes moved, and here they are.
    Data(Data<'a>),
    /// Bytes moved that are not shown.
    Gap(Gap),
    /// Bytes moved, and they wait in the program's memory.
    Rest(Rest),
    /// A connection was seen first, or its addresses became known.
    Conn(Conn),
    /// The library freed the connection.
    Close(Close),
    /// The process replaced its program.
    Exec(Head),
    /// The process ended.
    Exit(Head),
}

/// Bytes that a call moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Data<'a> {
    /// Who and when.
    pub head: Head,
    /// Which way.
    pub dir: Dir,
    /// Bytes that this direction moved before.
    pub pos: u64,
    /// Bytes that the whole call moved.
    pub call_len: u64,
    /// Where in the call these bytes begin.
    pub call_off: u64,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// Bytes that a call moved and that are not in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Who and when.
    pub head: Head,
    /// Which way.
    pub dir: Dir,
    /// Bytes that this direction moved before.
    pub pos: u64,
    /// How many bytes are missing.
    pub len: u64,
    /// Bytes that the whole call moved.
    pub call_len: u64,
    /// Where in the call the missing bytes begin.
    pub call_off: u64,
    /// Why they are missing.
    pub reason: GapReason,
}

/// Bytes that a call moved and that were left where they are. Their thread waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    /// Who and when.
    pub head: Head,
    /// Which way.
    pub dir: Dir,
    /// Bytes that this direction moved before.
    pub pos: u64,
    /// How many bytes are left of the call.
    pub len: u64,
    /// How many of them are to be taken; not more than `len`.
    pub keep: u64,
    /// Where they stand in the process's memory.
    pub address: u64,
    /// Bytes that the whole call moved.
    pub call_len: u64,
    /// Where in the call the rest begins.
    pub call_off: u64,
    /// Why what follows `keep` is missing.
    pub reason: GapReason,
}

/// What is known about a connection's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conn {
    /// Who and when.
    pub head: Head,
    /// The process's control group.
    pub cgroup: u64,
    /// Local and remote address, if known.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// How they were found.
    pub source: AddrSource,
}

/// The end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close {
    /// Who and when.
    pub head: Head,
    /// Bytes moved in all, by [`Dir`].
    pub pos: [u64; 2],
}

impl Event<'_> {
    /// Who and when.
    pub fn head(&self) -> &Head {
        match self {
            Self::Data(data) => &data.head,
            Self::Gap(gap) => &gap.head,
            Self::Rest(rest) => &rest.head,
            Self::Conn(conn) => &conn.head,
            Self::Close(close) => &close.head,
            Self::Exec(head) | Self::Exit(head) => head,
        }
    }
}

impl Data<'_> {
    /// Whether the bytes stayed in the library's buffer.
    pub fn is_peek(&self) -> bool {
        is_peek(&self.head)
    }
}

impl Gap {
    /// Whether the bytes stayed in the library's buffer.
    pub fn is_peek(&self) -> bool {
        is_peek(&self.head)
    }
}

impl Rest {
    /// Whether the bytes stayed in the library's buffer.
    pub fn is_peek(&self) -> bool {
        is_peek(&self.head)
    }
}

fn is_peek(head: &Head) -> bool {
    head.flags & abi::ROW_PEEK != 0
}

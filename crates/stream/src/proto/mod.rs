//! From a connection's bytes to messages.
//!
//! Each protocol is a folder with two halves. Its parsers are pure: bytes in, one of three answers
//! out ([`Parsed`]). Its connection holds the state of both directions, takes [`Chunk`]s and
//! [`Missing`] in the order in which they moved, and tells of each message as soon as it is there.
//! That is a [`Dialogue`]; a function `recognise` beside it says whether bytes are the protocol's.
//! A connection may have begun before the capture, and bytes may be missing anywhere: a protocol
//! then looks for the next start, and says what it passed over.

pub mod body;
mod decoder;
mod grpc;
mod held;
mod holding;
pub mod http1;
pub mod http2;
mod looking;
pub mod mysql;
pub mod postgres;
pub(crate) mod sql;
mod sse;
pub mod websocket;

use abi::Dir;

use crate::limits;
use crate::message::{By, Flaw, Head, Line, Message};

pub use decoder::{Decoder, Decoding};
pub use held::Held;
pub use holding::Holding;

/// What a parser makes of the bytes at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed<T> {
    /// A whole one, and how many bytes it took.
    Whole(T, usize),
    /// It goes on past the bytes at hand.
    More,
    /// No more bytes will make it one; why, in a few words.
    Broken(&'static str),
}

/// Whether bytes are a protocol's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// They are.
    Yes,
    /// They may be; more bytes will tell.
    Perhaps,
    /// They are not.
    No,
}

/// Both directions of a connection that speaks one protocol.
pub trait Dialogue {
    /// Takes bytes, and tells of every message that ends in them. A message's span ends where the
    /// next one's begins: each byte is in one, or in [`What::Loose`](crate::message::What::Loose).
    fn data(&mut self, chunk: &Chunk<'_>, tell: &mut impl FnMut(&Message<'_>)) -> Next;

    /// Bytes are missing here.
    fn missing(&mut self, missing: &Missing, tell: &mut impl FnMut(&Message<'_>)) -> Next;

    /// Nothing follows: tells of what is unfinished, and of what was not answered.
    fn end(&mut self, end: End, tell: &mut impl FnMut(&Message<'_>));

    /// Exchanges so far.
    fn exchanges(&self) -> u64;

    /// What it keeps.
    fn holding(&self) -> Holding;

    /// Bytes of that in all.
    fn held(&self) -> usize {
        self.holding().all()
    }
}

/// Why nothing follows.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// Nanoseconds since 1970.
    pub time: u64,
    /// The connection itself has ended; otherwise only what is seen of it.
    pub closed: bool,
    /// What this is to a message that is not whole.
    pub flaw: Flaw,
}

/// What follows a chunk.
#[derive(Debug)]
pub enum Next {
    /// More of the same.
    Stay,
    /// Another protocol takes over.
    Upgrade(Box<Upgrade>),
    /// Nothing of this protocol was found for so long that it is another one. All of the chunk
    /// was told of.
    Lost,
}

/// Another protocol takes over, in both directions: 101 or the answer to CONNECT.
#[derive(Debug)]
pub struct Upgrade {
    /// Bytes of the chunk that still were the old protocol's.
    pub used: usize,
    /// The way in which requests went.
    pub requests: Dir,
    /// The exchange in which it was agreed.
    pub exchange: u64,
    /// The request that asked for it.
    pub request: Line,
    /// The header `Upgrade` of the response: `websocket`; empty after CONNECT.
    pub to: Vec<u8>,
    /// Headers of the response.
    pub headers: Head,
}

/// What a protocol starts with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Start {
    /// What the user chose.
    pub options: Options,
    /// Exchanges of the connection before.
    pub exchanges: u64,
    /// Bytes are missing before.
    pub late: bool,
}

/// Bytes that moved.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// Nanoseconds since 1970.
    pub time: u64,
    /// Who moved them.
    pub by: By,
    /// Which way they went.
    pub dir: Dir,
    /// Bytes of this direction before these.
    pub pos: u64,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// Bytes that moved and are not to be had.
#[derive(Debug, Clone, Copy)]
pub struct Missing {
    /// Nanoseconds since 1970.
    pub time: u64,
    /// Who moved them.
    pub by: By,
    /// Which way they went.
    pub dir: Dir,
    /// Bytes of this direction before these.
    pub pos: u64,
    /// How many.
    pub len: u64,
}

/// What a user chooses about decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Bytes of a body that are shown; the rest is counted.
    pub max_body: usize,
    /// Bytes that all connections together may hold for messages that are not whole yet. Past it,
    /// the one that was silent for longest is told of as it is.
    pub max_held: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_body: 1 << 20, max_held: 24 << 20 }
    }
}

/// Appends bytes, for which room is taken in steps, and of no more than `most`.
pub(crate) fn append(to: &mut Vec<u8>, bytes: &[u8], most: usize) {
    let (len, room) = (to.len() + bytes.len(), to.capacity());
    if len > room {
        let more = len.max((room + room.min(limits::GROWTH)).min(most));
        to.reserve_exact(more - to.len());
    }
    to.extend_from_slice(bytes);
}

/// The other way.
pub(crate) fn other(dir: Dir) -> Dir {
    match dir {
        Dir::Read => Dir::Write,
        Dir::Write => Dir::Read,
    }
}

//! What a direction says: units of frames.

use crate::message::{By, Flaw};

/// Something that a direction said.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Unit<'a> {
    /// Where its first byte stood, and when it came from whom.
    pub(in super::super) at: At,
    /// When its last byte came.
    pub(in super::super) ended: u64,
    /// Bytes that it took, missing ones too.
    pub(in super::super) wire: u64,
    pub(in super::super) what: Told<'a>,
}

/// A place in a direction.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct At {
    pub(in super::super) pos: u64,
    pub(in super::super) time: u64,
    pub(in super::super) by: By,
}

/// What a unit says.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Told<'a> {
    /// The client's first bytes.
    Preface,
    /// The direction begins with `SETTINGS`, as a server's does.
    FirstSettings,
    /// A frame that concerns the connection, or the flow of a stream.
    Overhead,
    /// All fields of a header block.
    Block(Block<'a>),
    /// A part of a `DATA` frame's content.
    Data { stream: u32, bytes: &'a [u8], end: bool },
    /// A part of it that is missing.
    Hole { stream: u32, len: u64, end: bool },
    /// `RST_STREAM`.
    Reset { stream: u32, code: u32 },
    /// `GOAWAY`.
    GoAway { code: u32, debug: &'a [u8] },
    /// Bytes of no frame that was recognised.
    Loose(&'a [u8]),
}

/// A header block, put together from its frames.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Block<'a> {
    pub(in super::super) stream: u32,
    /// The stream that a `PUSH_PROMISE` promises.
    pub(in super::super) promised: Option<u32>,
    pub(in super::super) end: bool,
    /// The compressed fields, from their beginning.
    pub(in super::super) bytes: &'a [u8],
    /// Why bytes after those are missing.
    pub(in super::super) flaw: Option<Flaw>,
}

/// Where the bytes of a unit are.
#[derive(Clone, Copy)]
pub(super) enum From<'c> {
    Chunk(&'c [u8]),
    Held(usize),
    Fragments,
}

/// A unit before its bytes are borrowed.
pub(super) struct Made<'c> {
    pub(super) what: Told<'static>,
    pub(super) from: From<'c>,
    pub(super) at: At,
    pub(super) wire: u64,
}

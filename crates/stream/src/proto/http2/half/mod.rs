//! One direction of a connection: bytes and gaps in, units of frames out.
//!
//! A frame's length stands in front of it, so a gap inside a frame costs that frame's content and
//! nothing else. A gap that hides a frame's head costs the sight of where frames begin; then
//! [`sync`](super::sync) looks for the next one.

mod block;
mod data;
mod gap;
mod read;
mod search;
mod unit;

use crate::message::Flaw;
use crate::proto::{Chunk, Missing};

use super::frame::{FrameHead, HEAD_LEN, Kind};
use unit::{From, Made};

pub(super) use unit::{At, Block, Told, Unit};

/// The state of a direction.
#[derive(Debug)]
pub(super) struct Half {
    state: State,
    /// Bytes of a frame's head or payload that is not whole yet, or those in which a frame is
    /// looked for.
    held: Vec<u8>,
    /// The head of the frame that is being read.
    raw: [u8; HEAD_LEN],
    /// The unit that was told last lies in `held`.
    spent: bool,
    /// Where the frame began that is being read.
    at: At,
    /// Bytes of the frame that no unit was told of.
    untold: u64,
    /// The header block that is being read.
    open: Option<Open>,
    fragments: Vec<u8>,
    /// Bytes to wait for before it is worth to search again.
    patience: usize,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// At the first byte that was seen.
    Start,
    /// Where a frame begins.
    Head,
    /// In a payload that is read as a whole.
    Payload(FrameHead),
    /// At the length of the padding of a `DATA` frame.
    PadLength(FrameHead),
    /// In the content, and then in the padding, of a `DATA` frame.
    Data { head: FrameHead, content: usize, padding: usize },
    /// In a payload that is passed over; bytes to go.
    Pass { kind: Kind, left: usize },
    /// Anywhere, for this reason.
    Lost(Flaw),
}

/// A header block that goes on in `CONTINUATION` frames.
#[derive(Debug, Clone, Copy)]
struct Open {
    at: At,
    wire: u64,
    stream: u32,
    promised: Option<u32>,
    end: bool,
    /// It was told, since a part is missing: what follows of it is passed over.
    told: bool,
}

impl Default for Half {
    fn default() -> Self {
        Self {
            state: State::Start,
            held: Vec::new(),
            raw: [0; HEAD_LEN],
            spent: false,
            at: At::default(),
            untold: 0,
            open: None,
            fragments: Vec::new(),
            patience: 0,
        }
    }
}

impl Half {
    /// Why it is not known where frames begin, if it is not.
    pub(super) fn lost(&self) -> Option<Flaw> {
        match self.state {
            State::Lost(flaw) => Some(flaw),
            _ => None,
        }
    }

    /// What was taken for frames may be none.
    pub(super) fn distrust(&mut self) {
        self.held.clear();
        self.spent = false;
        self.state = State::Lost(Flaw::Broken);
        self.open = None;
    }

    /// Where the next bytes belong that were not told of.
    pub(super) fn place(&self) -> u64 {
        self.at.pos
    }

    /// Bytes that it keeps.
    pub(super) fn held(&self) -> usize {
        self.held.capacity() + self.fragments.capacity()
    }

    /// Takes bytes off the chunk until there is something to tell. Once [`lost`](Self::lost), the rest
    /// of the chunk is for the [`search`](Self::search).
    pub(super) fn next<'u, 'c: 'u>(&'u mut self, chunk: &mut Chunk<'c>) -> Option<Unit<'u>> {
        if std::mem::take(&mut self.spent) {
            self.held.clear();
        }
        let made = loop {
            let head_is_there = matches!(self.state, State::Head) && self.held.len() == HEAD_LEN;
            if chunk.bytes.is_empty() && !head_is_there || self.lost().is_some() {
                return None;
            }
            if let Some(made) = self.step(chunk) {
                break made;
            }
        };
        Some(self.unit(made, chunk.time))
    }

    /// What a gap hides, likewise.
    pub(super) fn pass<'u>(&'u mut self, missing: &mut Missing) -> Option<Unit<'u>> {
        if std::mem::take(&mut self.spent) {
            self.held.clear();
        }
        let made = loop {
            if missing.len == 0 {
                return None;
            }
            if let State::Lost(_) = self.state {
                // What was searched does not go on after the gap.
                if self.held.is_empty() {
                    return None;
                }
                break self.made_held();
            }
            if let Some(made) = self.gap(missing) {
                break made;
            }
        };
        Some(self.unit(made, missing.time))
    }

    /// Gives a frame or header block that does not go on.
    pub(super) fn end(&mut self, time: u64, flaw: Flaw) -> Option<Unit<'_>> {
        if std::mem::take(&mut self.spent) {
            self.held.clear();
        }
        let made = self.cut(flaw)?;
        Some(self.unit(made, time))
    }

    fn unit<'u, 'c: 'u>(&'u mut self, made: Made<'c>, ended: u64) -> Unit<'u> {
        let Made { mut what, from, at, wire } = made;
        let source: &'u [u8] = match from {
            From::Chunk(bytes) => bytes,
            From::Held(start) => {
                self.spent = true;
                self.held.get(start..).unwrap_or_default()
            }
            From::Fragments => &self.fragments,
        };
        match &mut what {
            Told::Block(block) => block.bytes = source,
            Told::Data { bytes, .. } | Told::Loose(bytes) => *bytes = source,
            Told::GoAway { debug, .. } => *debug = source,
            _ => {}
        }
        Unit { at, ended, wire, what }
    }

    /// The frame at hand breaks the rules: it is searched for another one, with these bytes of its
    /// payload after those that are held.
    fn broken(&mut self, payload: &[u8]) -> Option<Made<'static>> {
        self.held.splice(..0, self.raw);
        self.held.extend_from_slice(payload);
        self.lose(Flaw::Broken)
    }

    /// It is not known any more where frames begin. A block that is open does not go on.
    fn lose(&mut self, flaw: Flaw) -> Option<Made<'static>> {
        self.state = State::Lost(flaw);
        self.untold = 0;
        self.patience = 0;
        self.block_end(Some(flaw))
    }

    fn made_held(&mut self) -> Made<'static> {
        let len = self.held.len() as u64;
        Made { from: From::Held(0), ..self.made(Told::Loose(b""), len) }
    }

    fn made(&self, what: Told<'static>, wire: u64) -> Made<'static> {
        Made { what, from: From::Chunk(&[]), at: self.at, wire }
    }
}

fn at(chunk: &Chunk<'_>) -> At {
    At { pos: chunk.pos, time: chunk.time, by: chunk.by }
}

/// Takes up to so many bytes off the chunk.
fn take<'c>(chunk: &mut Chunk<'c>, len: usize) -> &'c [u8] {
    let (taken, rest) = chunk.bytes.split_at(len.min(chunk.bytes.len()));
    chunk.bytes = rest;
    chunk.pos += taken.len() as u64;
    taken
}

/// Takes up to so many bytes off the gap.
fn skip(missing: &mut Missing, len: usize) -> usize {
    let taken = missing.len.min(len as u64);
    missing.len -= taken;
    missing.pos += taken;
    taken as usize
}

//! HTTP/2 (RFC 9113), from its beginning or from the middle of a connection.
//!
//! [`frame`] reads frames, [`hpack`] their compressed fields; both are pure. [`half`] turns the bytes
//! and gaps of one direction into units, by [`sync`] when it is not known where frames begin, and
//! [`streams`] puts those of both directions together to messages.
//!
//! Each byte is in exactly one span of a request, a response, a message of gRPC in a request, a
//! control message or something loose, or is counted as overhead ([`Http2::overhead`]): the preface,
//! `SETTINGS`, `PING`, `WINDOW_UPDATE`, `PRIORITY`, unknown types, and frames of streams that are over.

mod fields;
mod frame;
mod half;
mod hpack;
mod side;
mod streams;
mod sync;

use abi::Dir;

use super::{Chunk, Dialogue, End, Holding, Missing, Next, Seen, Start};
use crate::limits;
use crate::message::Message;

use frame::PREFACE;
use half::{Half, Told};
use streams::Streams;

/// A connection that speaks HTTP/2.
#[derive(Debug)]
pub struct Http2 {
    halves: [Half; 2],
    streams: Streams,
    /// Bytes that were searched in vain since the last frame.
    searched: [u64; 2],
    lost: [bool; 2],
}

/// Whether a direction that begins with these bytes, or goes on with them, speaks HTTP/2.
pub fn recognise(bytes: &[u8]) -> Seen {
    let same = bytes.iter().zip(PREFACE).take_while(|(a, b)| a == b).count();
    if same == PREFACE.len() {
        return Seen::Yes;
    }
    if same == bytes.len() {
        return Seen::Perhaps;
    }
    match sync::find(bytes) {
        sync::Sync::At(_) => Seen::Yes,
        sync::Sync::Perhaps(0) if bytes.len() < limits::LOOK => Seen::Perhaps,
        sync::Sync::Perhaps(_) => Seen::No,
    }
}

impl Http2 {
    /// Nothing was seen yet.
    pub fn new(start: Start) -> Self {
        Self {
            halves: Default::default(),
            streams: Streams::new(start),
            searched: [0; 2],
            lost: [false; 2],
        }
    }

    /// Bytes by [`Dir`] that belong to no message.
    pub fn overhead(&self) -> [u64; 2] {
        self.streams.overhead()
    }

    fn read(&mut self, chunk: &Chunk<'_>, tell: &mut impl FnMut(&Message<'_>)) {
        let mut frames = self.units(*chunk, tell);
        while let Some((pos, bytes)) = frames {
            frames = self.units(Chunk { pos, bytes: &bytes, ..*chunk }, tell);
        }
    }

    /// Takes a chunk. If frames had to be looked for and were found, gives them back.
    fn units(
        &mut self,
        mut chunk: Chunk<'_>,
        tell: &mut impl FnMut(&Message<'_>),
    ) -> Option<(u64, Vec<u8>)> {
        let dir = chunk.dir;
        let half = &mut self.halves[dir as usize];
        while let Some(unit) = half.next(&mut chunk) {
            if !self.streams.unit(dir, &unit, tell) {
                half.distrust();
            }
        }
        let flaw = half.lost()?;
        if !std::mem::replace(&mut self.lost[dir as usize], true) {
            self.streams.lost(dir, flaw, tell);
        }
        let (mut unit, before, frames) = half.search(&mut chunk);
        let pos = half.place();
        if !before.is_empty() {
            self.searched[dir as usize] += before.len() as u64;
            unit.what = Told::Loose(&before);
            self.streams.unit(dir, &unit, tell);
        }
        let frames = frames?;
        self.lost[dir as usize] = false;
        self.searched[dir as usize] = 0;
        Some((pos, frames))
    }
}

impl Dialogue for Http2 {
    fn data(&mut self, chunk: &Chunk<'_>, tell: &mut impl FnMut(&Message<'_>)) -> Next {
        self.streams.beside(self.halves.iter().map(Half::held).sum());
        self.read(chunk, tell);
        if self.searched[chunk.dir as usize] <= limits::LOST_FRAMES {
            return Next::Stay;
        }
        let flaw = crate::message::Flaw::Broken;
        self.end(End { time: chunk.time, closed: false, flaw }, tell);
        Next::Lost
    }

    fn missing(&mut self, missing: &Missing, tell: &mut impl FnMut(&Message<'_>)) -> Next {
        let mut missing = *missing;
        let dir = missing.dir;
        let half = &mut self.halves[dir as usize];
        while let Some(unit) = half.pass(&mut missing) {
            self.streams.unit(dir, &unit, tell);
        }
        if let Some(flaw) = half.lost()
            && !std::mem::replace(&mut self.lost[dir as usize], true)
        {
            self.streams.lost(dir, flaw, tell);
        }
        Next::Stay
    }

    fn end(&mut self, end: End, tell: &mut impl FnMut(&Message<'_>)) {
        for dir in [Dir::Read, Dir::Write] {
            let half = &mut self.halves[dir as usize];
            while let Some(unit) = half.end(end.time, end.flaw) {
                self.streams.unit(dir, &unit, tell);
            }
        }
        self.streams.end(end, tell);
    }

    fn exchanges(&self) -> u64 {
        self.streams.exchanges()
    }

    fn holding(&self) -> Holding {
        self.streams.holding() + Holding::of_state(self.halves.iter().map(Half::held).sum())
    }
}

//! One direction: the frame and the messages under way.

use super::deflate::{Agreed, Inflate};
use super::frame::{self, HEADER_MAX, Header};
use crate::limits;
use crate::message::{Body, By, Flaw, Flaws, Frame, Problem, Wire};
use crate::proto::body::Builder;
use crate::proto::{Chunk, Holding, Missing, Options};

/// What the next bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// A header, or the rest of one that waits.
    Header,
    /// A payload, with so many bytes before and left.
    Payload { at: u64, left: u64 },
    /// Not known: the next frame is looked for.
    Lost,
}

/// A direction.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) phase: Phase,
    /// What the mask bit must be, if that is known.
    pub(super) masked: Option<bool>,
    pub(super) agreed: Agreed,
    /// A header, as far as it came, and where it began.
    pub(super) waiting: Vec<u8>,
    pub(super) began: Began,
    pub(super) header: Header,
    /// The message of data under way; control frames come between its fragments.
    pub(super) data: Current,
    pub(super) control: Current,
    pub(super) inflate: Inflate,
    /// Payload without its mask.
    room: Vec<u8>,
    /// Bytes since the last message in which none began.
    pub(super) loose: u64,
    /// Why the next frame is looked for.
    pub(super) why: Flaw,
}

/// Where something began.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Began {
    pub(super) time: u64,
    pub(super) by: By,
    pub(super) pos: u64,
}

/// A message under way.
#[derive(Debug, Default)]
pub(super) struct Current {
    /// `None`: none is under way.
    pub(super) began: Option<Began>,
    pub(super) ended: u64,
    pub(super) flaws: Flaws,
    opcode: u8,
    fragments: u64,
    compressed: bool,
    /// Bytes of its frames, and of their payload.
    wire_len: u64,
    payload_len: u64,
    problem: Option<Problem>,
    body: Builder,
}

impl Side {
    pub(super) fn new(masked: Option<bool>, agreed: Agreed) -> Self {
        Self {
            phase: Phase::Header,
            masked,
            agreed,
            waiting: Vec::with_capacity(HEADER_MAX),
            began: Began::default(),
            header: Header::default(),
            data: Current::default(),
            control: Current::default(),
            inflate: Inflate::default(),
            room: Vec::new(),
            loose: 0,
            why: Flaw::Late,
        }
    }

    /// The message that the frame under way belongs to.
    pub(super) fn current(&mut self) -> &mut Current {
        if self.header.is_control() { &mut self.control } else { &mut self.data }
    }

    /// A header of so many bytes was read.
    pub(super) fn begin_frame(&mut self, header: Header, used: u64, time: u64, options: &Options) {
        self.header = header;
        self.phase = Phase::Payload { at: 0, left: header.len };
        self.loose = 0;
        let (agreed, began) = (self.agreed, self.began);
        let starts = header.is_control() || header.opcode != frame::CONTINUATION;
        let compressed = header.rsv1 && !header.is_control() && agreed.deflate;
        let mut problem = None;
        if compressed && starts {
            problem = self.inflate.begin(agreed.fresh);
        } else if header.rsv1 && starts {
            problem = Some(Problem::UnknownCoding);
        }
        let current = self.current();
        current.ended = time;
        current.wire_len += used;
        current.fragments += 1;
        if !starts && current.began.is_some() {
            return;
        }
        current.began = Some(began);
        current.opcode = header.opcode;
        current.compressed = compressed;
        current.problem = problem;
        current.body.begin(std::iter::empty(), options);
        if !starts {
            // Its first fragment was missed, and with it whether it is compressed.
            current.flaws.add(Flaw::Late);
            current.problem = agreed.deflate.then_some(Problem::UnknownCoding);
        }
    }

    /// Takes bytes of the payload.
    pub(super) fn payload(&mut self, bytes: &[u8], at: u64) {
        self.room.clear();
        match self.header.mask {
            Some(key) => frame::unmask(&mut self.room, bytes, key, at),
            None => self.room.extend_from_slice(bytes),
        }
        let Self { header, data, control, inflate, room, .. } = self;
        let current = if header.is_control() { control } else { data };
        current.wire_len += bytes.len() as u64;
        current.payload_len += bytes.len() as u64;
        if !current.compressed {
            current.body.push(room, |_| {});
        } else if current.problem.is_none() {
            let body = &mut current.body;
            current.problem = inflate.push(room, |part| body.push(part, |_| {})).err();
        }
        if room.capacity() > limits::ROOM {
            *room = Vec::new();
        }
    }

    /// So many bytes of the payload are missing.
    pub(super) fn missing(&mut self, len: u64, time: u64) {
        let Self { header, data, control, inflate, .. } = self;
        let current = if header.is_control() { control } else { data };
        current.ended = time;
        current.wire_len += len;
        current.payload_len += len;
        current.flaws.add(Flaw::Gap);
        if current.compressed {
            inflate.lose(Problem::Gap);
            current.problem.get_or_insert(Problem::Gap);
            current.body.missing(None);
        } else {
            current.body.missing(Some(len));
        }
    }

    /// The last frame of a message was read.
    pub(super) fn finish(&mut self) {
        let Self { header, data, inflate, .. } = self;
        if header.is_control() || !data.compressed || data.problem.is_some() {
            return;
        }
        let body = &mut data.body;
        data.problem = inflate.end(|part| body.push(part, |_| {})).err();
    }

    /// Framing is lost for this reason: what follows may have been compressed after a window that is not known.
    pub(super) fn lose(&mut self, why: Flaw) {
        self.phase = Phase::Lost;
        self.why = why;
        self.waiting.clear();
        self.inflate.lose(Problem::Gap);
    }

    /// What it keeps.
    pub(super) fn holding(&self) -> Holding {
        let state = self.waiting.capacity() + self.room.capacity() + self.inflate.held();
        Holding::of_state(state) + self.data.body.holding() + self.control.body.holding()
    }
}

impl Current {
    /// Where it stood, as far as it came.
    pub(super) fn wire(&self) -> Wire {
        Wire { pos: self.began.unwrap_or_default().pos, len: self.wire_len }
    }

    /// The message.
    pub(super) fn frame(&self) -> Frame<'_> {
        let coding: &[u8] = if self.compressed { b"permessage-deflate" } else { b"" };
        let body = self.body.body();
        let mut payload =
            Body { wire_len: self.payload_len, coding, problem: self.problem, ..body };
        let mut close = None;
        if self.opcode == frame::CLOSE
            && payload.holes.first().is_none_or(|hole| hole.at >= 2)
            && let Some((code, reason)) = payload.bytes.split_first_chunk()
        {
            close = Some(u16::from_be_bytes(*code));
            payload.bytes = reason;
            payload.len = payload.len.saturating_sub(2);
        }
        Frame { opcode: self.opcode, payload, fragments: self.fragments, close }
    }

    /// What is wrong with it.
    pub(super) fn flaws(&self) -> Flaws {
        if self.body.is_crowded() { self.flaws.with(Flaw::Limit) } else { self.flaws }
    }

    /// Its payload may take so many more bytes for now.
    pub(super) fn allow(&mut self, room: usize) {
        self.body.allow(room);
    }

    /// Lets go of it.
    pub(super) fn clear(&mut self) {
        self.body.begin(std::iter::empty(), &Options::default());
        self.body.shrink();
        *self = Self { body: std::mem::take(&mut self.body), ..Self::default() };
    }
}

impl From<&Chunk<'_>> for Began {
    fn from(chunk: &Chunk<'_>) -> Self {
        Self { time: chunk.time, by: chunk.by, pos: chunk.pos }
    }
}

impl From<&Missing> for Began {
    fn from(missing: &Missing) -> Self {
        Self { time: missing.time, by: missing.by, pos: missing.pos }
    }
}

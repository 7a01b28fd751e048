//! Frames, as their bytes come.

use crate::limits;
use crate::message::Flaw;
use crate::proto::{Chunk, Parsed};

use super::super::frame::{self, FrameHead, HEAD_LEN, Kind, PREFACE, flags};
use super::{From, Half, Made, State, Told, at, take};

impl Half {
    pub(super) fn step<'c>(&mut self, chunk: &mut Chunk<'c>) -> Option<Made<'c>> {
        match self.state {
            State::Start => self.start(chunk),
            State::Head => self.head(chunk),
            State::Payload(head) => self.payload(head, chunk),
            State::PadLength(head) => {
                let first = take(chunk, 1);
                self.untold += 1;
                match frame::padded(&head, first) {
                    Parsed::Whole(padded, _) => {
                        let padding = head.len - padded.before - padded.content;
                        self.state = State::Data { head, content: padded.content, padding };
                        self.empty_data(head, padded.content, padding)
                    }
                    Parsed::More | Parsed::Broken(_) => self.broken(first),
                }
            }
            State::Data { head, content, padding } => {
                let bytes = take(chunk, content);
                let pad = match bytes.len() == content {
                    true => take(chunk, padding).len(),
                    false => 0,
                };
                self.data(head, content - bytes.len(), padding - pad, From::Chunk(bytes), pad)
            }
            State::Pass { kind, left } => {
                let bytes = take(chunk, left);
                self.passed(kind, left - bytes.len(), bytes.len() as u64)
            }
            State::Lost(_) => None,
        }
    }

    /// The first bytes: a preface, `SETTINGS`, or the middle of a connection.
    fn start<'c>(&mut self, chunk: &mut Chunk<'c>) -> Option<Made<'c>> {
        if self.held.is_empty() {
            self.at = at(chunk);
        }
        let same = self.held.iter().chain(chunk.bytes).zip(PREFACE).take_while(|(a, b)| a == b);
        let same = same.count();
        if same == PREFACE.len() {
            take(chunk, PREFACE.len() - self.held.len());
            self.state = State::Head;
            self.held.clear();
            return Some(self.made(Told::Preface, PREFACE.len() as u64));
        }
        if same == self.held.len() + chunk.bytes.len() {
            self.held.extend_from_slice(take(chunk, usize::MAX));
            return None;
        }
        if self.held.is_empty() && chunk.bytes.len() >= HEAD_LEN {
            self.raw.copy_from_slice(&chunk.bytes[..HEAD_LEN]);
        } else {
            self.held.extend_from_slice(take(chunk, HEAD_LEN.saturating_sub(self.held.len())));
            self.raw = *self.held.first_chunk()?;
        }
        match FrameHead::parse(&self.raw) {
            Parsed::Whole(head, _) if self.held.len() <= HEAD_LEN && starts(&head) => {
                self.state = State::Head;
                Some(self.made(Told::FirstSettings, 0))
            }
            _ => self.lose(Flaw::Late),
        }
    }

    fn head<'c>(&mut self, chunk: &mut Chunk<'c>) -> Option<Made<'c>> {
        if self.held.is_empty() {
            self.at = at(chunk);
            if let Some(first) = chunk.bytes.first_chunk() {
                self.raw = *first;
                let Parsed::Whole(head, _) = FrameHead::parse(&self.raw) else {
                    return self.lose(Flaw::Broken);
                };
                take(chunk, HEAD_LEN);
                return self.begin(head);
            }
        }
        self.held.extend_from_slice(take(chunk, HEAD_LEN - self.held.len()));
        self.raw = *self.held.first_chunk()?;
        let Parsed::Whole(head, _) = FrameHead::parse(&self.raw) else {
            return self.lose(Flaw::Broken);
        };
        self.held.clear();
        self.begin(head)
    }

    /// A frame's head was read.
    fn begin(&mut self, head: FrameHead) -> Option<Made<'static>> {
        let continues = self.open.map(|open| open.stream);
        if continues != (head.kind == Kind::Continuation).then_some(head.stream) {
            return self.broken(&[]);
        }
        self.untold = HEAD_LEN as u64;
        self.state = match head.kind {
            Kind::Data if head.has(flags::PADDED) && head.len > 0 => State::PadLength(head),
            Kind::Data => State::Data { head, content: head.len, padding: 0 },
            Kind::Continuation if self.open.is_some_and(|open| open.told) => {
                if head.has(flags::END_HEADERS) {
                    self.open = None;
                }
                State::Pass { kind: Kind::Continuation, left: head.len }
            }
            Kind::Headers | Kind::PushPromise | Kind::Continuation
                if self.fragments_with(&head) > limits::BLOCK =>
            {
                let made = self.cut_block(head, 0, Flaw::Limit);
                self.state = State::Pass { kind: head.kind, left: head.len };
                return Some(made);
            }
            Kind::GoAway if head.len > limits::BLOCK => {
                State::Pass { kind: head.kind, left: head.len }
            }
            Kind::Headers
            | Kind::PushPromise
            | Kind::Continuation
            | Kind::RstStream
            | Kind::GoAway => State::Payload(head),
            kind => State::Pass { kind, left: head.len },
        };
        match self.state {
            State::Data { head, content: 0, padding: 0 } => {
                self.data(head, 0, 0, From::Chunk(&[]), 0)
            }
            State::Pass { kind, left: 0 } => self.passed(kind, 0, 0),
            State::Payload(head) if head.len == 0 => self.read(head, From::Chunk(&[])),
            _ => None,
        }
    }

    fn fragments_with(&self, head: &FrameHead) -> usize {
        match head.kind {
            Kind::Continuation => self.fragments.len() + head.len,
            _ => head.len,
        }
    }

    fn payload<'c>(&mut self, head: FrameHead, chunk: &mut Chunk<'c>) -> Option<Made<'c>> {
        if self.held.is_empty() && chunk.bytes.len() >= head.len {
            let payload = take(chunk, head.len);
            self.untold += head.len as u64;
            return self.read(head, From::Chunk(payload));
        }
        let more = take(chunk, head.len - self.held.len());
        self.untold += more.len() as u64;
        self.held.extend_from_slice(more);
        match self.held.len() == head.len {
            true => self.read(head, From::Held(0)),
            false => None,
        }
    }

    /// A payload is whole. That of `from` is all of `held`, if it lies there.
    fn read<'c>(&mut self, head: FrameHead, from: From<'c>) -> Option<Made<'c>> {
        self.state = State::Head;
        let wire = std::mem::take(&mut self.untold);
        let payload = match from {
            From::Chunk(bytes) => bytes,
            From::Held(_) | From::Fragments => &self.held,
        };
        match head.kind {
            Kind::RstStream => {
                let code = frame::reset(payload).unwrap_or(0);
                let made = self.made(Told::Reset { stream: head.stream, code }, wire);
                self.held.clear();
                Some(made)
            }
            Kind::GoAway => {
                let code = frame::goaway(payload).map_or(0, |(_, code, _)| code);
                let from = match from {
                    From::Chunk(bytes) => From::Chunk(bytes.get(8..).unwrap_or_default()),
                    _ => From::Held(8),
                };
                Some(Made { from, ..self.made(Told::GoAway { code, debug: b"" }, wire) })
            }
            _ => self.fragment(head, from, wire),
        }
    }
}

/// Whether a direction may begin with this frame (RFC 9113, section 3.4).
fn starts(head: &FrameHead) -> bool {
    head.kind == Kind::Settings && head.flags == 0 && !head.reserved
}

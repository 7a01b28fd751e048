//! gRPC's messages in the body of a request or response
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>): a flag, a length, the message.

use std::mem;

use super::body::Builder;
use super::{Holding, Options};
use crate::message::{By, Flaw, Flaws, Rpc, Wire};

/// Bytes before each message.
const PREFIX: usize = 5;

/// A part of a body as it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// When its first byte came from whom, and its last.
    pub(super) begun: u64,
    pub(super) ended: u64,
    pub(super) by: By,
    /// What it took of the direction, frames included.
    pub(super) wire: Wire,
}

/// A message that has ended, or was cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) part: Part,
    pub(super) flaws: Flaws,
    pub(super) what: What<'a>,
}

/// What was told.
#[derive(Debug, Clone, Copy)]
pub(super) enum What<'a> {
    /// A message.
    Rpc(Rpc<'a>),
    /// Bytes after something broke or is missing: where messages begin is not known.
    Loose(&'a [u8]),
}

/// The messages of one direction of a call.
#[derive(Debug, Default)]
pub(super) struct Rpcs {
    /// `grpc-encoding`.
    coding: Vec<u8>,
    prefix: [u8; PREFIX],
    /// Bytes of the prefix that are there.
    have: usize,
    /// Bytes of the message that are to come, once the prefix is whole.
    left: u64,
    payload: Builder,
    /// Bytes that a message may take for now.
    room: usize,
    number: u64,
    /// They are part of a response.
    answer: bool,
    begun: Option<Part>,
    flaws: Flaws,
    /// Bytes of frames that no message was told of, and where the first one stood.
    frames: u64,
    first: u64,
    /// Why it is not known where messages begin, if it is not.
    lost: Option<Flaw>,
}

/// Whether a body of this type is gRPC's.
pub(super) fn is_grpc(content_type: &[u8]) -> bool {
    let Some((name, rest)) = content_type.split_at_checked(b"application/grpc".len()) else {
        return false;
    };
    // gRPC-Web has other trailers, and gRPC in text is in base64.
    name.eq_ignore_ascii_case(b"application/grpc")
        && matches!(rest.first(), None | Some(b'+' | b';' | b' '))
}

impl Rpcs {
    /// Messages of a request or, as its `answer`, of a response, compressed with this if their flag
    /// says so.
    pub(super) fn new(coding: Option<&[u8]>, answer: bool) -> Self {
        Self { coding: coding.unwrap_or_default().to_vec(), answer, ..Self::default() }
    }

    /// Takes bytes of the body and tells of each message that ends in them.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        part: Part,
        options: &Options,
        mut tell: impl FnMut(&Told<'_>),
    ) {
        self.frames(&part, part.wire.len - bytes.len() as u64);
        if self.lost.is_some() {
            return self.loose(bytes, part.wire.pos, part, tell);
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let offset = part.wire.len - rest.len() as u64;
            self.touch(&part, offset);
            if self.have < PREFIX {
                let taken = take(&mut rest, PREFIX - self.have);
                self.prefix[self.have..self.have + taken.len()].copy_from_slice(taken);
                self.have += taken.len();
                self.wire(taken.len());
                if self.have < PREFIX {
                    continue;
                }
                let [flag, len @ ..] = self.prefix;
                if flag > 1 {
                    return self.break_off(rest, part, tell);
                }
                self.left = u64::from(u32::from_be_bytes(len));
                let coding = (flag == 1).then_some(self.coding.as_slice());
                self.payload.begin(coding.into_iter(), options);
                self.payload.allow(self.room);
            }
            let len = usize::try_from(self.left).unwrap_or(usize::MAX);
            let taken = take(&mut rest, len);
            self.payload.push(taken, |_| ());
            self.left -= taken.len() as u64;
            self.wire(taken.len());
            if self.left == 0 {
                self.tell(part.ended, true, &mut tell);
            }
        }
    }

    /// Bytes are missing here; `None`: not known how many. `part` is what they took.
    pub(super) fn missing(
        &mut self,
        len: Option<u64>,
        part: Part,
        mut tell: impl FnMut(&Told<'_>),
    ) {
        self.frames(&part, part.wire.len - len.unwrap_or(0));
        if self.lost.is_some() {
            return self.frames(&part, len.unwrap_or(0));
        }
        match len {
            Some(len) if self.have == PREFIX && len <= self.left => {
                self.payload.missing(Some(len));
                self.flaws.add(Flaw::Gap);
                self.left -= len;
                if let Some(begun) = &mut self.begun {
                    begun.wire.len += len;
                }
                if self.left == 0 {
                    self.tell(part.ended, true, &mut tell);
                }
            }
            _ => {
                self.frames(&part, len.unwrap_or(0));
                self.end(Flaw::Gap, part.ended, &mut tell);
                self.lost = Some(Flaw::Gap);
            }
        }
    }

    /// Nothing follows: tells of the message that is not whole.
    pub(super) fn end(&mut self, flaw: Flaw, time: u64, mut tell: impl FnMut(&Told<'_>)) {
        if self.begun.is_some() {
            self.flaws.add(flaw);
            if flaw == Flaw::Gap && self.have == PREFIX {
                self.payload.missing(None);
            }
            self.tell(time, false, &mut tell);
        }
    }

    /// Bytes of frames that are in no message that was told.
    pub(super) fn untold(&mut self) -> u64 {
        mem::take(&mut self.frames)
    }

    /// The message under way may take so many more bytes for now.
    pub(super) fn allow(&mut self, room: usize) {
        self.room = room;
        self.payload.allow(room);
    }

    /// What it keeps.
    pub(super) fn holding(&self) -> Holding {
        Holding::of_state(size_of::<Self>() + self.coding.capacity()) + self.payload.holding()
    }

    fn touch(&mut self, part: &Part, offset: u64) {
        if self.begun.is_none() {
            // What is around the content belongs to the message that begins in it.
            let frames = mem::take(&mut self.frames);
            let pos = if frames > 0 { self.first } else { part.wire.pos + offset };
            self.begun = Some(Part { wire: Wire { pos, len: frames }, ..*part });
        }
    }

    /// So many bytes of a part are around the content.
    fn frames(&mut self, part: &Part, len: u64) {
        if self.frames == 0 {
            self.first = part.wire.pos;
        }
        self.frames += len;
    }

    fn wire(&mut self, len: usize) {
        if let Some(begun) = &mut self.begun {
            begun.wire.len += len as u64;
        }
    }

    fn tell(&mut self, ended: u64, whole: bool, tell: &mut impl FnMut(&Told<'_>)) {
        let Some(mut part) = self.begun.take() else { return };
        part.ended = ended;
        part.wire.len += mem::take(&mut self.frames);
        if self.have == PREFIX {
            self.payload.end(whole);
        } else {
            self.payload.begin([].into_iter(), &Options { max_body: 0, ..Options::default() });
        }
        self.number += 1;
        self.have = 0;
        let rpc = Rpc { number: self.number, answer: self.answer, payload: self.payload.body() };
        let mut flaws = mem::take(&mut self.flaws);
        if self.payload.is_crowded() {
            flaws.add(Flaw::Limit);
        }
        tell(&Told { part, flaws, what: What::Rpc(rpc) });
        self.payload.shrink();
    }

    /// A prefix that is none.
    fn break_off(&mut self, rest: &[u8], part: Part, mut tell: impl FnMut(&Told<'_>)) {
        self.lost = Some(Flaw::Broken);
        self.have = 0;
        let Wire { pos, len } = self.begun.take().map_or(part.wire, |begun| begun.wire);
        (self.frames, self.first) = (self.frames + len - PREFIX as u64, pos);
        let bytes = [&self.prefix[..], rest].concat();
        self.loose(&bytes, pos, part, &mut tell);
    }

    /// Bytes that stand here, or after the frames that were not told of.
    fn loose(&mut self, bytes: &[u8], pos: u64, part: Part, mut tell: impl FnMut(&Told<'_>)) {
        let frames = mem::take(&mut self.frames);
        let pos = if frames > 0 { self.first } else { pos };
        let part = Part { wire: Wire { pos, len: frames + bytes.len() as u64 }, ..part };
        let flaws = self.lost.map_or(Flaws::NONE, |flaw| Flaws::NONE.with(flaw));
        tell(&Told { part, flaws, what: What::Loose(bytes) });
    }
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (taken, after) = rest.split_at(len.min(rest.len()));
    *rest = after;
    taken
}

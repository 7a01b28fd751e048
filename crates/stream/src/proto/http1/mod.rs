//! HTTP/1.0 (RFC 1945) and 1.1 (RFC 9112): requests and responses of a connection, in pairs.
//!
//! Heads are read by httparse; where a body ends is worked out here, since bytes may be missing in
//! it. Missing bytes within a body of known length, or within a chunk, leave a hole and the rest
//! keeps its place. Any others lose the framing: the message is told as it is, and the next start
//! line is looked for.

mod asked;
mod chunked;
mod end;
mod events;
mod framing;
mod head;
mod parse;
mod recognise;
mod side;

use abi::Dir;

use super::{Chunk, Dialogue, End, Holding, Missing, Next, Options, Start, Upgrade};
use crate::limits;
use crate::message::{Flaw, Message};

use asked::Queue;
use chunked::Chunked;
use side::{Phase, Role, Side};

pub use recognise::{recognise_known_request, recognise_request, recognise_response};

/// A connection that speaks HTTP/1.
#[derive(Debug)]
pub struct Http1 {
    options: Options,
    /// The way in which requests go.
    requests: Dir,
    exchanges: u64,
    sides: [Side; 2],
    queue: Queue,
}

/// What a step over some of a chunk's bytes comes to.
enum Step {
    /// So many bytes were taken.
    Took(usize),
    /// The same, and another protocol follows.
    Upgrade(usize, Box<Upgrade>),
}

impl Http1 {
    /// A connection whose first message is about to come.
    pub fn new(start: Start, requests: Dir) -> Self {
        let role = |dir| if dir == requests { Role::Requests } else { Role::Responses };
        let mut http1 = Self {
            options: start.options,
            requests,
            exchanges: start.exchanges,
            sides: [Side::new(role(Dir::Read)), Side::new(role(Dir::Write))],
            queue: Queue::default(),
        };
        if start.late {
            http1.queue.lose(true, false);
        }
        http1
    }

    /// Takes some of the bytes, with which the chunk ends.
    fn step(
        &mut self,
        chunk: &Chunk<'_>,
        bytes: &[u8],
        tell: &mut impl FnMut(&Message<'_>),
    ) -> Step {
        let side = &mut self.sides[chunk.dir as usize];
        side.now.ended = chunk.time;
        match side.phase {
            Phase::Head => return self.head(chunk, bytes, tell),
            Phase::Lost => return Step::Took(self.look(chunk, bytes, tell)),
            _ if side.is_bodiless(bytes) => {
                self.finish(chunk.dir, tell);
                return Step::Took(0);
            }
            Phase::Chunked(Chunked::Trailers) => return self.trailers(chunk, bytes, tell),
            _ => {}
        }
        let (len, data) = match &mut side.phase {
            Phase::Length(left) => {
                let len = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= len as u64;
                (len, true)
            }
            Phase::Chunked(chunked) => match chunked.next(bytes) {
                chunked::Part::Framing(len) => (len, false),
                chunked::Part::Data(len) => (len, true),
                chunked::Part::Broken(flaw) => {
                    self.give_up(chunk.dir, flaw, tell);
                    return Step::Took(0);
                }
            },
            _ => (bytes.len(), true),
        };
        side.next = side.next.saturating_add(len as u64);
        if data {
            side.content(chunk, &bytes[..len], tell);
        }
        if side.phase == Phase::Length(0) {
            self.finish(chunk.dir, tell);
        }
        Step::Took(len)
    }

    /// The body under way may take what the connection has room for.
    fn allow(&mut self, dir: Dir) {
        let room = self.holding().room(&self.options);
        self.sides[dir as usize].now.body.allow(room);
    }

    /// Whether this has become a connection of something else: no start in a long while, and
    /// nothing that is under way.
    fn is_lost(&self) -> bool {
        let idle = |side: &Side| match side.phase {
            Phase::Lost => true,
            Phase::Head => side.buffer.is_empty(),
            _ => false,
        };
        self.sides.iter().all(idle) && self.sides.iter().any(|side| side.loose > limits::LOST)
    }
}

impl Dialogue for Http1 {
    fn data(&mut self, chunk: &Chunk<'_>, tell: &mut impl FnMut(&Message<'_>)) -> Next {
        let mut at = 0;
        let side = &mut self.sides[chunk.dir as usize];
        if side.buffer.is_empty() && matches!(side.phase, Phase::Head | Phase::Lost) {
            side.next = chunk.pos;
        }
        self.allow(chunk.dir);
        while let Some(bytes) = chunk.bytes.get(at..).filter(|bytes| !bytes.is_empty()) {
            match self.step(chunk, bytes, tell) {
                Step::Took(len) => at += len,
                Step::Upgrade(len, upgrade) => {
                    return Next::Upgrade(Box::new(Upgrade { used: at + len, ..*upgrade }));
                }
            }
        }
        if self.is_lost() { Next::Lost } else { Next::Stay }
    }

    fn missing(&mut self, missing: &Missing, tell: &mut impl FnMut(&Message<'_>)) -> Next {
        let side = &mut self.sides[missing.dir as usize];
        side.now.ended = missing.time;
        let left = match side.phase {
            Phase::Head | Phase::Lost => None,
            Phase::Length(left) => Some(left),
            Phase::Chunked(chunked) => chunked.left(),
            Phase::Close => Some(u64::MAX),
        };
        let within = left.filter(|&left| missing.len <= left);
        if let Some(left) = within {
            side.now.flaws.add(Flaw::Gap);
            side.missing(missing.dir, Some(missing.len), tell);
            side.next = side.next.saturating_add(missing.len);
            match &mut side.phase {
                Phase::Length(rest) => *rest = left - missing.len,
                Phase::Chunked(chunked) => chunked.take(missing.len),
                _ => {}
            }
            if side.phase == Phase::Length(0) {
                self.finish(missing.dir, tell);
            }
            return Next::Stay;
        }
        if let Some(left) = left {
            side.missing(missing.dir, Some(left), tell);
            side.next = side.next.saturating_add(left);
        }
        self.give_up(missing.dir, Flaw::Gap, tell);
        let both = self.sides.iter().all(|side| side.phase == Phase::Lost);
        self.queue.lose(missing.dir == self.requests, both);
        self.sides[missing.dir as usize].next = missing.pos.saturating_add(missing.len);
        Next::Stay
    }

    fn end(&mut self, end: End, tell: &mut impl FnMut(&Message<'_>)) {
        for dir in [self.requests, super::other(self.requests)] {
            let side = &mut self.sides[dir as usize];
            match side.phase {
                Phase::Close if end.closed => self.finish(dir, tell),
                _ => self.give_up(dir, end.flaw, tell),
            }
        }
        self.unanswered(end, tell);
    }

    fn exchanges(&self) -> u64 {
        self.exchanges
    }

    fn holding(&self) -> Holding {
        self.sides.iter().map(Side::holding).sum::<Holding>() + Holding::of_state(self.queue.held())
    }
}

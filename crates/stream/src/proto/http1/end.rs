//! How a message ends, in order or not, and how the next one is found.

use abi::Dir;

use super::parse;
use super::side::{Phase, loose, unanswered};
use super::{Http1, Step};
use crate::limits;
use crate::message::{Flaw, Flaws, Message, Part};
use crate::proto::{Chunk, End, Parsed, Seen};

impl Http1 {
    /// The message under way is whole: tells of it.
    pub(super) fn finish(&mut self, dir: Dir, tell: &mut impl FnMut(&Message<'_>)) {
        self.sides[dir as usize].now.body.end(true);
        self.tell(dir, tell);
        self.sides[dir as usize].phase = Phase::Head;
    }

    /// The message under way can't be followed further: tells of it as it is. The next start is
    /// looked for.
    pub(super) fn give_up(&mut self, dir: Dir, flaw: Flaw, tell: &mut impl FnMut(&Message<'_>)) {
        let side = &mut self.sides[dir as usize];
        match side.phase {
            Phase::Head if side.buffer.is_empty() => {}
            Phase::Head => self.partial(dir, flaw, tell),
            Phase::Lost => {}
            _ => {
                side.now.flaws.add(flaw);
                if let Phase::Chunked(_) = side.phase {
                    // Framing or trailers that were not told in a body of their own.
                    side.buffer.clear();
                }
                side.now.body.end(false);
                self.tell(dir, tell);
            }
        }
        let side = &mut self.sides[dir as usize];
        side.buffer.clear();
        side.phase = Phase::Lost;
        side.lost = true;
        side.why = flaw;
    }

    /// A head whose end will not come: what is whole of it are its first lines.
    fn partial(&mut self, dir: Dir, flaw: Flaw, tell: &mut impl FnMut(&Message<'_>)) {
        let side = &mut self.sides[dir as usize];
        let buffer = std::mem::take(&mut side.buffer);
        side.now.fields.clear();
        side.now.flaws.add(flaw);
        let lines = buffer.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        let head = [&buffer[..lines], b"\r\n"].concat();
        let time = side.now.ended;
        match side.read(&head) {
            Parsed::Whole(parts, _) => {
                self.begin_message(dir, parts, time, tell);
                self.sides[dir as usize].now.streams = false;
                self.sides[dir as usize].now.events = None;
                self.tell(dir, tell);
            }
            _ => {
                let pos = side.next - buffer.len() as u64;
                let chunk = Chunk { time: side.now.begun, by: side.now.by, dir, pos, bytes: &[] };
                let mut message = loose(&chunk, pos, &buffer);
                message.ended = time;
                message.flaws.add(flaw);
                tell(&message);
            }
        }
    }

    /// Tells of the message under way, and lets go of it.
    fn tell(&mut self, dir: Dir, tell: &mut impl FnMut(&Message<'_>)) {
        let side = &mut self.sides[dir as usize];
        side.end_events(dir, tell);
        if side.now.body.is_crowded() {
            side.now.flaws.add(Flaw::Limit);
        }
        let part = if side.now.streams { Part::End } else { Part::Whole };
        tell(&side.now.message(dir, side.role, side.next, part));
        if let Some(asked) = side.now.asked.take() {
            // An interim response (RFC 9110, section 15.2) leaves the answer to a later one.
            if side.now.interim { self.queue.ask_again(asked) } else { self.queue.reuse(asked) }
        }
        side.shrink();
    }

    /// Reads trailers, or keeps what there is of them.
    pub(super) fn trailers(
        &mut self,
        chunk: &Chunk<'_>,
        bytes: &[u8],
        tell: &mut impl FnMut(&Message<'_>),
    ) -> Step {
        let side = &mut self.sides[chunk.dir as usize];
        let waited = side.buffer.len();
        let take = bytes.len().min(limits::HEAD.saturating_sub(waited) + 1);
        side.buffer.extend_from_slice(&bytes[..take]);
        let end = match side.buffer.as_slice() {
            [b'\n', ..] => Some(1),
            [b'\r', b'\n', ..] => Some(2),
            buffer => parse::end_of_head(buffer, waited),
        };
        let Some(end) = end else {
            side.next += take as u64;
            if side.buffer.len() > limits::HEAD {
                self.give_up(chunk.dir, Flaw::Limit, tell);
            }
            return Step::Took(take);
        };
        if let Parsed::Broken(why) = parse::trailers(&side.buffer[..end], &mut side.now.trailers) {
            side.now.flaws.add(parse::flaw(why));
        }
        let took = end.saturating_sub(waited);
        side.next += took as u64;
        side.buffer.clear();
        self.finish(chunk.dir, tell);
        Step::Took(took)
    }

    /// Looks for the next start: tells of what is before it and returns how much that was.
    pub(super) fn look(
        &mut self,
        chunk: &Chunk<'_>,
        bytes: &[u8],
        tell: &mut impl FnMut(&Message<'_>),
    ) -> usize {
        let side = &mut self.sides[chunk.dir as usize];
        // Messages mostly begin where a call does.
        if side.recognise(bytes) != Seen::No {
            side.phase = Phase::Head;
            return 0;
        }
        let found = side.find(bytes);
        self.skip(chunk, bytes, found, tell)
    }

    /// What stands where a head should is none, for this reason: passes over it, up to the next
    /// start.
    pub(super) fn pass(
        &mut self,
        chunk: &Chunk<'_>,
        bytes: &[u8],
        flaw: Flaw,
        tell: &mut impl FnMut(&Message<'_>),
    ) -> usize {
        let side = &mut self.sides[chunk.dir as usize];
        side.why = flaw;
        let found = side.find(&bytes[1..]).map(|at| 1 + at);
        self.skip(chunk, bytes, found, tell)
    }

    fn skip(
        &mut self,
        chunk: &Chunk<'_>,
        bytes: &[u8],
        found: Option<usize>,
        tell: &mut impl FnMut(&Message<'_>),
    ) -> usize {
        let side = &mut self.sides[chunk.dir as usize];
        let flaws = Flaws::NONE.with(side.why);
        let passed = found.unwrap_or(bytes.len());
        tell(&Message { flaws, ..loose(chunk, side.next, &bytes[..passed]) });
        side.next += passed as u64;
        side.loose += passed as u64;
        side.phase = if found.is_some() { Phase::Head } else { Phase::Lost };
        passed
    }

    /// Responses are followed again: requests that were overtaken had theirs in what was missed.
    pub(super) fn pass_over(&mut self, time: u64, tell: &mut impl FnMut(&Message<'_>)) {
        while let Some(asked) = self.queue.overtaken() {
            let flaws = Flaws::NONE.with(Flaw::Gap);
            tell(&unanswered(&asked, self.requests, self.place(time), flaws));
            self.queue.reuse(asked);
        }
    }

    /// Lets go of the oldest request that waits if there are too many.
    pub(super) fn bound_queue(&mut self, time: u64, tell: &mut impl FnMut(&Message<'_>)) {
        if !self.queue.is_full() {
            return;
        }
        self.queue.lose(true, false);
        if let Some(asked) = self.queue.give_up() {
            let flaws = Flaws::NONE.with(Flaw::Limit);
            tell(&unanswered(&asked, self.requests, self.place(time), flaws));
        }
    }

    /// Nothing follows: tells of every request that waits.
    pub(super) fn unanswered(&mut self, end: End, tell: &mut impl FnMut(&Message<'_>)) {
        let flaws = if end.closed { Flaws::NONE } else { Flaws::NONE.with(end.flaw) };
        while let Some(asked) = self.queue.give_up() {
            tell(&unanswered(&asked, self.requests, self.place(end.time), flaws));
        }
    }

    /// When and where a response would stand.
    fn place(&self, time: u64) -> (u64, u64) {
        (time, self.sides[super::super::other(self.requests) as usize].next)
    }
}

//! Content as it arrives, and the server-sent events in it.

use std::mem;

use abi::Dir;

use super::side::Side;
use crate::message::{Flaw, Message, Part, What, Wire};
use crate::proto::{Chunk, sse};

impl Side {
    /// Takes bytes of the body, which end before [`Side::next`].
    pub(super) fn content(
        &mut self,
        chunk: &Chunk<'_>,
        bytes: &[u8],
        tell: &mut impl FnMut(&Message<'_>),
    ) {
        let Some(mut events) = self.now.events.take() else {
            return self.now.body.push(bytes, |_| {});
        };
        let mut body = mem::take(&mut self.now.body);
        body.push(bytes, |part| {
            events.push(part, chunk.time, |told| tell(&self.event(chunk.dir, told)));
        });
        self.now.body = body;
        self.now.events = Some(events);
    }

    /// Bytes of the body are missing.
    pub(super) fn missing(
        &mut self,
        dir: Dir,
        len: Option<u64>,
        tell: &mut impl FnMut(&Message<'_>),
    ) {
        self.now.body.missing(len);
        if let Some(mut events) = self.now.events.take() {
            events.missing(|told| tell(&self.event(dir, told)));
            self.now.events = Some(events);
        }
    }

    /// The body has ended, or is given up.
    pub(super) fn end_events(&mut self, dir: Dir, tell: &mut impl FnMut(&Message<'_>)) {
        if let Some(mut events) = self.now.events.take() {
            events.end(Flaw::Cut, self.now.ended, |told| tell(&self.event(dir, told)));
        }
    }

    /// Chunks and codings lie between an event and the direction's bytes: what it took of them is
    /// counted with its response.
    fn event<'a>(&'a self, dir: Dir, told: &sse::Told<'a>) -> Message<'a> {
        Message {
            begun: told.begun,
            flaws: told.flaws,
            wire: Wire { pos: self.next, len: 0 },
            what: What::Event(told.event),
            ..self.now.message(dir, self.role, self.next, Part::Head)
        }
    }
}

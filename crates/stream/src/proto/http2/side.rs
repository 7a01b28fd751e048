//! One half of an exchange: the request or the response of a stream, as it is put together.

use std::mem;

use abi::Dir;

use crate::message::{Body, By, Content, Flaws, Head, Wire};
use crate::proto::body::Builder;
use crate::proto::grpc::Rpcs;
use crate::proto::sse::Events;
use crate::proto::{Holding, Options};

use super::half::{At, Unit};

/// A message under way.
#[derive(Debug, Default)]
pub(super) struct Side {
    pub(super) phase: Phase,
    pub(super) dir: Option<Dir>,
    pub(super) begun: u64,
    pub(super) ended: u64,
    pub(super) by: By,
    pub(super) wire: Wire,
    pub(super) flaws: Flaws,
    pub(super) head: Head,
    pub(super) trailers: Head,
    pub(super) body: Builder,
    pub(super) status: Option<u16>,
    /// The messages of gRPC that its body consists of.
    pub(super) rpcs: Option<Box<Rpcs>>,
    /// The server-sent events in it, until it ends.
    pub(super) events: Option<Box<Events>>,
    /// Its head was told, since what follows is told as it comes.
    pub(super) begun_told: bool,
}

/// How far a message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Phase {
    /// Nothing of it came.
    #[default]
    Idle,
    /// Its head came, or a part of what follows.
    Open,
    /// It was told.
    Done,
}

impl Side {
    /// Takes note of a unit that belongs to it.
    pub(super) fn touch(&mut self, dir: Dir, unit: &Unit<'_>) {
        if self.phase == Phase::Idle {
            let At { pos, time, by } = unit.at;
            (self.begun, self.by, self.wire) = (time, by, Wire { pos, len: 0 });
            (self.phase, self.dir) = (Phase::Open, Some(dir));
        }
        self.ended = unit.ended;
        self.wire.len += unit.wire;
    }

    /// Ready for the next message of the stream: an interim response was told.
    pub(super) fn again(&mut self) {
        self.phase = Phase::Idle;
        (self.rpcs, self.events) = (None, None);
        self.flaws = Flaws::NONE;
        self.status = None;
        self.head.clear();
    }

    /// It was told: what it held is let go, all but a little room.
    pub(super) fn done(&mut self) {
        let dir = self.dir;
        self.clear();
        (self.phase, self.dir) = (Phase::Done, dir);
    }

    /// Forgets all; the room is used again.
    pub(super) fn clear(&mut self) {
        let Self { head, trailers, body, .. } = mem::take(self);
        *self = Self { head, trailers, body, ..Self::default() };
        for head in [&mut self.head, &mut self.trailers] {
            head.clear();
            head.shrink();
        }
        self.body.begin([].into_iter(), &Options::default());
        self.body.shrink();
    }

    /// Headers, body and trailers.
    pub(super) fn content(&self) -> Content<'_> {
        let body = match self.rpcs {
            Some(_) => Body::default(),
            None => self.body.body(),
        };
        Content { headers: self.head.headers(), body, trailers: self.trailers.headers() }
    }

    /// What it consists of may take so many more bytes for now.
    pub(super) fn allow(&mut self, room: usize) {
        self.body.allow(room);
        if let Some(rpcs) = &mut self.rpcs {
            rpcs.allow(room);
        }
    }

    /// What it keeps.
    pub(super) fn holding(&self) -> Holding {
        let rpcs = self.rpcs.as_ref().map_or(Holding::default(), |rpcs| rpcs.holding());
        let heads = self.head.held() + self.trailers.held();
        let events = self.events.as_ref().map_or(0, |events| events.held());
        Holding::of_state(heads + events) + self.body.holding() + rpcs
    }
}

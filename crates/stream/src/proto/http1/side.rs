//! One direction: the message under way, and what the next bytes are.

use abi::Dir;

use super::asked::Asked;
use super::chunked::Chunked;
use super::recognise::{find_request, find_response, recognise_known_request, recognise_response};
use crate::limits;
use crate::message::{
    By, Content, Flaw, Flaws, Head, Line, Message, Part, Protocol, RequestLine, Response, What,
    Wire,
};
use crate::proto::body::Builder;
use crate::proto::sse::Events;
use crate::proto::{Chunk, Holding, Seen, other};

/// Which half of the exchange a direction carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Requests,
    Responses,
}

/// What the next bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// A head, or the rest of one that waits.
    Head,
    /// A body with so many bytes left.
    Length(u64),
    /// A body in chunks.
    Chunked(Chunked),
    /// A body up to the connection's end.
    Close,
    /// Not known: the next start is looked for.
    Lost,
}

/// A direction.
#[derive(Debug)]
pub(super) struct Side {
    pub role: Role,
    pub phase: Phase,
    /// A head or trailers, as far as they came.
    pub buffer: Vec<u8>,
    /// Position of the next byte.
    pub next: u64,
    /// Bytes since the last message in which none began.
    pub loose: u64,
    /// The framing was lost since the last message.
    pub lost: bool,
    /// Why the next start is looked for.
    pub why: Flaw,
    pub now: Current,
}

/// The message under way.
#[derive(Debug)]
pub(super) struct Current {
    pub begun: u64,
    pub ended: u64,
    pub by: By,
    pub pos: u64,
    pub flaws: Flaws,
    pub protocol: Protocol,
    pub exchange: u64,
    /// Of a request its own line.
    pub line: Line,
    /// Of a response the request that it answers.
    pub asked: Option<Asked>,
    /// Of a response: another one follows (RFC 9110, section 15.2).
    pub interim: bool,
    pub status: Option<u16>,
    pub reason: Vec<u8>,
    pub fields: Head,
    pub trailers: Head,
    pub body: Builder,
    /// Of a response whose content is told as it arrives.
    pub streams: bool,
    /// The events in it, until it ends.
    pub events: Option<Box<Events>>,
}

impl Side {
    pub(super) fn new(role: Role) -> Self {
        let now = Current {
            begun: 0,
            ended: 0,
            by: By::default(),
            pos: 0,
            flaws: Flaws::NONE,
            protocol: Protocol::Http11,
            exchange: 0,
            line: Line::default(),
            asked: None,
            interim: false,
            status: None,
            reason: Vec::new(),
            fields: Head::new(),
            trailers: Head::new(),
            body: Builder::default(),
            streams: false,
            events: None,
        };
        Self {
            role,
            phase: Phase::Head,
            buffer: Vec::new(),
            next: 0,
            loose: 0,
            lost: false,
            why: Flaw::Late,
            now,
        }
    }

    /// A message begins with the next byte, which is of this chunk.
    pub(super) fn begin(&mut self, chunk: &Chunk<'_>) {
        let now = &mut self.now;
        (now.begun, now.ended, now.by, now.pos) = (chunk.time, chunk.time, chunk.by, self.next);
        now.flaws = Flaws::NONE;
        now.exchange = 0;
        now.status = None;
        now.streams = false;
        now.events = None;
        now.interim = false;
        now.fields.clear();
        now.trailers.clear();
    }

    /// Whether a message of this direction's kind begins here, after its framing was lost.
    pub(super) fn recognise(&self, bytes: &[u8]) -> Seen {
        match self.role {
            Role::Requests => recognise_known_request(bytes),
            Role::Responses => recognise_response(bytes),
        }
    }

    /// Where the first one begins.
    pub(super) fn find(&self, bytes: &[u8]) -> Option<usize> {
        match self.role {
            Role::Requests => find_request(bytes),
            Role::Responses => find_response(bytes),
        }
    }

    /// A response whose request was not seen may answer a HEAD: then the next response stands
    /// where its body would.
    pub(super) fn is_bodiless(&self, bytes: &[u8]) -> bool {
        self.role == Role::Responses
            && self.now.asked.is_none()
            && self.now.body.body().wire_len == 0
            && recognise_response(bytes) == Seen::Yes
    }

    /// What it keeps.
    pub(super) fn holding(&self) -> Holding {
        let now = &self.now;
        let asked = now.asked.as_ref().map_or(0, |asked| asked.line.len());
        let heads = now.fields.held() + now.trailers.held() + now.reason.capacity();
        let events = now.events.as_ref().map_or(0, |events| events.held());
        let state = self.buffer.capacity() + now.line.len() + asked + heads + events;
        Holding::of_state(state) + now.body.holding()
    }

    /// Gives back all but a little room.
    pub(super) fn shrink(&mut self) {
        if self.buffer.capacity() > limits::ROOM {
            self.buffer = Vec::new();
        }
        self.now.fields.shrink();
        self.now.trailers.shrink();
        self.now.body.shrink();
    }
}

impl Current {
    /// The message as it is, up to a position.
    pub(super) fn message<'a>(
        &'a self,
        dir: Dir,
        role: Role,
        next: u64,
        part: Part,
    ) -> Message<'a> {
        let asked = self.asked.as_ref();
        let content = Content {
            headers: self.fields.headers(),
            body: self.body.body(),
            trailers: self.trailers.headers(),
        };
        let (request, what): (Option<RequestLine<'a>>, _) = match role {
            Role::Requests => (Some(self.line.line()), What::Request(content)),
            Role::Responses => {
                let since = |time: u64| asked.map(|asked| time.saturating_sub(asked.begun));
                let response = Response {
                    part,
                    reason: &self.reason,
                    content,
                    first_byte: since(self.begun),
                    total: since(self.ended),
                };
                (asked.map(|asked| asked.line.line()), What::Response(response))
            }
        };
        Message {
            begun: self.begun,
            ended: self.ended,
            by: self.by,
            dir,
            protocol: self.protocol,
            stream: None,
            exchange: self.exchange,
            wire: Wire { pos: self.pos, len: next - self.pos },
            flaws: self.flaws,
            request,
            status: self.status,
            what,
        }
    }
}

/// Bytes that belong to no message.
pub(super) fn loose<'a>(chunk: &Chunk<'_>, pos: u64, bytes: &'a [u8]) -> Message<'a> {
    Message {
        begun: chunk.time,
        ended: chunk.time,
        by: chunk.by,
        dir: chunk.dir,
        protocol: Protocol::Http11,
        stream: None,
        exchange: 0,
        wire: Wire { pos, len: bytes.len() as u64 },
        flaws: Flaws::NONE,
        request: None,
        status: None,
        what: What::Loose(bytes),
    }
}

/// A request without a response, told in the direction in which that would have come.
pub(super) fn unanswered<'a>(
    asked: &'a Asked,
    requests: Dir,
    (ended, pos): (u64, u64),
    flaws: Flaws,
) -> Message<'a> {
    Message {
        begun: asked.begun,
        ended,
        by: asked.by,
        dir: other(requests),
        protocol: Protocol::Http11,
        stream: None,
        exchange: asked.exchange,
        wire: Wire { pos, len: 0 },
        flaws,
        request: Some(asked.line.line()),
        status: None,
        what: What::Unanswered,
    }
}

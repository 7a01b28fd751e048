//! How a message begins: its head, and what the head says of the rest.

use abi::Dir;

use super::asked::Kind;
use super::chunked::Chunked;
use super::framing::{self, Framed, Framing};
use super::parse::{self, Parts};
use super::side::{Phase, Role, Side, loose};
use super::{Http1, Step};
use crate::limits;
use crate::message::{Flaw, Head, Message, Part, Protocol, RequestLine};
use crate::proto::sse::{self, Events};
use crate::proto::{Chunk, Parsed, Upgrade, other};

impl Http1 {
    /// Reads a head, or keeps what there is of it.
    pub(super) fn head(
        &mut self,
        chunk: &Chunk<'_>,
        bytes: &[u8],
        tell: &mut impl FnMut(&Message<'_>),
    ) -> Step {
        let side = &mut self.sides[chunk.dir as usize];
        if !side.buffer.is_empty() {
            return self.rest_of_head(chunk, bytes, tell);
        }
        side.begin(chunk);
        match side.read(&bytes[..bytes.len().min(limits::HEAD)]) {
            Parsed::Whole(parts, used) => {
                side.next += used as u64;
                self.begin_body(chunk, parts, used, tell)
            }
            Parsed::More if bytes.len() < limits::HEAD => {
                side.buffer.extend_from_slice(bytes);
                side.next += bytes.len() as u64;
                Step::Took(bytes.len())
            }
            Parsed::More => Step::Took(self.pass(chunk, bytes, Flaw::Limit, tell)),
            Parsed::Broken(why) => Step::Took(self.pass(chunk, bytes, parse::flaw(why), tell)),
        }
    }

    /// Goes on with a head of which some bytes wait.
    fn rest_of_head(
        &mut self,
        chunk: &Chunk<'_>,
        bytes: &[u8],
        tell: &mut impl FnMut(&Message<'_>),
    ) -> Step {
        let side = &mut self.sides[chunk.dir as usize];
        let waited = side.buffer.len();
        let take = bytes.len().min(limits::HEAD - waited);
        side.buffer.extend_from_slice(&bytes[..take]);
        // Empty lines before a head are no end of one.
        let empty = parse::empty_lines(&side.buffer);
        let end = parse::end_of_head(&side.buffer[empty..], waited.saturating_sub(empty));
        let end = end.map(|end| empty + end);
        let mut buffer = std::mem::take(&mut side.buffer);
        // Without its end a head is read only while it is short: to see whether it is one.
        let parsed = match end {
            Some(end) => side.read(&buffer[..end]),
            None if waited < limits::LOOK => side.read(&buffer),
            None => Parsed::More,
        };
        let step = match parsed {
            Parsed::Whole(parts, used) if used > waited => {
                let took = used - waited;
                side.next += took as u64;
                self.begin_body(chunk, parts, took, tell)
            }
            Parsed::More if end.is_none() && buffer.len() < limits::HEAD => {
                side.next += take as u64;
                side.buffer = buffer;
                return Step::Took(take);
            }
            _ => {
                // What waited was no head; the bytes of this chunk are looked at afresh.
                side.why = match parsed {
                    Parsed::More if end.is_none() => Flaw::Limit,
                    Parsed::Broken(why) => parse::flaw(why),
                    _ => Flaw::Broken,
                };
                let mut message = loose(chunk, side.next - waited as u64, &buffer[..waited]);
                message.flaws.add(side.why);
                tell(&message);
                side.phase = Phase::Lost;
                side.loose += waited as u64;
                Step::Took(0)
            }
        };
        buffer.clear();
        self.sides[chunk.dir as usize].buffer = buffer;
        step
    }

    /// A head was read, of which `took` bytes are of this chunk.
    fn begin_body(
        &mut self,
        chunk: &Chunk<'_>,
        parts: Parts<'_>,
        took: usize,
        tell: &mut impl FnMut(&Message<'_>),
    ) -> Step {
        let Framed { framing, broken } = self.begin_message(chunk.dir, parts, chunk.time, tell);
        self.allow(chunk.dir);
        let side = &mut self.sides[chunk.dir as usize];
        if broken {
            side.now.flaws.add(Flaw::Broken);
        }
        side.phase = match framing {
            Framing::Empty => {
                let upgrade = self.upgrade(chunk.dir);
                self.finish(chunk.dir, tell);
                return match upgrade {
                    Some(upgrade) => Step::Upgrade(took, upgrade),
                    None => Step::Took(took),
                };
            }
            Framing::Length(length) => Phase::Length(length),
            Framing::Chunked => Phase::Chunked(Chunked::START),
            Framing::Close => Phase::Close,
        };
        if side.now.streams {
            let message = side.now.message(chunk.dir, side.role, side.next, Part::Head);
            tell(&message);
        }
        Step::Took(took)
    }

    /// Takes a head, whole or as far as it came; says how its body ends.
    pub(super) fn begin_message(
        &mut self,
        dir: Dir,
        parts: Parts<'_>,
        time: u64,
        tell: &mut impl FnMut(&Message<'_>),
    ) -> Framed {
        let unfollowed = self.sides[other(dir) as usize].phase == Phase::Lost;
        let side = &mut self.sides[dir as usize];
        let moved_on = std::mem::take(&mut side.loose) > 0;
        let resumed = std::mem::take(&mut side.lost) || moved_on;
        side.now.protocol = if parts.one { Protocol::Http11 } else { Protocol::Http10 };
        side.now.body.begin(codings(&side.now.fields), &self.options);
        match parts.start {
            parse::Start::Request { method, target } => {
                self.exchanges += 1;
                side.now.exchange = self.exchanges;
                let line = request_line(method, target, &side.now.fields);
                side.now.line.set(&line);
                let when = (side.now.begun, side.now.by);
                self.queue.ask(self.exchanges, when, &line, unfollowed);
                let framed = framing::of_request(side.now.fields.headers());
                self.bound_queue(time, tell);
                framed
            }
            parse::Start::Response { status, reason } => {
                side.now.status = Some(status);
                side.now.reason.clear();
                side.now.reason.extend_from_slice(reason);
                if resumed || self.queue.is_doubtful() {
                    self.pass_over(time, tell);
                }
                self.pair(dir, status)
            }
        }
    }

    /// Finds the request that a response answers.
    fn pair(&mut self, dir: Dir, status: u16) -> Framed {
        let interim = matches!(status, 100 | 102..=199);
        let side = &mut self.sides[dir as usize];
        side.now.asked = self.queue.answer();
        side.now.interim = interim;
        side.now.exchange = match &side.now.asked {
            Some(asked) => asked.exchange,
            None => {
                self.exchanges += 1;
                self.exchanges
            }
        };
        let bodiless = match side.now.asked.as_ref().map(|asked| asked.kind) {
            Some(Kind::Head) => true,
            Some(Kind::Connect) => matches!(status, 200..=299),
            Some(Kind::Other) | None => false,
        };
        let headers = side.now.fields.headers();
        let framed = framing::of_response(status, bodiless, headers);
        let content = headers.first(b"content-type").unwrap_or_default();
        side.now.streams = framed.framing != Framing::Empty && sse::is_event_stream(content);
        let max = self.options.max_body;
        side.now.events = side.now.streams.then(|| Box::new(Events::new(max)));
        framed
    }

    /// What another protocol needs to know that takes over after this head.
    fn upgrade(&self, dir: Dir) -> Option<Box<Upgrade>> {
        let side = &self.sides[dir as usize];
        let (Role::Responses, Some(status)) = (side.role, side.now.status) else { return None };
        let asked = side.now.asked.as_ref();
        let tunnel = matches!(status, 200..=299) && asked.is_some_and(|a| a.kind == Kind::Connect);
        if status != 101 && !tunnel {
            return None;
        }
        let to = side.now.fields.headers().first(b"upgrade").filter(|_| !tunnel);
        Some(Box::new(Upgrade {
            used: 0,
            requests: self.requests,
            exchange: side.now.exchange,
            request: asked.map(|asked| asked.line.clone()).unwrap_or_default(),
            to: to.unwrap_or_default().to_vec(),
            headers: side.now.fields.clone(),
        }))
    }
}

impl Side {
    /// Reads a head of this direction's kind.
    pub(super) fn read<'b>(&mut self, bytes: &'b [u8]) -> Parsed<Parts<'b>> {
        match self.role {
            Role::Requests => parse::request(bytes, &mut self.now.fields),
            Role::Responses => parse::response(bytes, &mut self.now.fields),
        }
    }
}

/// The request's line; where it goes stands in the target, or in `Host` (RFC 9112, section 3.3).
fn request_line<'a>(method: &'a [u8], target: &'a [u8], fields: &'a Head) -> RequestLine<'a> {
    let host = fields.headers().first(b"host");
    let line =
        RequestLine { method: Some(method), scheme: None, authority: host, target: Some(target) };
    if method == b"CONNECT" {
        return RequestLine { authority: Some(target), ..line };
    }
    for (scheme, start) in [(&b"http"[..], &b"http://"[..]), (b"https", b"https://")] {
        let absolute = target.get(..start.len()).is_some_and(|s| s.eq_ignore_ascii_case(start));
        if absolute {
            let rest = &target[start.len()..];
            let end =
                rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
            let authority = Some(&rest[..end]);
            return RequestLine { scheme: Some(scheme), authority, ..line };
        }
    }
    line
}

/// Codings of the body in the order in which they were put on: first those of the content, then
/// those of the transfer, of which `chunked` is taken off elsewhere.
fn codings(fields: &Head) -> impl Iterator<Item = &[u8]> {
    let listed = |name: &'static [u8]| {
        let values = fields.headers().all(name);
        values.flat_map(|value| value.split(|&byte| byte == b',')).map(<[u8]>::trim_ascii)
    };
    let is_coding = |coding: &&[u8]| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"chunked");
    listed(b"content-encoding").chain(listed(b"transfer-encoding")).filter(is_coding)
}

//! Header blocks: heads, promises and trailers.

use std::mem;

use abi::Dir;

use super::super::fields::Fields;
use super::super::half::{Block, Unit};
use super::super::hpack::BlockEnd;
use super::super::side::Phase;
use super::Streams;
use super::stream::{Role, Stream, is_pushed};
use super::tell::{message, response};
use crate::message::{Control, Flaw, Flaws, Message, Part, What};
use crate::proto::grpc::{self, Rpcs};
use crate::proto::sse::{self, Events};
use crate::proto::{Start, other};

impl Streams {
    /// A header block. Gives false if it breaks the rules.
    pub(super) fn block(
        &mut self,
        dir: Dir,
        unit: &Unit<'_>,
        block: Block<'_>,
        tell: &mut impl FnMut(&Message<'_>),
    ) -> bool {
        let decoder = &mut self.decoders[dir as usize];
        let mut fields = mem::take(&mut self.fields);
        let decoded = fields.decode(decoder, block.bytes);
        if block.flaw.is_some() {
            decoder.lose();
        }
        let broken = block.flaw.is_none() && !matches!(decoded, Ok(BlockEnd::Whole));
        if broken && self.doubt[dir as usize] {
            // These were not frames.
            self.fields = fields;
            self.loose(dir, unit, None, block.bytes, tell);
            return false;
        }
        self.doubt[dir as usize] &= block.flaw.is_some() || broken;
        let mut flaws = Flaws::NONE;
        let flaw = block.flaw.or(broken.then_some(Flaw::Broken));
        flaw.into_iter().for_each(|flaw| flaws.add(flaw));
        if fields.too_many {
            flaws.add(Flaw::Limit);
        }
        self.fresh[dir as usize] = false;
        match block.promised {
            Some(promised) => self.promise(dir, unit, promised, &mut fields, flaws, tell),
            None => self.headers(dir, unit, block, &mut fields, flaws, tell),
        }
        self.fields = fields;
        !broken
    }

    fn promise(
        &mut self,
        dir: Dir,
        unit: &Unit<'_>,
        id: u32,
        fields: &mut Fields,
        flaws: Flaws,
        tell: &mut impl FnMut(&Message<'_>),
    ) {
        let client = *self.client.get_or_insert(other(dir));
        let new = client != dir
            && id != 0
            && is_pushed(id)
            && !self.by_id.contains_key(&id)
            && self.open(id, unit.ended, tell);
        let Some(stream) = self.by_id.get_mut(&id).filter(|_| new) else {
            self.overhead[dir as usize] += unit.wire;
            return;
        };
        stream.line.set(&fields.line());
        stream.asked = Some(unit.at.time);
        stream.request.touch(dir, unit);
        stream.request.flaws = flaws;
        mem::swap(&mut stream.request.head, &mut fields.head);
        let control = Control { frame: "PUSH_PROMISE", error: None, detail: b"" };
        let mut promise = message(stream, id, Role::Request, What::Control(control));
        promise.wire.len = 0;
        tell(&promise);
        tell(&message(stream, id, Role::Request, What::Request(stream.request.content())));
        stream.request.done();
        self.count(id, unit.ended, tell);
    }

    fn headers(
        &mut self,
        dir: Dir,
        unit: &Unit<'_>,
        block: Block<'_>,
        fields: &mut Fields,
        flaws: Flaws,
        tell: &mut impl FnMut(&Message<'_>),
    ) {
        let id = block.stream;
        if self.client.is_none() {
            self.client = match (fields.is_request(), fields.is_response()) {
                (true, _) => Some(dir),
                (_, true) => Some(other(dir)),
                _ => None,
            };
        }
        // A request has fields that are in the static table and so are known: what lacks them is a
        // response or trailers.
        let may_be_trailers = block.end && !fields.is_request() && !fields.is_response();
        let role = match self.role(dir, id) {
            Some(role) => role,
            None if may_be_trailers || self.answers_other_way(dir, id) => {
                return self.loose(dir, unit, Some(id), block.bytes, tell);
            }
            None => Role::Response,
        };
        let open = self.open(id, unit.ended, tell);
        let Some(stream) = self.by_id.get_mut(&id).filter(|_| open) else {
            self.overhead[dir as usize] += unit.wire;
            return;
        };
        let streamed = stream.side(role).rpcs.is_some() && role == Role::Request;
        let side = stream.side(role);
        let first = side.phase == Phase::Idle;
        if side.phase == Phase::Done || streamed {
            self.overhead[dir as usize] += unit.wire;
            if streamed && block.end {
                self.close(id, role, tell);
            }
            return;
        }
        side.touch(dir, unit);
        flaws.iter().for_each(|flaw| side.flaws.add(flaw));
        let headless = first && may_be_trailers;
        if headless {
            side.flaws.add(self.headless[dir as usize]);
        }
        if !first || headless && !fields.may_be_response() {
            mem::swap(&mut side.trailers, &mut fields.head);
        } else {
            begin(stream, id, role, unit, fields, block.end, &self.start, tell);
        }
        if block.end {
            self.close(id, role, tell);
        }
        self.count(id, unit.ended, tell);
    }
}

/// The head of a request or response is there.
#[expect(clippy::too_many_arguments, reason = "all of one block")]
fn begin(
    stream: &mut Stream,
    id: u32,
    role: Role,
    unit: &Unit<'_>,
    fields: &mut Fields,
    end: bool,
    start: &Start,
    tell: &mut impl FnMut(&Message<'_>),
) {
    if role == Role::Request {
        stream.line.set(&fields.line());
        stream.asked = Some(unit.at.time);
    }
    let status = fields.status();
    let side = stream.side(role);
    mem::swap(&mut side.head, &mut fields.head);
    let headers = side.head.headers();
    if headers.first(b"content-type").is_some_and(grpc::is_grpc) {
        side.rpcs =
            Some(Box::new(Rpcs::new(headers.first(b"grpc-encoding"), role == Role::Response)));
        stream.grpc = true;
    } else {
        side.body.begin(headers.all(b"content-encoding"), &start.options);
        let streams = headers.first(b"content-type").is_some_and(sse::is_event_stream);
        side.events = (streams && role == Role::Response)
            .then(|| Box::new(Events::new(start.options.max_body)));
    }
    if role == Role::Request {
        if stream.request.rpcs.is_some() {
            tell(&message(stream, id, role, What::Request(stream.request.content())));
        }
        return;
    }
    stream.response.status = status;
    if !end && status.is_some_and(|status| (100..200).contains(&status)) {
        tell(&message(stream, id, role, response(stream, Part::Whole)));
        stream.response.again();
    } else if !end && (stream.response.rpcs.is_some() || stream.response.events.is_some()) {
        tell(&message(stream, id, role, response(stream, Part::Head)));
        stream.response.begun_told = true;
    }
}

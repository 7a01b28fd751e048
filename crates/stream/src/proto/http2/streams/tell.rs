//! Messages as they are told.

use abi::Dir;

use super::super::half::{At, Unit};
use super::super::side::Side;
use super::stream::{Role, Stream};
use crate::message::{Content, Flaws, Message, Part, Protocol, Response, What, Wire};
use crate::proto::{grpc, sse};

/// What belongs to no exchange.
pub(super) fn plain<'a>(
    dir: Dir,
    unit: &Unit<'_>,
    stream: Option<u32>,
    what: What<'a>,
) -> Message<'a> {
    Message {
        begun: unit.at.time,
        ended: unit.ended,
        by: unit.at.by,
        dir,
        protocol: Protocol::Http2,
        stream,
        exchange: 0,
        wire: Wire { pos: unit.at.pos, len: unit.wire },
        flaws: Flaws::NONE,
        request: None,
        status: None,
        what,
    }
}

pub(super) fn message<'a>(stream: &'a Stream, id: u32, role: Role, what: What<'a>) -> Message<'a> {
    let (side, status) = match role {
        Role::Request => (&stream.request, None),
        Role::Response => (&stream.response, stream.response.status),
    };
    Message {
        begun: side.begun,
        ended: side.ended,
        by: side.by,
        dir: side.dir.unwrap_or(Dir::Read),
        protocol: if stream.grpc { Protocol::Grpc } else { Protocol::Http2 },
        stream: Some(id),
        exchange: stream.exchange,
        wire: side.wire,
        flaws: side.flaws,
        request: stream.asked.map(|_| stream.line.line()),
        status,
        what,
    }
}

pub(super) fn response(stream: &Stream, part: Part) -> What<'_> {
    let Side { begun, ended, .. } = stream.response;
    let content = match part {
        Part::Head => Content { trailers: Default::default(), ..stream.response.content() },
        Part::Whole | Part::End => stream.response.content(),
    };
    What::Response(Response {
        part,
        reason: b"",
        content,
        first_byte: stream.asked.map(|asked| begun.saturating_sub(asked)),
        total: stream.asked.map(|asked| ended.saturating_sub(asked)),
    })
}

/// Tells of an event. What it took of the direction is counted with its response.
pub(super) fn event(
    stream: &Stream,
    id: u32,
    role: Role,
    told: &sse::Told<'_>,
    tell: &mut impl FnMut(&Message<'_>),
) {
    let whole = message(stream, id, role, What::Event(told.event));
    let wire = Wire { pos: whole.wire.pos + whole.wire.len, len: 0 };
    tell(&Message { begun: told.begun, flaws: told.flaws, wire, ..whole });
}

/// Tells of a message of gRPC.
pub(super) fn rpc(
    stream: &Stream,
    id: u32,
    role: Role,
    told: &grpc::Told<'_>,
    tell: &mut impl FnMut(&Message<'_>),
) {
    let what = match told.what {
        grpc::What::Rpc(rpc) => What::Rpc(rpc),
        grpc::What::Loose(bytes) => What::Loose(bytes),
    };
    let grpc::Part { begun, ended, by, wire } = told.part;
    let whole = message(stream, id, role, what);
    tell(&Message { begun, ended, by, wire, flaws: told.flaws, ..whole });
}

pub(super) fn part(unit: &Unit<'_>) -> grpc::Part {
    let At { pos, time, by } = unit.at;
    grpc::Part { begun: time, ended: unit.ended, by, wire: Wire { pos, len: unit.wire } }
}

//! What messages contain: bodies, the messages of gRPC and events in them.

use std::mem;

use abi::Dir;

use super::super::half::Unit;
use super::super::side::{Phase, Side};
use super::Streams;
use super::stream::{Role, Stream};
use super::tell::{event, part, rpc};
use crate::message::{Flaw, Message, Wire};
use crate::proto::grpc;

impl Streams {
    pub(super) fn data(
        &mut self,
        dir: Dir,
        unit: &Unit<'_>,
        id: u32,
        bytes: &[u8],
        end: bool,
        tell: &mut impl FnMut(&Message<'_>),
    ) {
        let Some(role) = self.role(dir, id) else {
            return self.loose(dir, unit, Some(id), bytes, tell);
        };
        let (options, room) = (self.start.options, self.room());
        let Some(stream) = self.part(dir, unit, id, role, tell) else { return };
        stream.side(role).allow(room);
        match stream.side(role).rpcs.take() {
            None => content(stream, id, role, bytes, tell),
            Some(mut rpcs) => {
                let told = |told: &grpc::Told<'_>| rpc(stream, id, role, told, tell);
                rpcs.push(bytes, part(unit), &options, told);
                stream.side(role).rpcs = Some(rpcs);
            }
        }
        if end {
            self.close(id, role, tell);
        }
        self.count(id, unit.ended, tell);
    }

    pub(super) fn hole(
        &mut self,
        dir: Dir,
        unit: &Unit<'_>,
        id: u32,
        len: u64,
        end: bool,
        tell: &mut impl FnMut(&Message<'_>),
    ) {
        let Some(role) = self.role(dir, id) else {
            self.overhead[dir as usize] += unit.wire;
            return;
        };
        let Some(stream) = self.part(dir, unit, id, role, tell) else { return };
        if len > 0 {
            stream.side(role).flaws.add(Flaw::Gap);
            missing(stream, id, role, Some(len), Some(part(unit)), tell);
        }
        if end {
            self.close(id, role, tell);
        }
        self.count(id, unit.ended, tell);
    }

    /// The stream that a unit of content belongs to. Its message is open, or turns out to have begun
    /// before. `None`: it is over.
    fn part(
        &mut self,
        dir: Dir,
        unit: &Unit<'_>,
        id: u32,
        role: Role,
        tell: &mut impl FnMut(&Message<'_>),
    ) -> Option<&mut Stream> {
        let (options, flaw) = (self.start.options, self.headless[dir as usize]);
        let open = self.open(id, unit.ended, tell);
        let stream = self.by_id.get_mut(&id).filter(|_| open);
        let Some(stream) = stream.filter(|stream| stream.phase(role) != Phase::Done) else {
            self.overhead[dir as usize] += unit.wire;
            return None;
        };
        let side = stream.side(role);
        if side.phase == Phase::Idle {
            side.flaws.add(flaw);
            side.body.begin([].into_iter(), &options);
        }
        side.touch(dir, unit);
        Some(stream)
    }
}

/// Bytes of a message's body are missing; `None`: not known how many, nor what they took.
pub(super) fn missing(
    stream: &mut Stream,
    id: u32,
    role: Role,
    len: Option<u64>,
    part: Option<grpc::Part>,
    tell: &mut impl FnMut(&Message<'_>),
) {
    let side = stream.side(role);
    let Some(mut rpcs) = side.rpcs.take() else {
        side.body.missing(len);
        if let Some(mut events) = side.events.take() {
            events.missing(|told| event(stream, id, role, told, tell));
            stream.side(role).events = Some(events);
        }
        return;
    };
    let Side { ended, by, wire, .. } = *side;
    let wire = Wire { pos: wire.pos + wire.len, len: 0 };
    let part = part.unwrap_or(grpc::Part { begun: ended, ended, by, wire });
    rpcs.missing(len, part, |told| rpc(stream, id, role, told, tell));
    stream.side(role).rpcs = Some(rpcs);
}

/// Takes bytes of a body, and tells of the events in it.
fn content(
    stream: &mut Stream,
    id: u32,
    role: Role,
    bytes: &[u8],
    tell: &mut impl FnMut(&Message<'_>),
) {
    let side = stream.side(role);
    let Some(mut events) = side.events.take() else { return side.body.push(bytes, |_| ()) };
    let (mut body, time) = (mem::take(&mut side.body), side.ended);
    body.push(bytes, |part| {
        events.push(part, time, |told| event(stream, id, role, told, tell));
    });
    let side = stream.side(role);
    (side.body, side.events) = (body, Some(events));
}

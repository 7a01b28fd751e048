//! How messages and streams end.

use abi::Dir;

use super::super::frame;
use super::super::half::Unit;
use super::super::side::{Phase, Side};
use super::Streams;
use super::stream::{Role, Stream, is_pushed};
use super::tell::{event, message, plain, response, rpc};
use crate::message::{Control, Flaw, Message, Part, What};
use crate::proto::{End, other};

impl Streams {
    /// Tells of what is unfinished on a stream, and forgets it.
    pub(super) fn finish(&mut self, id: u32, end: End, tell: &mut impl FnMut(&Message<'_>)) {
        let Some(mut stream) = self.by_id.remove(&id) else { return };
        let answered = stream.response.phase != Phase::Idle;
        for role in [Role::Request, Role::Response] {
            if stream.side(role).phase == Phase::Open {
                stream.side(role).flaws.add(end.flaw);
                self.told(&mut stream, id, role, Some(end), tell);
            }
        }
        if let (true, false, Some(_), Some(dir)) =
            (end.closed, answered, stream.asked, stream.request.dir)
        {
            let dir = if is_pushed(id) { dir } else { other(dir) };
            let Side { begun, ended, by, .. } = stream.request;
            let none = Side { dir: Some(dir), begun, ended, by, ..Side::default() };
            stream.response = none;
            stream.response.ended = end.time;
            tell(&message(&stream, id, Role::Response, What::Unanswered));
        }
        self.over(id, stream);
    }

    pub(super) fn reset(
        &mut self,
        dir: Dir,
        unit: &Unit<'_>,
        id: u32,
        code: u32,
        tell: &mut impl FnMut(&Message<'_>),
    ) {
        let error = Some(frame::error_name(code));
        let what = What::Control(Control { frame: "RST_STREAM", error, detail: b"" });
        let mut reset = plain(dir, unit, Some(id), what);
        if let Some(stream) = self.by_id.get(&id) {
            reset.exchange = stream.exchange;
            reset.request = stream.asked.map(|_| stream.line.line());
        }
        tell(&reset);
        self.finish(id, End { time: unit.ended, closed: true, flaw: Flaw::Cut }, tell);
    }

    /// The last unit of a message came.
    pub(super) fn close(&mut self, id: u32, role: Role, tell: &mut impl FnMut(&Message<'_>)) {
        let Some(mut stream) = self.by_id.remove(&id) else { return };
        self.told(&mut stream, id, role, None, tell);
        let lost =
            |side: &Side| side.dir.is_some_and(|dir| self.headless[dir as usize] != Flaw::Late);
        if stream.response.phase == Phase::Done
            && stream.request.phase == Phase::Open
            && lost(&stream.request)
        {
            // Its end was lost with the bytes that are missing.
            stream.request.flaws.add(Flaw::Gap);
            self.told(&mut stream, id, Role::Request, None, tell);
        }
        match stream.response.phase == Phase::Done && stream.request.phase != Phase::Open {
            true => self.over(id, stream),
            false => {
                self.by_id.insert(id, stream);
            }
        }
    }

    /// A message has ended, or does not go on for this reason: tells of it.
    pub(super) fn told(
        &mut self,
        stream: &mut Stream,
        id: u32,
        role: Role,
        cut: Option<End>,
        tell: &mut impl FnMut(&Message<'_>),
    ) {
        if let Some(mut rpcs) = stream.side(role).rpcs.take() {
            let whole = (Flaw::Broken, stream.side(role).ended);
            let (flaw, time) = cut.map_or(whole, |end| (end.flaw, end.time));
            rpcs.end(flaw, time, |told| rpc(stream, id, role, told, tell));
            if let (Role::Request, Some(dir)) = (role, stream.request.dir) {
                self.overhead[dir as usize] += rpcs.untold();
            }
            stream.side(role).rpcs = Some(rpcs);
        }
        if let Some(mut events) = stream.side(role).events.take() {
            let time = stream.side(role).ended;
            events.end(Flaw::Cut, time, |told| event(stream, id, role, told, tell));
        }
        let side = stream.side(role);
        side.body.end(cut.is_none());
        if side.body.is_crowded() {
            side.flaws.add(Flaw::Limit);
        }
        match role {
            Role::Request if stream.request.rpcs.is_some() => {}
            Role::Request => {
                tell(&message(stream, id, role, What::Request(stream.request.content())));
            }
            Role::Response => {
                let part = if stream.response.begun_told { Part::End } else { Part::Whole };
                tell(&message(stream, id, role, response(stream, part)));
            }
        }
        stream.side(role).done();
    }
}

//! WebSocket (RFC 6455) with permessage-deflate (RFC 7692): messages put together from their
//! fragments, and the control frames between them.
//!
//! Bytes that are missing within a payload leave a hole; any others lose the framing, and the next
//! frame is looked for where a piece begins, since programs mostly write whole frames. A window
//! that lost bytes decompresses nothing any more, unless messages stand for themselves.

mod deflate;
mod frame;
mod side;

use abi::Dir;

use super::{Chunk, Dialogue, End, Holding, Missing, Next, Options, Parsed, Start, Upgrade, other};
use crate::limits;
use crate::message::{Flaw, Flaws, Line, Message, Protocol, What, Wire};

use deflate::Agreed;
use frame::{HEADER_MAX, Header};
use side::{Began, Phase, Side};

/// A connection that speaks WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    options: Options,
    /// The exchange of the upgrade.
    exchange: u64,
    exchanges: u64,
    /// The request of the upgrade, if it was seen.
    request: Option<Line>,
    sides: [Side; 2],
}

impl WebSocket {
    /// A connection that was just upgraded.
    pub fn upgraded(start: Start, upgrade: &Upgrade) -> Self {
        let agreed = deflate::agreed(upgrade.headers.headers());
        let request = (!upgrade.request.is_empty()).then(|| upgrade.request.clone());
        Self::new(start, upgrade.requests, upgrade.exchange, request, agreed)
    }

    /// A connection that is older than the capture. What was agreed on is not known.
    pub fn late(start: Start, requests: Dir) -> Self {
        let start = Start { exchanges: start.exchanges + 1, ..start };
        Self::new(start, requests, start.exchanges, None, [Agreed::default(); 2])
    }

    fn new(
        start: Start,
        requests: Dir,
        exchange: u64,
        request: Option<Line>,
        [client, server]: [Agreed; 2],
    ) -> Self {
        let side = |dir| {
            let asks = dir == requests;
            Side::new(Some(asks), if asks { client } else { server })
        };
        let sides = [side(Dir::Read), side(Dir::Write)];
        Self { options: start.options, exchange, exchanges: start.exchanges, request, sides }
    }

    /// Takes some of the bytes; returns how many.
    fn step(&mut self, chunk: &Chunk<'_>, tell: &mut impl FnMut(&Message<'_>)) -> usize {
        match self.sides[chunk.dir as usize].phase {
            Phase::Header => self.header(chunk, tell),
            Phase::Payload { at, left } => {
                let len = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.bytes.len());
                let room = self.holding().room(&self.options);
                let side = &mut self.sides[chunk.dir as usize];
                side.current().ended = chunk.time;
                side.current().allow(room);
                side.payload(&chunk.bytes[..len], at);
                self.take(chunk.dir, at, left, len as u64, tell);
                len
            }
            Phase::Lost => self.look(chunk, tell),
        }
    }

    fn header(&mut self, chunk: &Chunk<'_>, tell: &mut impl FnMut(&Message<'_>)) -> usize {
        let side = &mut self.sides[chunk.dir as usize];
        let waited = side.waiting.len();
        if waited == 0 {
            side.began = Began::from(chunk);
        }
        let take = chunk.bytes.len().min(HEADER_MAX - waited);
        side.waiting.extend_from_slice(&chunk.bytes[..take]);
        match Header::parse(&side.waiting, side.masked) {
            Parsed::Whole(header, used) if side.agreed.foreign || !header.rsv23 => {
                side.waiting.clear();
                let first = !header.is_control() && header.opcode != frame::CONTINUATION;
                if first && side.data.began.is_some() {
                    // Its last fragment never came, which breaks section 5.4.
                    side.data.flaws.add(Flaw::Broken);
                    self.tell(chunk.dir, false, tell);
                }
                let side = &mut self.sides[chunk.dir as usize];
                side.begin_frame(header, used as u64, chunk.time, &self.options);
                self.take(chunk.dir, 0, header.len, 0, tell);
                used - waited
            }
            Parsed::More => take,
            Parsed::Whole(..) | Parsed::Broken(_) => {
                side.waiting.truncate(waited);
                self.give_up(chunk.dir, Flaw::Broken, chunk.time, tell);
                if waited > 0 { 0 } else { self.pass(chunk, chunk.bytes.len(), tell) }
            }
        }
    }

    /// So many bytes of the payload were taken.
    fn take(
        &mut self,
        dir: Dir,
        at: u64,
        left: u64,
        len: u64,
        tell: &mut impl FnMut(&Message<'_>),
    ) {
        let side = &mut self.sides[dir as usize];
        side.phase = Phase::Payload { at: at + len, left: left - len };
        if left > len {
            return;
        }
        side.phase = Phase::Header;
        if side.header.fin {
            side.finish();
            let control = side.header.is_control();
            self.tell(dir, control, tell);
        }
    }

    /// Whether frames begin here again.
    fn look(&mut self, chunk: &Chunk<'_>, tell: &mut impl FnMut(&Message<'_>)) -> usize {
        let side = &mut self.sides[chunk.dir as usize];
        if frame::chain(chunk.bytes, side.masked).is_some() {
            side.phase = Phase::Header;
            return 0;
        }
        self.pass(chunk, chunk.bytes.len(), tell)
    }

    /// Passes over bytes that are no frame.
    fn pass(
        &mut self,
        chunk: &Chunk<'_>,
        len: usize,
        tell: &mut impl FnMut(&Message<'_>),
    ) -> usize {
        let side = &mut self.sides[chunk.dir as usize];
        side.loose += len as u64;
        let flaws = Flaws::NONE.with(side.why);
        self.loose(Began::from(chunk), chunk.dir, &chunk.bytes[..len], flaws, tell);
        len
    }

    /// The framing can't be followed: tells of what is under way.
    fn give_up(&mut self, dir: Dir, flaw: Flaw, time: u64, tell: &mut impl FnMut(&Message<'_>)) {
        for control in [true, false] {
            let side = &mut self.sides[dir as usize];
            let current = if control { &mut side.control } else { &mut side.data };
            if current.began.is_some() {
                current.flaws.add(flaw);
                self.tell(dir, control, tell);
            }
        }
        let side = &mut self.sides[dir as usize];
        let (waiting, began) = (std::mem::take(&mut side.waiting), side.began);
        side.lose(flaw);
        if !waiting.is_empty() {
            let flaws = Flaws::NONE.with(flaw);
            self.loose(Began { time: began.time.min(time), ..began }, dir, &waiting, flaws, tell);
        }
    }

    fn tell(&mut self, dir: Dir, control: bool, tell: &mut impl FnMut(&Message<'_>)) {
        let side = &self.sides[dir as usize];
        let current = if control { &side.control } else { &side.data };
        let began = current.began.unwrap_or_default();
        let what = What::Frame(current.frame());
        let (wire, flaws, ended) = (current.wire(), current.flaws(), current.ended);
        tell(&Message { ended, flaws, wire, ..self.message(began, dir, what) });
        let side = &mut self.sides[dir as usize];
        if control { side.control.clear() } else { side.data.clear() }
    }

    fn loose(
        &self,
        began: Began,
        dir: Dir,
        bytes: &[u8],
        flaws: Flaws,
        tell: &mut impl FnMut(&Message<'_>),
    ) {
        let wire = Wire { pos: began.pos, len: bytes.len() as u64 };
        tell(&Message { wire, flaws, ..self.message(began, dir, What::Loose(bytes)) });
    }

    fn message<'a>(&'a self, began: Began, dir: Dir, what: What<'a>) -> Message<'a> {
        Message {
            begun: began.time,
            ended: began.time,
            by: began.by,
            dir,
            protocol: Protocol::WebSocket,
            stream: None,
            exchange: self.exchange,
            wire: Wire::default(),
            flaws: Flaws::NONE,
            request: self.request.as_ref().map(Line::line),
            status: self.request.as_ref().map(|_| 101),
            what,
        }
    }
}

impl Dialogue for WebSocket {
    fn data(&mut self, chunk: &Chunk<'_>, tell: &mut impl FnMut(&Message<'_>)) -> Next {
        let mut rest = *chunk;
        while !rest.bytes.is_empty() {
            let took = self.step(&rest, tell);
            rest.pos = rest.pos.saturating_add(took as u64);
            rest.bytes = &rest.bytes[took..];
        }
        let lost = |side: &Side| side.phase == Phase::Lost && side.loose > limits::LOST;
        if self.sides.iter().any(lost) { Next::Lost } else { Next::Stay }
    }

    fn missing(&mut self, missing: &Missing, tell: &mut impl FnMut(&Message<'_>)) -> Next {
        let side = &mut self.sides[missing.dir as usize];
        if let Phase::Payload { at, left } = side.phase {
            let within = left.min(missing.len);
            side.missing(within, missing.time);
            self.take(missing.dir, at, left, within, tell);
            if within == missing.len {
                return Next::Stay;
            }
        }
        self.give_up(missing.dir, Flaw::Gap, missing.time, tell);
        Next::Stay
    }

    fn end(&mut self, end: End, tell: &mut impl FnMut(&Message<'_>)) {
        for dir in [Dir::Read, Dir::Write] {
            self.give_up(dir, end.flaw, end.time, tell);
        }
    }

    fn exchanges(&self) -> u64 {
        self.exchanges
    }

    fn holding(&self) -> Holding {
        let request = self.request.as_ref().map_or(0, Line::len);
        self.sides.iter().map(Side::holding).sum::<Holding>() + Holding::of_state(request)
    }
}

/// Whether bytes in the middle of a connection are whole frames, and the way in which requests
/// go: clients mask (section 5.3). Two frames, or one of text, that end where the piece does: few
/// other bytes do that.
pub fn recognise(bytes: &[u8], dir: Dir) -> Option<Dir> {
    let masked = bytes.get(1)? & 0x80 != 0;
    let Parsed::Whole(header, used) = Header::parse(bytes, Some(masked)) else { return None };
    let plain = !header.rsv1 && !header.rsv23 && header.opcode != frame::CONTINUATION;
    let chain = frame::chain(bytes, Some(masked)).filter(|chain| plain && !chain.open)?;
    let sure = chain.whole > 1
        || header.opcode == frame::TEXT && {
            let mut text = Vec::new();
            let key = header.mask.unwrap_or_default();
            frame::unmask(&mut text, &bytes[used..], key, 0);
            std::str::from_utf8(&text).is_ok_and(|text| text.len() > 1)
        };
    sure.then(|| if masked { dir } else { other(dir) })
}

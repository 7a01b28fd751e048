//! The streams of a connection, and the messages that they carry.

mod content;
mod finish;
mod head;
mod open;
mod stream;
mod tell;

use std::collections::{HashMap, VecDeque};

use abi::Dir;

use super::fields::Fields;
use super::frame;
use super::half::{Told, Unit};
use super::hpack::Decoder;
use super::side::{Phase, Side};
use crate::limits;
use crate::message::{Control, Flaw, Flaws, Message, What};
use crate::proto::{End, Holding, Start, other};

use content::missing;
use stream::{Role, Stream};
use tell::plain;

/// All streams that are open, and what both directions share.
#[derive(Debug)]
pub(super) struct Streams {
    start: Start,
    /// The way in which requests go, once it is known.
    client: Option<Dir>,
    by_id: HashMap<u32, Box<Stream>>,
    /// Streams that ended before their time: frames of them may still be on the way.
    ended: VecDeque<u32>,
    exchanges: u64,
    decoders: [Decoder; 2],
    /// What a message lacks, by direction, if its head was not seen; also why bytes are of none.
    headless: [Flaw; 2],
    /// Frames were looked for, and no header block since then proves that they were found.
    doubt: [bool; 2],
    /// The direction began with `SETTINGS`, and no header block followed yet.
    fresh: [bool; 2],
    /// Bytes that belong to no message: those of frames about the connection and the flow, and of
    /// frames on streams that are over.
    overhead: [u64; 2],
    fields: Fields,
    /// What those that are open keep.
    counted: Holding,
    /// Bytes that the connection holds beside.
    beside: usize,
    /// Streams that are over, for their room.
    #[expect(clippy::vec_box, reason = "they go into the map and come back")]
    spare: Vec<Box<Stream>>,
}

impl Streams {
    pub(super) fn new(start: Start) -> Self {
        Self {
            start,
            client: None,
            by_id: HashMap::new(),
            ended: VecDeque::new(),
            exchanges: start.exchanges,
            decoders: [Decoder::late(limits::TABLE), Decoder::late(limits::TABLE)],
            headless: [Flaw::Late; 2],
            doubt: [false; 2],
            fresh: [false; 2],
            overhead: [0; 2],
            fields: Fields::default(),
            counted: Holding::default(),
            beside: 0,
            spare: Vec::new(),
        }
    }

    pub(super) fn exchanges(&self) -> u64 {
        self.exchanges
    }

    pub(super) fn overhead(&self) -> [u64; 2] {
        self.overhead
    }

    /// The connection holds so many bytes beside.
    pub(super) fn beside(&mut self, bytes: usize) {
        self.beside = bytes;
    }

    /// What it keeps.
    pub(super) fn holding(&self) -> Holding {
        let tables: usize = self.decoders.iter().map(Decoder::held).sum();
        let streams = (self.by_id.len() + self.spare.len()) * size_of::<Stream>();
        self.counted + Holding::of_state(tables + streams + self.fields.held())
    }

    /// Takes what a direction says. Gives false if it breaks the rules so that nothing that follows
    /// can be trusted.
    pub(super) fn unit(
        &mut self,
        dir: Dir,
        unit: &Unit<'_>,
        tell: &mut impl FnMut(&Message<'_>),
    ) -> bool {
        match unit.what {
            Told::Preface => {
                self.client = Some(dir);
                self.begins(dir);
                if self.fresh[other(dir) as usize] {
                    self.begins(other(dir));
                }
                self.overhead[dir as usize] += unit.wire;
            }
            // Whether these are the first ones is known if the preface was seen, too; until then
            // nothing is taken for granted.
            Told::FirstSettings if self.client == Some(other(dir)) => self.begins(dir),
            Told::FirstSettings => self.fresh[dir as usize] = true,
            Told::Overhead => self.overhead[dir as usize] += unit.wire,
            Told::Block(block) => return self.block(dir, unit, block, tell),
            Told::Data { stream, bytes, end } => self.data(dir, unit, stream, bytes, end, tell),
            Told::Hole { stream, len, end } => self.hole(dir, unit, stream, len, end, tell),
            Told::Reset { stream, code } => self.reset(dir, unit, stream, code, tell),
            Told::GoAway { code, debug } => {
                let error = Some(frame::error_name(code));
                let control = Control { frame: "GOAWAY", error, detail: debug };
                tell(&plain(dir, unit, None, What::Control(control)));
            }
            Told::Loose(bytes) => self.loose(dir, unit, None, bytes, tell),
        }
        true
    }

    /// Bytes of no message, and why they are none's: what was missed or broken before them.
    fn loose(
        &self,
        dir: Dir,
        unit: &Unit<'_>,
        stream: Option<u32>,
        bytes: &[u8],
        tell: &mut impl FnMut(&Message<'_>),
    ) {
        let flaws = Flaws::NONE.with(self.headless[dir as usize]);
        tell(&Message { flaws, ..plain(dir, unit, stream, What::Loose(bytes)) });
    }

    /// Nothing was said in this direction before.
    fn begins(&mut self, dir: Dir) {
        self.decoders[dir as usize] = Decoder::fresh(limits::TABLE);
    }

    /// It is not known any more where frames of this direction begin.
    pub(super) fn lost(&mut self, dir: Dir, flaw: Flaw, tell: &mut impl FnMut(&Message<'_>)) {
        self.decoders[dir as usize].lose();
        self.headless[dir as usize] = flaw;
        self.fresh[dir as usize] = false;
        self.doubt[dir as usize] = true;
        let open = |side: &Side| side.phase == Phase::Open && side.dir == Some(dir);
        for (&id, stream) in &mut self.by_id {
            for role in [Role::Request, Role::Response] {
                if open(stream.side(role)) {
                    stream.side(role).flaws.add(flaw);
                    missing(stream, id, role, None, None, tell);
                }
            }
        }
    }

    /// Nothing follows.
    pub(super) fn end(&mut self, end: End, tell: &mut impl FnMut(&Message<'_>)) {
        let mut ids: Vec<(u64, u32)> =
            self.by_id.iter().map(|(&id, stream)| (stream.exchange, id)).collect();
        ids.sort_unstable();
        for (_, id) in ids {
            self.finish(id, end, tell);
        }
    }
}

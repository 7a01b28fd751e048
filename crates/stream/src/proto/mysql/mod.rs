//! The protocol of MySQL 5.6 to 9 and of MariaDB.
//!
//! The server greets, the client logs in; then each command starts a sequence of packets anew and
//! is answered before the next one. So where bytes are missing, the next command is a place to go
//! on from. On a TLS connection the greeting is not seen, and what comes first is the login.

mod answer;
mod client;
mod parse;
mod recognise;
mod value;

use std::collections::VecDeque;
use std::sync::Arc;

use abi::Dir;

use super::sql::Tell;
use super::sql::asked::{Asked, Session, Statement, Told};
use super::sql::named::Named;
use super::sql::side::{Phase, Side, Took, Unit};
use super::{Chunk, Dialogue, End, Holding, Missing, Next, Options, Start, Upgrade, append, other};
use crate::limits;
use crate::message::{Control, Flaw, Flaws, Head, Line, Message, Outcome, Protocol, What, Wire};
use answer::Answer;
use value::{Long, Type};

pub use recognise::{recognise_greeting, recognise_late, recognise_login};

/// A connection to a MySQL or MariaDB server.
#[derive(Debug)]
pub struct MySql {
    options: Options,
    /// The way in which requests go.
    client: Dir,
    exchanges: u64,
    sides: [Side; 2],
    /// Packets of which one is as long as can be: the next one belongs to it.
    joined: [Option<Unit>; 2],
    stage: Stage,
    /// What client and server agreed on; `None`: the login was not seen.
    caps: Option<u32>,
    extended: u32,
    /// Whether results end with an OK packet; `None`: not known yet.
    ends_with_ok: Option<bool>,
    /// The packets are compressed from now on.
    compressed: bool,
    session: Session,
    statements: Named<u32, Prepared>,
    /// What was prepared last.
    last: Option<Arc<Statement>>,
    commands: VecDeque<Asking>,
    /// How much of the first command's answer came.
    answer: Answer,
    overhead: [u64; 2],
}

/// How far the connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Greeting,
    Login,
    Commands,
}

/// A prepared statement.
#[derive(Debug)]
struct Prepared {
    statement: Arc<Statement>,
    params: u16,
    types: Vec<Type>,
    long: Vec<Long>,
}

/// A command that waits for its answer.
#[derive(Debug)]
struct Asking {
    asked: Box<Asked>,
    command: u8,
    /// The number of the first packet of the answer.
    expects: u8,
    /// It is told of if it succeeds, too.
    told: bool,
}

/// A login, in place of a command.
const LOGIN: u8 = 0xff;

impl MySql {
    /// A connection from its greeting.
    pub fn new(start: Start, client: Dir) -> Self {
        Self {
            options: start.options,
            client,
            exchanges: start.exchanges,
            sides: Default::default(),
            joined: [None, None],
            stage: Stage::Greeting,
            caps: None,
            extended: 0,
            ends_with_ok: None,
            compressed: false,
            session: Session::default(),
            statements: Named::default(),
            last: None,
            commands: VecDeque::new(),
            answer: Answer::Start,
            overhead: [0; 2],
        }
    }

    /// A connection from its login, as within TLS.
    pub fn logging_in(start: Start, client: Dir) -> Self {
        Self { stage: Stage::Login, ..Self::new(start, client) }
    }

    /// A connection that is older than the capture, from the beginning of a command.
    pub fn late(start: Start, client: Dir) -> Self {
        Self { stage: Stage::Commands, ..Self::new(start, client) }
    }

    /// Bytes that are in no message, by direction: results, which are in the span of their query's
    /// answer, and what carries no statement.
    pub fn overhead(&self) -> [u64; 2] {
        self.overhead
    }

    fn step(&mut self, chunk: &Chunk<'_>, tell: Tell<'_>) -> (usize, bool) {
        let dir = chunk.dir;
        if self.compressed {
            self.loose(chunk, None, tell);
            return (chunk.bytes.len(), false);
        }
        if let Phase::Lost(flaw) = self.sides[dir as usize].phase {
            if !self.resumes(chunk) {
                self.loose(chunk, Some(flaw), tell);
                return (chunk.bytes.len(), false);
            }
            self.sides[dir as usize].phase = Phase::Header;
        }
        let keep = match dir == self.client {
            true => self.options.max_body.saturating_add(limits::SQL_NAME),
            false => limits::SQL_NAME,
        };
        match self.sides[dir as usize].take(chunk, |bytes| parse::header(bytes, keep)) {
            Took::Part(used) => (used, false),
            Took::Whole(used) => (used, self.packet(dir, tell)),
            // Any bytes are a header.
            Took::Broken => (chunk.bytes.len(), false),
        }
    }

    /// Whether packets begin here again.
    fn resumes(&self, chunk: &Chunk<'_>) -> bool {
        if chunk.dir == self.client {
            return recognise::asks(chunk.bytes).is_some();
        }
        let first = chunk.bytes.get(3);
        self.commands.front().is_some_and(|front| Some(&front.expects) == first)
    }

    /// A packet is whole; whether TLS follows it.
    fn packet(&mut self, dir: Dir, tell: Tell<'_>) -> bool {
        let keep = self.options.max_body.saturating_add(limits::SQL_NAME);
        let mut unit = self.sides[dir as usize].take_unit();
        self.overhead[dir as usize] += unit.wire;
        let goes_on = unit.len == parse::SPLIT;
        if let Some(mut first) = self.joined[dir as usize].take() {
            let room = keep.saturating_sub(first.bytes.len());
            if first.flaws.is_empty() && first.bytes.len() as u64 == first.len {
                let len = unit.bytes.len().min(room);
                append(&mut first.bytes, &unit.bytes[..len], keep);
            }
            unit.flaws.iter().for_each(|flaw| first.flaws.add(flaw));
            first.len += unit.len;
            first.wire += unit.wire;
            first.ended = unit.ended;
            first.last = unit.last;
            self.sides[dir as usize].reuse(unit.bytes);
            unit = first;
        }
        if goes_on {
            self.joined[dir as usize] = Some(unit);
            return false;
        }
        let sealed = if dir == self.client {
            self.client_sent(&unit, tell)
        } else {
            self.server_sent(&unit, tell);
            false
        };
        self.sides[dir as usize].reuse(unit.bytes);
        sealed
    }

    fn push(&mut self, mut asking: Asking, tell: Tell<'_>) {
        if asking.told {
            self.exchanges += 1;
            asking.asked.exchange = self.exchanges;
        }
        if self.commands.len() >= limits::ASKED {
            self.stray(Flaw::Limit, tell);
        }
        // Who asks has the answers to what came before; they were not found.
        if let Phase::Lost(flaw) = self.sides[other(self.client) as usize].phase {
            self.stray(flaw, tell);
        }
        self.commands.push_back(asking);
    }

    /// The first command is answered.
    fn finish(&mut self, outcome: Outcome, tell: Tell<'_>) {
        self.answer = Answer::Start;
        let Some(mut asking) = self.commands.pop_front() else { return };
        asking.asked.outcome = outcome;
        if !asking.told && outcome == Outcome::Error {
            self.exchanges += 1;
            asking.asked.exchange = self.exchanges;
            asking.told = true;
        }
        self.tell(&asking, tell);
    }

    fn tell(&mut self, asking: &Asking, tell: Tell<'_>) {
        if !asking.told {
            return;
        }
        let taken = &mut self.overhead[self.client as usize];
        *taken = taken.saturating_sub(asking.asked.wire.len);
        let (protocol, dir) = (Protocol::MySql, self.client);
        asking.asked.tell(&Told { protocol, dir, session: &self.session }, tell);
    }

    /// What waits can't be joined with answers: tells of it as it is.
    fn stray(&mut self, flaw: Flaw, tell: Tell<'_>) {
        self.answer = Answer::Start;
        while let Some(mut asking) = self.commands.pop_front() {
            asking.asked.flaws.add(flaw);
            self.tell(&asking, tell);
        }
    }

    /// Where the next packet of a direction begins is not known.
    fn lose(&mut self, dir: Dir, flaw: Flaw, time: u64, tell: Tell<'_>) {
        let side = &mut self.sides[dir as usize];
        let within = side.is_within();
        let mut unit = within.then(|| side.take_unit());
        if let Some(unit) = &unit {
            self.overhead[dir as usize] += unit.wire;
        }
        if let Some(mut first) = self.joined[dir as usize].take() {
            if let Some(rest) = &unit {
                first.len += rest.len;
                first.wire += rest.wire;
            }
            unit = Some(first);
        }
        if let Some(mut unit) = unit {
            unit.flaws.add(flaw);
            if dir == self.client {
                self.client_sent(&unit, tell);
            }
        }
        self.stray(flaw, tell);
        self.stage = Stage::Commands;
        let side = &mut self.sides[dir as usize];
        let (begun, by, pos) = (side.unit.begun.min(time), side.unit.by, side.unit.pos);
        let (head, len) = side.give_up(flaw);
        if len > 0 {
            let chunk = Chunk { time: begun, by, dir, pos, bytes: &head[..len] };
            self.loose(&chunk, Some(flaw), tell);
        }
    }

    /// Tells of bytes that are in no packet that is read.
    fn loose(&mut self, chunk: &Chunk<'_>, flaw: Option<Flaw>, tell: Tell<'_>) {
        let len = chunk.bytes.len() as u64;
        if flaw.is_some() {
            self.sides[chunk.dir as usize].loose += len;
        }
        let flaws = flaw.map_or(Flaws::NONE, |flaw| Flaws::NONE.with(flaw));
        let wire = Wire { pos: chunk.pos, len };
        self.say(chunk, wire, flaws, What::Loose(chunk.bytes), tell);
    }

    /// Says that what follows is compressed.
    fn say_compressed(&mut self, unit: &Unit, tell: Tell<'_>) {
        self.compressed = true;
        let dir = other(self.client);
        let (time, by, pos) = (unit.ended, unit.by, unit.pos);
        let chunk = Chunk { time, by, dir, pos, bytes: b"" };
        let what = Control { frame: "compressed protocol, not read", error: None, detail: b"" };
        self.say(&chunk, Wire { pos, len: 0 }, Flaws::NONE, What::Control(what), tell);
    }

    fn say(&self, chunk: &Chunk<'_>, wire: Wire, flaws: Flaws, what: What<'_>, tell: Tell<'_>) {
        tell(&Message {
            begun: chunk.time,
            ended: chunk.time,
            by: chunk.by,
            dir: chunk.dir,
            protocol: Protocol::MySql,
            stream: None,
            exchange: 0,
            wire,
            flaws,
            request: None,
            status: None,
            what,
        });
    }
}

impl Dialogue for MySql {
    fn data(&mut self, chunk: &Chunk<'_>, tell: &mut impl FnMut(&Message<'_>)) -> Next {
        let mut rest = *chunk;
        while !rest.bytes.is_empty() {
            let (used, sealed) = self.step(&rest, tell);
            rest.pos = rest.pos.saturating_add(used as u64);
            rest.bytes = &rest.bytes[used..];
            if sealed {
                return Next::Upgrade(Box::new(Upgrade {
                    used: chunk.bytes.len() - rest.bytes.len(),
                    requests: self.client,
                    exchange: self.exchanges,
                    request: Line::default(),
                    to: Vec::new(),
                    headers: Head::new(),
                }));
            }
        }
        let lost = |side: &Side| matches!(side.phase, Phase::Lost(_)) && side.loose > limits::LOST;
        if self.sides.iter().any(lost) { Next::Lost } else { Next::Stay }
    }

    fn missing(&mut self, missing: &Missing, tell: &mut impl FnMut(&Message<'_>)) -> Next {
        if self.compressed {
            return Next::Stay;
        }
        let side = &mut self.sides[missing.dir as usize];
        let (within, whole) = side.missing(missing);
        if whole {
            self.packet(missing.dir, tell);
        }
        if within < missing.len {
            self.lose(missing.dir, Flaw::Gap, missing.time, tell);
        }
        Next::Stay
    }

    fn end(&mut self, end: End, tell: &mut impl FnMut(&Message<'_>)) {
        for dir in [self.client, other(self.client)] {
            self.lose(dir, end.flaw, end.time, tell);
        }
    }

    fn exchanges(&self) -> u64 {
        self.exchanges
    }

    fn holding(&self) -> Holding {
        let joined =
            |dir: Dir| self.joined[dir as usize].as_ref().map_or(0, |unit| unit.bytes.capacity());
        let server = other(self.client);
        let mut shown = self.sides[self.client as usize].held() + joined(self.client);
        let mut state = self.sides[server as usize].held() + joined(server);
        let mut last = None;
        for asking in &self.commands {
            let statement = &asking.asked.statement;
            if last != Some(Arc::as_ptr(statement)) {
                last = Some(Arc::as_ptr(statement));
                shown += statement.held();
            }
            state += size_of::<Asking>() + asking.asked.held();
        }
        state += self.statements.held() + self.session.held();
        state += self.last.as_ref().map_or(0, |statement| statement.held());
        Holding { state, shown, windows: 0 }
    }
}

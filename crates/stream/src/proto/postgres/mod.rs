//! PostgreSQL's protocol, version 3 (PostgreSQL documentation, chapter "Frontend/Backend
//! Protocol"), as servers 10 to 18 speak it.
//!
//! The client sends units with a type and a length, the server answers in order. What is not
//! answered yet waits in a queue of [`Op`]s. Where bytes are missing between units, it can't be
//! known which answer belongs to what: what waits is told without a result, and answers are passed
//! over up to the next ReadyForQuery, unless the client is one that does not wait for its answers.

mod client;
mod op;
mod parse;
mod recognise;
mod server;
mod value;

use std::collections::VecDeque;
use std::sync::Arc;

use abi::Dir;

use super::sql::Tell;
use super::sql::asked::{Asked, Session, Statement, Told};
use super::sql::named::Named;
use super::sql::side::{Phase, Side, Took};
use super::{Chunk, Dialogue, End, Holding, Missing, Next, Options, Start, Upgrade, other};
use crate::limits;
use crate::message::{Flaw, Flaws, Head, Line, Message, Protocol, What, Wire};
use op::Op;

pub use recognise::{recognise, recognise_late};

/// A connection to a PostgreSQL server.
#[derive(Debug)]
pub struct Postgres {
    options: Options,
    /// The way in which requests go.
    client: Dir,
    exchanges: u64,
    sides: [Side; 2],
    /// The client's next unit is a first one, without a type.
    starting: bool,
    /// The server's next byte answers whether it encrypts.
    negotiating: bool,
    session: Session,
    /// Prepared statements.
    statements: Named<Vec<u8>, Prepared>,
    unnamed: Option<Prepared>,
    portals: Named<Vec<u8>, Portal>,
    portal: Option<Portal>,
    ops: VecDeque<Op>,
    /// Bytes of memory that these take, apart from texts.
    ops_held: usize,
    /// When what is executed next began: the first of the units that make it.
    since: Option<u64>,
    /// Where its Bind stood.
    bound: Option<Wire>,
    /// The server passes over all that comes before the next Sync.
    failed: bool,
    /// The server waits for data of COPY.
    copying: bool,
    /// Answers are passed over, since it is not known what they answer.
    astray: bool,
    /// The client was seen to send before it had its answers.
    pipelines: bool,
    overhead: [u64; 2],
    room: Vec<u8>,
}

/// A prepared statement.
#[derive(Debug, Clone)]
struct Prepared {
    statement: Arc<Statement>,
    types: Vec<u32>,
}

/// A statement with its parameters.
#[derive(Debug, Clone)]
struct Portal {
    statement: Arc<Statement>,
    params: Head,
    flaws: Flaws,
}

impl Postgres {
    /// A connection from its first byte.
    pub fn new(start: Start, client: Dir) -> Self {
        Self {
            options: start.options,
            client,
            exchanges: start.exchanges,
            sides: Default::default(),
            starting: true,
            negotiating: false,
            session: Session::default(),
            statements: Named::default(),
            unnamed: None,
            portals: Named::default(),
            portal: None,
            ops: VecDeque::new(),
            ops_held: 0,
            since: None,
            bound: None,
            failed: false,
            copying: false,
            astray: false,
            pipelines: false,
            overhead: [0; 2],
            room: Vec::new(),
        }
    }

    /// A connection that is older than the capture, from the beginning of a unit.
    pub fn late(start: Start, client: Dir) -> Self {
        Self { starting: false, ..Self::new(start, client) }
    }

    /// Bytes that are in no message, by direction: results, which are in the span of their query's
    /// answer, and what carries no statement.
    pub fn overhead(&self) -> [u64; 2] {
        self.overhead
    }

    fn step(&mut self, chunk: &Chunk<'_>, tell: Tell<'_>) -> (usize, bool) {
        let dir = chunk.dir;
        let from_client = dir == self.client;
        if let Phase::Lost(flaw) = self.sides[dir as usize].phase {
            return (self.look(chunk, flaw, tell), false);
        }
        let (starting, negotiating) = (self.starting, self.negotiating);
        let max_body = self.options.max_body;
        let took = self.sides[dir as usize].take(chunk, |bytes| match from_client {
            true if starting => parse::startup_header(bytes),
            true => parse::header(bytes, parse::CLIENT, |kind| parse::keep_client(kind, max_body)),
            false if negotiating => server::negotiated(bytes),
            false => parse::header(bytes, parse::SERVER, parse::keep_server),
        });
        match took {
            Took::Part(used) => (used, false),
            Took::Whole(used) => (used, self.unit(dir, tell)),
            Took::Broken => {
                self.lose(dir, Flaw::Broken, chunk.time, tell);
                (0, false)
            }
        }
    }

    /// A unit is whole; whether TLS follows it.
    fn unit(&mut self, dir: Dir, tell: Tell<'_>) -> bool {
        let unit = self.sides[dir as usize].take_unit();
        self.overhead[dir as usize] += unit.wire;
        let sealed = if dir == self.client {
            self.client_sent(&unit, tell);
            false
        } else {
            self.server_sent(&unit, tell)
        };
        self.sides[dir as usize].reuse(unit.bytes);
        sealed
    }

    /// Tells of something that was asked.
    fn tell(&mut self, asked: &Asked, tell: Tell<'_>) {
        let taken = &mut self.overhead[self.client as usize];
        *taken = taken.saturating_sub(asked.wire.len);
        let (protocol, dir) = (Protocol::Postgres, self.client);
        asked.tell(&Told { protocol, dir, session: &self.session }, tell);
    }

    fn push(&mut self, mut op: Op, tell: Tell<'_>) {
        if let Some(asked) = op.asked_mut() {
            self.exchanges += 1;
            asked.exchange = self.exchanges;
        }
        self.ops_held += op.held();
        self.ops.push_back(op);
        if self.ops.len() > limits::ASKED {
            self.stray(Flaw::Limit, tell);
        }
    }

    fn pop(&mut self) -> Option<Op> {
        let op = self.ops.pop_front()?;
        self.ops_held = self.ops_held.saturating_sub(op.held());
        if self.ops.is_empty() {
            self.ops_held = 0;
        }
        Some(op)
    }

    /// What waits can't be joined with answers: tells of it as it is.
    fn stray(&mut self, flaw: Flaw, tell: Tell<'_>) {
        self.astray = true;
        self.copying = false;
        self.failed = false;
        while let Some(op) = self.pop() {
            if let Op::Execute(mut asked) | Op::Query(mut asked) = op {
                asked.flaws.add(flaw);
                self.tell(&asked, tell);
            }
        }
    }

    /// Where the next unit of a direction begins is not known.
    fn lose(&mut self, dir: Dir, flaw: Flaw, time: u64, tell: Tell<'_>) {
        let side = &mut self.sides[dir as usize];
        if side.is_within() {
            let mut unit = side.take_unit();
            unit.flaws.add(flaw);
            self.overhead[dir as usize] += unit.wire;
            if dir == self.client {
                self.client_sent(&unit, tell);
            }
        }
        self.stray(flaw, tell);
        let side = &mut self.sides[dir as usize];
        let (begun, by, pos) = (side.unit.begun.min(time), side.unit.by, side.unit.pos);
        let (head, len) = side.give_up(flaw);
        self.negotiating &= dir == self.client;
        self.starting &= dir != self.client;
        if len > 0 {
            let chunk = Chunk { time: begun, by, dir, pos, bytes: &head[..len] };
            self.loose(&chunk, flaw, tell);
        }
    }

    /// Whether units begin here again.
    fn look(&mut self, chunk: &Chunk<'_>, flaw: Flaw, tell: Tell<'_>) -> usize {
        let client = chunk.dir == self.client;
        if recognise::resumes(chunk.bytes, client) {
            self.sides[chunk.dir as usize].phase = Phase::Header;
            return 0;
        }
        if !client && recognise::ends(chunk.bytes) {
            // What it ends with is a ReadyForQuery, so the next unit begins behind.
            let before = &chunk.bytes[..chunk.bytes.len() - recognise::READY];
            self.loose(&Chunk { bytes: before, ..*chunk }, flaw, tell);
            self.sides[chunk.dir as usize].phase = Phase::Header;
            return before.len();
        }
        self.loose(chunk, flaw, tell);
        chunk.bytes.len()
    }

    /// Tells of bytes that are in no unit.
    fn loose(&mut self, chunk: &Chunk<'_>, flaw: Flaw, tell: Tell<'_>) {
        let len = chunk.bytes.len() as u64;
        self.sides[chunk.dir as usize].loose += len;
        tell(&Message {
            begun: chunk.time,
            ended: chunk.time,
            by: chunk.by,
            dir: chunk.dir,
            protocol: Protocol::Postgres,
            stream: None,
            exchange: 0,
            wire: Wire { pos: chunk.pos, len },
            flaws: Flaws::NONE.with(flaw),
            request: None,
            status: None,
            what: What::Loose(chunk.bytes),
        });
    }
}

impl Dialogue for Postgres {
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
        let side = &mut self.sides[missing.dir as usize];
        let (within, whole) = side.missing(missing);
        if whole {
            self.unit(missing.dir, tell);
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
        let unnamed = self.unnamed.as_ref().map(|one| &one.statement);
        let mut shown = unnamed.map_or(0, |statement| statement.held());
        let mut last = unnamed.map(Arc::as_ptr);
        for op in &self.ops {
            if let Some(statement) = op.statement()
                && Some(Arc::as_ptr(statement)) != last
            {
                last = Some(Arc::as_ptr(statement));
                shown += statement.held();
            }
        }
        let (mut state, client) = (self.ops_held, &self.sides[self.client as usize]);
        // A statement that is on its way.
        if matches!(client.unit.kind, b'Q' | b'P') {
            shown += client.held();
        } else {
            state += client.held();
        }
        state += self.sides[other(self.client) as usize].held();
        state += self.statements.held() + self.portals.held() + self.session.held();
        state += self.portal.as_ref().map_or(0, |portal| portal.params.held());
        state += self.room.capacity();
        Holding { state, shown, windows: 0 }
    }
}

//! A database's dialogue, played and written down.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use stream::Dir;
use stream::message::{By, Flaw, Message, What};
use stream::proto::{Chunk, Dialogue, End, Missing, Next};

/// The way in which requests go.
pub const ASKS: Dir = Dir::Write;
pub const ANSWERS: Dir = Dir::Read;

/// A query as it was told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    pub command: &'static str,
    pub statement: String,
    pub len: u64,
    pub params: Vec<Option<String>>,
    pub outcome: &'static str,
    pub rows: Option<u64>,
    pub results: u64,
    pub tag: String,
    pub copied: Option<u64>,
    pub error: Option<(String, Option<u16>, String)>,
    pub db: Option<String>,
    pub user: Option<String>,
    pub server_id: Option<u64>,
    pub exchange: u64,
    pub wire: (u64, u64),
    pub answer: (u64, u64),
    pub total: Option<u64>,
    pub flaws: Vec<Flaw>,
}

/// A connection and everything that it told. The clock counts moves.
pub struct Player<D> {
    pub dialogue: D,
    pub pos: [u64; 2],
    pub time: u64,
    pub queries: Vec<Seen>,
    pub loose: [u64; 2],
    pub wire: [u64; 2],
    pub controls: Vec<String>,
    pub upgraded: bool,
    pub lost: bool,
    pub most: usize,
}

impl<D: Dialogue> Player<D> {
    pub fn new(dialogue: D) -> Self {
        Self {
            dialogue,
            pos: [0; 2],
            time: 0,
            queries: Vec::new(),
            loose: [0; 2],
            wire: [0; 2],
            controls: Vec::new(),
            upgraded: false,
            lost: false,
            most: 0,
        }
    }

    pub fn moved(&mut self, dir: Dir, bytes: &[u8]) -> &mut Self {
        self.time += 1;
        let chunk =
            Chunk { time: self.time, by: By::default(), dir, pos: self.pos[dir as usize], bytes };
        self.pos[dir as usize] += bytes.len() as u64;
        let mut told = Vec::new();
        let next = self.dialogue.data(&chunk, &mut |message| told.push(write_down(message)));
        told.into_iter().for_each(|one| self.take(one));
        self.upgraded |= matches!(next, Next::Upgrade(_));
        self.lost |= matches!(next, Next::Lost);
        self.most = self.most.max(self.dialogue.held());
        self
    }

    pub fn asks(&mut self, bytes: &[u8]) -> &mut Self {
        self.moved(ASKS, bytes)
    }

    pub fn answers(&mut self, bytes: &[u8]) -> &mut Self {
        self.moved(ANSWERS, bytes)
    }

    pub fn misses(&mut self, dir: Dir, len: u64) -> &mut Self {
        self.time += 1;
        let (time, by, pos) = (self.time, By::default(), self.pos[dir as usize]);
        self.pos[dir as usize] += len;
        let mut told = Vec::new();
        let missing = Missing { time, by, dir, pos, len };
        self.dialogue.missing(&missing, &mut |message| told.push(write_down(message)));
        told.into_iter().for_each(|one| self.take(one));
        self
    }

    pub fn ends(&mut self) -> &mut Self {
        let end = End { time: self.time, closed: true, flaw: Flaw::Cut };
        let mut told = Vec::new();
        self.dialogue.end(end, &mut |message| told.push(write_down(message)));
        told.into_iter().for_each(|one| self.take(one));
        self
    }

    /// What was told since the last call.
    pub fn take_queries(&mut self) -> Vec<Seen> {
        std::mem::take(&mut self.queries)
    }

    /// The only query that was told since the last call.
    #[track_caller]
    pub fn one(&mut self) -> Seen {
        let mut all = self.take_queries();
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Query(dir, seen) => {
                self.wire[dir as usize] += seen.wire.1;
                self.queries.push(*seen);
            }
            Told::Loose(dir, len) => {
                self.loose[dir as usize] += len;
                self.wire[dir as usize] += len;
            }
            Told::Control(words) => self.controls.push(words),
        }
    }

    /// Every byte is in a message or in the overhead, apart from those that are missing.
    #[track_caller]
    pub fn is_accounted(&self, overhead: impl Fn(&D) -> [u64; 2], missing: [u64; 2]) {
        let overhead = overhead(&self.dialogue);
        for dir in 0..2 {
            let told = self.wire[dir] + overhead[dir];
            let moved = self.pos[dir];
            assert!(
                told <= moved && told + missing[dir] >= moved,
                "{dir}: {told} of {moved}, {} missing: {:#?}",
                missing[dir],
                self.queries
            );
        }
    }
}

enum Told {
    Query(Dir, Box<Seen>),
    Loose(Dir, u64),
    Control(String),
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn write_down(message: &Message<'_>) -> Told {
    let query = match &message.what {
        What::Query(query) => query,
        What::Loose(_) => return Told::Loose(message.dir, message.wire.len),
        What::Control(control) => return Told::Control(control.frame.to_owned()),
        other => panic!("{other:?}"),
    };
    let error = query.error.map(|error| (text(error.sqlstate), error.number, text(error.message)));
    let seen = Seen {
        command: query.command.name(),
        statement: text(query.statement.bytes),
        len: query.statement.len,
        params: query.params.iter().map(|field| field.value.map(text)).collect(),
        outcome: query.outcome.name(),
        rows: query.rows,
        results: query.results,
        tag: text(query.tag),
        copied: query.copied,
        error,
        db: query.db.map(text),
        user: query.user.map(text),
        server_id: query.server_id,
        exchange: message.exchange,
        wire: (message.wire.pos, message.wire.len),
        answer: (query.answer.pos, query.answer.len),
        total: query.total,
        flaws: message.flaws.iter().collect(),
    };
    Told::Query(message.dir, Box::new(seen))
}

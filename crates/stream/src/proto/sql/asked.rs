//! A statement under way, from its request to its result.

use std::sync::Arc;

use abi::Dir;

use super::lex::Dialect;
use super::side::Unit;
use super::{Tell, secret};
use crate::message::{
    Body, By, Command, Flaw, Flaws, Head, Message, Outcome, Protocol, Query, SqlError, What, Wire,
};

/// A statement's text, shared by all that run it.
#[derive(Debug, Default)]
pub(crate) struct Statement {
    /// As far as it is kept.
    pub(crate) bytes: Vec<u8>,
    pub(crate) len: u64,
    pub(crate) flaws: Flaws,
}

impl Statement {
    /// Bytes that it keeps.
    pub(crate) fn held(&self) -> usize {
        size_of::<Self>() + self.bytes.capacity()
    }

    /// The text of a prepared one whose preparation was not seen.
    pub(crate) fn unseen() -> Arc<Self> {
        Arc::new(Self { flaws: Flaws::NONE.with(Flaw::Late), ..Self::default() })
    }
}

/// Who uses the connection.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) user: Option<Vec<u8>>,
    pub(crate) db: Option<Vec<u8>>,
    pub(crate) server_id: Option<u64>,
}

impl Session {
    pub(crate) fn held(&self) -> usize {
        [&self.user, &self.db].into_iter().flatten().map(Vec::capacity).sum()
    }
}

/// What went wrong, in the server's words.
#[derive(Debug, Default)]
pub(crate) struct Failure {
    pub(crate) sqlstate: Vec<u8>,
    pub(crate) number: Option<u16>,
    pub(crate) message: Vec<u8>,
}

/// Something that was asked.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) begun: u64,
    pub(crate) by: By,
    pub(crate) wire: Wire,
    pub(crate) exchange: u64,
    pub(crate) command: Command,
    pub(crate) statement: Arc<Statement>,
    pub(crate) params: Head,
    pub(crate) flaws: Flaws,
    pub(crate) rows: Option<u64>,
    pub(crate) results: u64,
    pub(crate) tag: Vec<u8>,
    pub(crate) copied: Option<u64>,
    pub(crate) failure: Option<Failure>,
    pub(crate) outcome: Outcome,
    /// Rows of the result under way.
    streamed: Option<u64>,
    answer: Option<Wire>,
    first: Option<u64>,
    ended: Option<u64>,
}

impl Asked {
    /// Asked in a unit that is whole.
    pub(crate) fn in_unit(unit: &Unit, command: Command) -> Self {
        let wire = Wire { pos: unit.pos, len: unit.wire };
        let (begun, by, flaws) = (unit.begun, unit.by, unit.flaws);
        Self { begun, by, wire, flaws, command, ..Self::default() }
    }

    /// The same with a statement.
    pub(crate) fn of(unit: &Unit, command: Command, statement: Arc<Statement>) -> Self {
        Self { statement, ..Self::in_unit(unit, command) }
    }

    /// A unit of the answer came.
    pub(crate) fn answered(&mut self, unit: &Unit) {
        self.first.get_or_insert(unit.begun);
        self.ended = Some(unit.ended);
        let answer = self.answer.get_or_insert(Wire { pos: unit.pos, len: 0 });
        answer.len = unit.pos.saturating_add(unit.wire).saturating_sub(answer.pos);
        if unit.flaws.has(Flaw::Gap) {
            self.flaws.add(Flaw::Gap);
        }
    }

    /// Whether nothing of the answer came.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.answer.is_none()
    }

    /// One more row of the result under way.
    pub(crate) fn add_streamed(&mut self) {
        self.streamed = Some(self.streamed.unwrap_or(0) + 1);
    }

    /// Rows of the result that ends.
    pub(crate) fn take_streamed(&mut self) -> Option<u64> {
        self.streamed.take()
    }

    /// More rows.
    pub(crate) fn add_rows(&mut self, rows: u64) {
        self.rows = Some(self.rows.unwrap_or(0).saturating_add(rows));
    }

    /// More data of a COPY.
    pub(crate) fn add_copied(&mut self, bytes: u64) {
        self.copied = Some(self.copied.unwrap_or(0).saturating_add(bytes));
    }

    /// The server reports an error.
    pub(crate) fn fail(&mut self, failure: Failure) {
        self.failure = Some(failure);
        self.outcome = Outcome::Error;
    }

    /// Bytes that it keeps, apart from the statement's text.
    pub(crate) fn held(&self) -> usize {
        let failure = self.failure.as_ref();
        let words = failure.map_or(0, |one| one.sqlstate.capacity() + one.message.capacity());
        size_of::<Self>() + self.params.held() + self.tag.capacity() + words
    }

    /// Tells of it.
    pub(crate) fn tell(&self, of: &Told<'_>, tell: Tell<'_>) {
        let statement = &*self.statement;
        let dialect = Dialect::of(of.protocol);
        let secrets = secret::masked(&statement.bytes, dialect);
        let mut hidden = Head::new();
        let params = match &secrets {
            Some(masked) if masked.params => {
                for field in self.params.headers().iter() {
                    hidden.push(field.name, field.value.map(|_| secret::MASK));
                }
                hidden.headers()
            }
            _ => self.params.headers(),
        };
        let text = secrets.as_ref().and_then(|masked| masked.text.as_deref());
        let secret = secrets.as_ref().is_some_and(|masked| masked.params || text.is_some());
        let Statement { bytes, len, .. } = statement;
        let body = Body {
            bytes: text.unwrap_or(bytes),
            len: *len,
            wire_len: *len,
            masked: text.map(|_| bytes.len() as u64),
            ..Body::default()
        };
        let mut flaws = self.flaws;
        statement.flaws.iter().for_each(|flaw| flaws.add(flaw));
        let since = |time: u64| time.saturating_sub(self.begun);
        let query = Query {
            command: self.command,
            db: of.session.db.as_deref(),
            user: of.session.user.as_deref(),
            server_id: of.session.server_id,
            statement: body,
            params,
            outcome: self.outcome,
            rows: self.rows,
            results: self.results,
            tag: &self.tag,
            copied: self.copied,
            error: self.failure.as_ref().map(|failure| SqlError {
                sqlstate: &failure.sqlstate,
                number: failure.number,
                // A server quotes what it could not read.
                message: if secret { unquoted(&failure.message) } else { &failure.message },
            }),
            answer: self.answer.unwrap_or_default(),
            first_byte: self.first.map(since),
            total: self.ended.filter(|_| self.outcome != Outcome::Unknown).map(since),
        };
        tell(&Message {
            begun: self.begun,
            ended: self.ended.unwrap_or(self.begun),
            by: self.by,
            dir: of.dir,
            protocol: of.protocol,
            stream: None,
            exchange: self.exchange,
            wire: self.wire,
            flaws,
            request: None,
            status: None,
            what: What::Query(query),
        });
    }
}

/// A server's words up to what it quotes.
fn unquoted(words: &[u8]) -> &[u8] {
    let quote = words.iter().position(|&byte| matches!(byte, b'\'' | b'"' | b'`'));
    &words[..quote.unwrap_or(words.len())]
}

/// What is the same for all that is asked on a connection.
#[derive(Debug)]
pub(crate) struct Told<'a> {
    pub(crate) protocol: Protocol,
    /// The way in which requests go.
    pub(crate) dir: Dir,
    pub(crate) session: &'a Session,
}

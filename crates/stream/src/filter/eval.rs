//! Asks an expression about a message.

use std::borrow::Cow;
use std::io::Write as _;
use std::net::SocketAddr;

use abi::Dir;

use super::field::Field;
use super::parse::{Expr, Order, Test};
use crate::Conn;
use crate::message::{Body, Headers, Message, Part, Query, RequestLine, What};

/// An answer. Logic with [`Later`](Truth::Later) is Kleene's: what can't change it is not waited
/// for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    No,
    Yes,
    /// It depends on what was not seen yet.
    Later,
}

/// A fact about an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fact<T> {
    Is(T),
    /// There is none, and none will come.
    Missing,
    Later,
}

/// What a response tells about its exchange. Times are nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    status: Fact<u16>,
    first_byte: Fact<u64>,
    total: Fact<u64>,
}

/// What is asked about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) conn: &'a Conn,
    pub(super) message: &'a Message<'a>,
    pub(super) answer: Answer,
    /// Only what is the same for all messages of the exchange counts; all else is yet to come.
    pub(super) shared_only: bool,
}

impl Answer {
    /// The response is yet to come.
    pub(super) const LATER: Self =
        Self { status: Fact::Later, first_byte: Fact::Later, total: Fact::Later };
    /// There will be no response.
    pub(super) const NONE: Self =
        Self { status: Fact::Missing, first_byte: Fact::Missing, total: Fact::Missing };

    /// What this message says about the response.
    pub(super) fn of(message: &Message<'_>) -> Self {
        let status = message.status.map_or(Fact::Missing, Fact::Is);
        match &message.what {
            What::Response(response) => Self {
                status,
                first_byte: response.first_byte.map_or(Fact::Missing, Fact::Is),
                total: match response.part {
                    Part::Head => Fact::Later,
                    Part::Whole | Part::End => response.total.map_or(Fact::Missing, Fact::Is),
                },
            },
            What::Query(query) => Self {
                status,
                first_byte: query.first_byte.map_or(Fact::Missing, Fact::Is),
                total: query.total.map_or(Fact::Missing, Fact::Is),
            },
            _ => Self::NONE,
        }
    }
}

impl From<bool> for Truth {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

impl Expr {
    /// The answer for a message.
    pub(super) fn ask(&self, subject: &Subject<'_>) -> Truth {
        match self {
            Self::All(terms) => settle(terms, subject, Truth::No, Truth::Yes),
            Self::Any(terms) => settle(terms, subject, Truth::Yes, Truth::No),
            Self::Not(term) => match term.ask(subject) {
                Truth::No => Truth::Yes,
                Truth::Yes => Truth::No,
                Truth::Later => Truth::Later,
            },
            Self::Test(field, test) => subject.test(field, test),
        }
    }

    /// Whether a field occurs.
    pub(super) fn names(&self, wanted: &impl Fn(&Field) -> bool) -> bool {
        match self {
            Self::All(terms) | Self::Any(terms) => terms.iter().any(|term| term.names(wanted)),
            Self::Not(term) => term.names(wanted),
            Self::Test(field, _) => wanted(field),
        }
    }
}

/// One term with the `decisive` answer decides; `otherwise` all of them agree.
fn settle(terms: &[Expr], subject: &Subject<'_>, decisive: Truth, otherwise: Truth) -> Truth {
    let mut answer = otherwise;
    for term in terms {
        let truth = term.ask(subject);
        if truth == decisive {
            return decisive;
        }
        if truth == Truth::Later {
            answer = Truth::Later;
        }
    }
    answer
}

/// A field's value.
enum Value<'a> {
    Missing,
    Later,
    Number(f64),
    Text(Cow<'a, [u8]>),
    Flag(bool),
}

impl<'a> Subject<'a> {
    fn test(&self, field: &Field, test: &Test) -> Truth {
        match field {
            Field::Header(name) => self.own(|message| match heads(message) {
                Some([headers, trailers]) => {
                    any_text(headers.all(name).chain(trailers.all(name)), test)
                }
                None => Truth::No,
            }),
            Field::Flaws => self.own(|message| {
                any_text(message.flaws.iter().map(|flaw| flaw.name().as_bytes()), test)
            }),
            Field::Param => self.own(|message| match &message.what {
                What::Query(query) => {
                    any_text(query.params.iter().filter_map(|field| field.value), test)
                }
                _ => Truth::No,
            }),
            field => match self.value(field) {
                Value::Missing => Truth::No,
                Value::Later => Truth::Later,
                Value::Number(number) => one_number(number, test).into(),
                Value::Text(text) => any_text([text.as_ref()].into_iter(), test),
                Value::Flag(flag) => match test {
                    Test::Flag(wanted) => (flag == *wanted).into(),
                    _ => flag.into(),
                },
            },
        }
    }

    fn own(&self, ask: impl FnOnce(&'a Message<'a>) -> Truth) -> Truth {
        if self.shared_only { Truth::Later } else { ask(self.message) }
    }

    fn value(&self, field: &Field) -> Value<'a> {
        let Self { conn, message, .. } = *self;
        let by = &message.by;
        match field {
            Field::Pid => number(Some(conn.pid)),
            Field::Exe => text(Some(conn.exe.as_bytes())),
            Field::Lib => text(Some(conn.lib.as_bytes())),
            Field::Conn => number_u64(Some(conn.id)),
            Field::Local => address(conn.local),
            Field::LocalIp => ip(conn.local),
            Field::LocalPort => number(conn.local.map(|address| address.port())),
            Field::Remote => address(conn.remote),
            Field::RemoteIp => ip(conn.remote),
            Field::RemotePort => number(conn.remote.map(|address| address.port())),
            Field::Exchange => number_u64(Some(message.exchange).filter(|&exchange| exchange > 0)),
            Field::Stream => number(message.stream),
            Field::Method => self.line(|line| line.method),
            Field::Scheme => self.line(|line| line.target.map(|_| line.scheme())),
            Field::Host => self.line(|line| line.host()),
            Field::Path => self.line(|line| line.path()),
            Field::Query => self.line(|line| line.query()),
            Field::Url => self.url(),
            Field::Status => match message.status {
                Some(status) => number(Some(status)),
                None => fact(self.answer.status, f64::from),
            },
            Field::Ms => fact(self.answer.total, milliseconds),
            Field::Ttfb => fact(self.answer.first_byte, milliseconds),
            // The rest is the message's own.
            _ if self.shared_only => Value::Later,
            Field::Tid => number(by.tid),
            Field::Uid => number(Some(if by.tid.is_some() { by.uid } else { conn.uid })),
            Field::Comm => {
                text(Some(if by.tid.is_some() { &by.comm } else { &conn.comm }.as_bytes()))
            }
            Field::Type => text(Some(message.what.name().as_bytes())),
            Field::Dir => text(Some(match message.dir {
                Dir::Read => b"read",
                Dir::Write => b"write",
            })),
            Field::Protocol => text(Some(message.protocol.name().as_bytes())),
            Field::Body => match shown(message) {
                Some(Shown::Body(body)) => text(Some(body.bytes)),
                Some(Shown::Bytes(bytes)) => text(Some(bytes)),
                Some(Shown::Later) => Value::Later,
                None => Value::Missing,
            },
            Field::Size => match shown(message) {
                Some(Shown::Body(body)) => number_u64(Some(body.len)),
                Some(Shown::Bytes(bytes)) => number_u64(Some(bytes.len() as u64)),
                Some(Shown::Later) => Value::Later,
                None => Value::Missing,
            },
            Field::Wire => number_u64(Some(message.wire.len)),
            Field::Event => match &message.what {
                What::Event(event) if event.event.is_empty() => text(Some(b"message")),
                What::Event(event) => text(Some(event.event)),
                _ => Value::Missing,
            },
            Field::Opcode => match &message.what {
                What::Frame(frame) => number(Some(frame.opcode)),
                _ => Value::Missing,
            },
            Field::Db => self.query(|query| text(query.db)),
            Field::User => self.query(|query| text(query.user)),
            Field::ServerId => self.query(|query| number_u64(query.server_id)),
            Field::Command => self.query(|query| text(Some(query.command.name().as_bytes()))),
            Field::Statement => self.query(|query| text(Some(query.statement.bytes))),
            Field::Rows => self.query(|query| number_u64(query.rows)),
            Field::Outcome => self.query(|query| text(Some(query.outcome.name().as_bytes()))),
            Field::SqlState => self.query(|query| text(query.error.map(|error| error.sqlstate))),
            Field::Error => self.query(|query| text(query.error.map(|error| error.message))),
            Field::Incomplete => Value::Flag(!message.flaws.is_empty()),
            // These may have many values and are asked before.
            Field::Header(_) | Field::Flaws | Field::Param => Value::Missing,
        }
    }

    fn line(&self, part: impl FnOnce(&RequestLine<'a>) -> Option<&'a [u8]>) -> Value<'a> {
        text(self.message.request.as_ref().and_then(part))
    }

    fn query(&self, part: impl FnOnce(&Query<'a>) -> Value<'a>) -> Value<'a> {
        match &self.message.what {
            What::Query(query) => part(query),
            _ => Value::Missing,
        }
    }

    fn url(&self) -> Value<'a> {
        let mut url = Vec::new();
        match &self.message.request {
            Some(line) if line.push_url(&mut url) => Value::Text(Cow::Owned(url)),
            _ => Value::Missing,
        }
    }
}

/// What the fields about content look at.
enum Shown<'a> {
    Body(Body<'a>),
    Bytes(&'a [u8]),
    /// It follows.
    Later,
}

fn shown<'a>(message: &Message<'a>) -> Option<Shown<'a>> {
    match &message.what {
        What::Request(content) => Some(Shown::Body(content.body)),
        What::Response(response) if response.part == Part::Head => Some(Shown::Later),
        What::Response(response) => Some(Shown::Body(response.content.body)),
        What::Event(event) => Some(Shown::Bytes(event.data)),
        What::Frame(frame) => Some(Shown::Body(frame.payload)),
        What::Rpc(rpc) => Some(Shown::Body(rpc.payload)),
        What::Query(query) => Some(Shown::Body(query.statement)),
        What::Loose(bytes) => Some(Shown::Bytes(bytes)),
        What::Unanswered | What::Control(_) => None,
    }
}

fn heads<'a>(message: &Message<'a>) -> Option<[Headers<'a>; 2]> {
    match &message.what {
        What::Request(content) => Some([content.headers, content.trailers]),
        What::Response(response) => Some([response.content.headers, response.content.trailers]),
        _ => None,
    }
}

fn text(bytes: Option<&[u8]>) -> Value<'_> {
    bytes.map_or(Value::Missing, |bytes| Value::Text(Cow::Borrowed(bytes)))
}

fn number<'a, N: Into<f64>>(number: Option<N>) -> Value<'a> {
    number.map_or(Value::Missing, |number| Value::Number(number.into()))
}

/// Exact up to 2⁵³.
fn number_u64<'a>(number: Option<u64>) -> Value<'a> {
    number.map_or(Value::Missing, |number| Value::Number(number as f64))
}

fn fact<'a, T>(fact: Fact<T>, number: impl FnOnce(T) -> f64) -> Value<'a> {
    match fact {
        Fact::Is(value) => Value::Number(number(value)),
        Fact::Missing => Value::Missing,
        Fact::Later => Value::Later,
    }
}

fn milliseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}

fn address<'a>(address: Option<SocketAddr>) -> Value<'a> {
    displayed(address)
}

fn ip<'a>(address: Option<SocketAddr>) -> Value<'a> {
    displayed(address.map(|address| address.ip()))
}

fn displayed<'a>(value: Option<impl std::fmt::Display>) -> Value<'a> {
    let Some(value) = value else { return Value::Missing };
    let mut text = Vec::with_capacity(48);
    // Writing to a Vec does not fail.
    let _ = write!(text, "{value}");
    Value::Text(Cow::Owned(text))
}

/// A field with several values passes a test if one of them does; a negated test, if all do.
fn any_text<'a>(mut values: impl Iterator<Item = &'a [u8]>, test: &Test) -> Truth {
    let is = |values: &[Vec<u8>], fold, value: &[u8]| {
        values.iter().any(|known| {
            if fold { known.eq_ignore_ascii_case(value) } else { known.as_slice() == value }
        })
    };
    match test {
        Test::Present => values.next().is_some(),
        Test::IsText { values: known, fold, negate: false } => {
            values.any(|value| is(known, *fold, value))
        }
        Test::IsText { values: known, fold, negate: true } => {
            all_of_some(values, |value| !is(known, *fold, value))
        }
        Test::Matches { regex, negate: false } => values.any(|value| regex.is_match(value)),
        Test::Matches { regex, negate: true } => {
            all_of_some(values, |value| !regex.is_match(value))
        }
        Test::IsNumber { negate: true, .. } => all_of_some(values, |value| {
            digits(value).is_some_and(|number| one_number(number, test))
        }),
        Test::IsNumber { .. } | Test::Compare(..) => {
            values.any(|value| digits(value).is_some_and(|number| one_number(number, test)))
        }
        Test::Flag(_) => false,
    }
    .into()
}

fn all_of_some<T>(values: impl Iterator<Item = T>, test: impl Fn(T) -> bool) -> bool {
    let mut some = false;
    for value in values {
        some = true;
        if !test(value) {
            return false;
        }
    }
    some
}

/// A header that is a number.
fn digits(value: &[u8]) -> Option<f64> {
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

fn one_number(number: f64, test: &Test) -> bool {
    match test {
        Test::Present => true,
        // Numbers are integers or come from one; equal means equal.
        Test::IsNumber { values, negate } => values.contains(&number) != *negate,
        Test::Compare(Order::Less, value) => number < *value,
        Test::Compare(Order::AtMost, value) => number <= *value,
        Test::Compare(Order::More, value) => number > *value,
        Test::Compare(Order::AtLeast, value) => number >= *value,
        Test::IsText { .. } | Test::Matches { .. } | Test::Flag(_) => false,
    }
}

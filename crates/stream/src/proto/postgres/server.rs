//! What the server answers.

use std::sync::Arc;

use super::op::Op;
use super::{Postgres, parse};
use crate::message::{Command, Flaw, Outcome};
use crate::proto::Parsed;
use crate::proto::sql::Tell;
use crate::proto::sql::asked::{Asked, Failure};
use crate::proto::sql::fields::Fields;
use crate::proto::sql::side::{Header, Unit};

/// The one byte that answers whether the server encrypts; old servers send an error instead.
pub(super) fn negotiated(bytes: &[u8]) -> Parsed<Header> {
    match bytes.first() {
        None => Parsed::More,
        Some(&kind @ (b'S' | b'N' | b'G')) => Parsed::Whole(Header { kind, len: 0, keep: 0 }, 1),
        Some(_) => parse::header(bytes, parse::SERVER, parse::keep_server),
    }
}

impl Postgres {
    /// Takes a unit; whether an encrypted connection follows.
    pub(super) fn server_sent(&mut self, unit: &Unit, tell: Tell<'_>) -> bool {
        if std::mem::take(&mut self.negotiating) && unit.wire == 1 {
            return unit.kind != b'N';
        }
        if unit.kind == b'K' {
            self.session.server_id = Fields(&unit.bytes).be32().map(u64::from);
        }
        if self.astray {
            if unit.kind == b'Z' && !self.pipelines {
                self.stray(Flaw::Gap, tell);
                self.astray = false;
            }
            return false;
        }
        match unit.kind {
            b'1' => self.expect(|op| matches!(op, Op::Parse(_)), tell),
            b'2' => self.expect(|op| matches!(op, Op::Bind(_)), tell),
            b'3' => self.expect(|op| matches!(op, Op::Close), tell),
            b't' => self.described(unit),
            b'T' | b'n' if matches!(self.ops.front(), Some(Op::Describe(_))) => drop(self.pop()),
            b'C' | b'I' | b's' => self.complete(unit, tell),
            b'E' => self.error(unit, tell),
            b'Z' => self.ready(unit, tell),
            b'R' => {
                if let Some(asked) = self.front() {
                    asked.answered(unit);
                }
            }
            b'S' | b'N' | b'A' | b'v' | b'K' => {}
            _ => self.content(unit),
        }
        false
    }

    /// The first of what waits, if that is something that has results.
    fn front(&mut self) -> Option<&mut Asked> {
        self.ops.front_mut().and_then(Op::asked_mut)
    }

    /// A part of a request is answered.
    fn expect(&mut self, is_it: impl Fn(&Op) -> bool, tell: Tell<'_>) {
        match self.ops.front() {
            Some(op) if is_it(op) => drop(self.pop()),
            Some(_) => self.stray(Flaw::Broken, tell),
            None => {}
        }
    }

    fn described(&mut self, unit: &Unit) {
        let Some(Op::Describe(Some(name))) = self.ops.front() else { return };
        let prepared = match name.as_slice() {
            b"" => self.unnamed.as_mut(),
            _ => self.statements.find_mut(name),
        };
        if let Some(prepared) = prepared
            && prepared.types.len() <= unit.bytes.len()
        {
            prepared.types = parse::types(&unit.bytes);
        }
    }

    /// Rows, data of COPY and what comes before them.
    fn content(&mut self, unit: &Unit) {
        let Some(asked) = self.front() else { return };
        asked.answered(unit);
        match unit.kind {
            b'D' => asked.add_streamed(),
            b'd' => asked.add_copied(unit.len),
            b'G' | b'W' => self.copying = true,
            _ => {}
        }
    }

    /// CommandComplete, EmptyQueryResponse, PortalSuspended.
    fn complete(&mut self, unit: &Unit, tell: Tell<'_>) {
        self.copying = false;
        let Some(asked) = self.front() else { return };
        asked.answered(unit);
        asked.results += 1;
        let streamed = asked.take_streamed();
        let tag = unit.bytes.strip_suffix(b"\0").unwrap_or(&unit.bytes);
        if let Some(rows) = parse::rows(tag).or(streamed) {
            asked.add_rows(rows);
        }
        asked.tag = tag.to_vec();
        asked.outcome = Outcome::Done;
        if matches!(self.ops.front(), Some(Op::Execute(_)))
            && let Some(Op::Execute(asked)) = self.pop()
        {
            self.tell(&asked, tell);
        }
    }

    fn error(&mut self, unit: &Unit, tell: Tell<'_>) {
        self.copying = false;
        let (state, words) = parse::error(&unit.bytes);
        let failure = Failure { sqlstate: state.to_vec(), number: None, message: words.to_vec() };
        match self.ops.front_mut() {
            // Of one that does not get in, nothing else is told.
            Some(Op::Query(asked)) if asked.command == Command::Login => {
                asked.answered(unit);
                asked.fail(failure);
                if let Some(Op::Query(asked)) = self.pop() {
                    self.tell(&asked, tell);
                }
            }
            Some(Op::Query(asked)) => {
                asked.answered(unit);
                asked.fail(failure);
            }
            Some(Op::Sync) | None => {}
            Some(_) => self.fail_batch(unit, failure, tell),
        }
    }

    /// The server passes over the rest of the batch, up to the Sync. The error is that of the
    /// execution that it kept from happening; without one, that of the part itself.
    fn fail_batch(&mut self, unit: &Unit, failure: Failure, tell: Tell<'_>) {
        let end = self.ops.iter().position(Op::ends);
        self.failed = end.is_none();
        let batch = end.unwrap_or(self.ops.len());
        let Some(first) = self.pop() else { return };
        let statement = first.statement().cloned();
        if self.failed {
            self.bound = None;
        }
        let mut failure = Some(failure);
        let is_of = |asked: &Asked| {
            statement.as_ref().is_none_or(|failed| Arc::ptr_eq(&asked.statement, failed))
        };
        let runs = |op: &Op| matches!(op, Op::Execute(asked) if is_of(asked));
        if !runs(&first) && !self.ops.iter().take(batch.saturating_sub(1)).any(runs) {
            if let Op::Parse(mut asked) | Op::Bind(mut asked) = first {
                self.exchanges += 1;
                asked.exchange = self.exchanges;
                asked.answered(unit);
                asked.fail(failure.take().unwrap_or_default());
                self.tell(&asked, tell);
            }
        } else if let Op::Execute(mut asked) = first {
            asked.answered(unit);
            asked.fail(failure.take().unwrap_or_default());
            self.tell(&asked, tell);
        }
        for _ in 1..batch {
            let Some(Op::Execute(mut asked)) = self.pop() else { continue };
            match failure.take_if(|_| is_of(&asked)) {
                Some(failure) => {
                    asked.answered(unit);
                    asked.fail(failure);
                }
                None => asked.outcome = Outcome::Skipped,
            }
            self.tell(&asked, tell);
        }
    }

    /// ReadyForQuery.
    fn ready(&mut self, unit: &Unit, tell: Tell<'_>) {
        self.copying = false;
        if !self.ops.iter().any(Op::ends) {
            return;
        }
        while let Some(op) = self.pop() {
            match op {
                Op::Query(mut asked) => {
                    if asked.outcome == Outcome::Unknown {
                        asked.answered(unit);
                        asked.outcome = Outcome::Done;
                    }
                    self.tell(&asked, tell);
                    return;
                }
                Op::Sync => return,
                // One without an answer.
                Op::Execute(mut asked) => {
                    asked.flaws.add(Flaw::Broken);
                    self.tell(&asked, tell);
                }
                _ => {}
            }
        }
    }
}

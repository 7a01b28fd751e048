//! What the server answers.

use std::sync::Arc;

use super::parse::{self, caps, com};
use super::{LOGIN, MySql, Prepared, Stage};
use crate::message::{Command, Flaw, Outcome};
use crate::proto::sql::Tell;
use crate::proto::sql::asked::Failure;
use crate::proto::sql::fields::Fields;
use crate::proto::sql::lex::{Dialect, Kind, tokens};
use crate::proto::sql::side::Unit;

/// How much of an answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing of it, or of its next result.
    Start,
    /// So many descriptions of columns are left, before the rows.
    Columns(u64),
    /// What stands between columns and rows, if the protocol has it.
    Between,
    Rows,
    /// So many descriptions of parameters and columns are left, after which nothing follows.
    Described {
        params: u16,
        columns: u16,
    },
    /// The client sends a file.
    Infile,
}

/// First bytes of packets.
const OK: u8 = 0;
const INFILE: u8 = 0xfb;
const EOF: u8 = 0xfe;
const ERR: u8 = 0xff;

impl MySql {
    /// Takes a packet, put together from its parts.
    pub(super) fn server_sent(&mut self, unit: &Unit, tell: Tell<'_>) {
        if self.stage == Stage::Greeting {
            self.session.server_id = parse::greeting(&unit.bytes).map(u64::from);
            self.stage = Stage::Login;
            return;
        }
        let Some(front) = self.commands.front_mut() else { return };
        let begins = front.asked.is_unanswered() && front.command != LOGIN;
        if begins && unit.kind != front.expects {
            return;
        }
        let Some(&first) = unit.bytes.first() else {
            return self.unreadable(unit, tell);
        };
        front.asked.answered(unit);
        if first == ERR && self.error(unit, tell) {
            return;
        }
        let Some(front) = self.commands.front() else { return };
        match (self.answer, front.command) {
            (_, LOGIN) if first == OK => self.logged_in(unit, tell),
            (_, LOGIN) => {}
            (Answer::Start, com::STMT_PREPARE) => self.prepared(unit, tell),
            (Answer::Start, com::STATISTICS) => self.finish(Outcome::Done, tell),
            (Answer::Start, com::FIELD_LIST | com::STMT_FETCH) => self.row(unit, first, tell),
            // What a replica is sent has no end.
            (Answer::Start, com::BINLOG_DUMP | com::BINLOG_DUMP_GTID) => {}
            (Answer::Start, _) => self.start(unit, first, tell),
            (Answer::Columns(left), _) => self.column(left),
            (Answer::Between, _) => self.between(unit, first, tell),
            (Answer::Rows, _) => self.row(unit, first, tell),
            (Answer::Described { params, columns }, _) => {
                self.described(unit, first, params, columns, tell);
            }
            (Answer::Infile, _) => {}
        }
    }

    /// The first byte of a packet is missing, or it is empty.
    fn unreadable(&mut self, unit: &Unit, tell: Tell<'_>) {
        let row = matches!(self.answer, Answer::Rows) && unit.len > 64;
        let column = matches!(self.answer, Answer::Columns(_));
        let Some(front) = self.commands.front_mut() else { return };
        front.asked.answered(unit);
        if row {
            // No packet that ends a result is so long.
            front.asked.add_streamed();
        } else if let (true, Answer::Columns(left)) = (column, self.answer) {
            self.column(left);
        } else {
            let flaw = if unit.flaws.is_empty() { Flaw::Broken } else { Flaw::Gap };
            self.stray(flaw, tell);
        }
    }

    /// Whether it is an error and not a report of progress.
    fn error(&mut self, unit: &Unit, tell: Tell<'_>) -> bool {
        let Some(failed) = parse::failed(&unit.bytes[1..]) else { return false };
        if failed.number == 0xffff {
            return true;
        }
        let failure = Failure {
            sqlstate: failed.sqlstate.to_vec(),
            number: Some(failed.number),
            message: failed.message.to_vec(),
        };
        if let Some(front) = self.commands.front_mut() {
            front.asked.fail(failure);
        }
        self.finish(Outcome::Error, tell);
        true
    }

    fn logged_in(&mut self, unit: &Unit, tell: Tell<'_>) {
        self.session_changed(&unit.bytes);
        self.finish(Outcome::Done, tell);
        if self.caps.unwrap_or(0) & (caps::COMPRESS | caps::ZSTD) != 0 {
            self.say_compressed(unit, tell);
        }
    }

    fn session_changed(&mut self, bytes: &[u8]) {
        if let Some(db) = parse::ok(&bytes[1..], self.caps.unwrap_or(0)).and_then(|ok| ok.db) {
            self.session.db = Some(db.to_vec());
        }
    }

    /// The first packet of a result.
    fn start(&mut self, unit: &Unit, first: u8, tell: Tell<'_>) {
        match first {
            OK => self.done(unit, tell),
            EOF if unit.len < 9 => self.result_ends(Fields(&unit.bytes).after(3).le16(), tell),
            INFILE => self.answer = Answer::Infile,
            _ => {
                let mut fields = Fields(&unit.bytes);
                match fields.lenenc() {
                    Some(columns @ 1..=0xffff) => {
                        let cached = self.extended & caps::CACHE_METADATA != 0;
                        self.answer = match cached && fields.byte() == Some(0) {
                            true => Answer::Between,
                            false => Answer::Columns(columns),
                        };
                    }
                    _ => self.stray(Flaw::Broken, tell),
                }
            }
        }
    }

    fn column(&mut self, left: u64) {
        self.answer = if left > 1 { Answer::Columns(left - 1) } else { Answer::Between };
    }

    /// After the columns: an EOF packet, or rows at once.
    fn between(&mut self, unit: &Unit, first: u8, tell: Tell<'_>) {
        self.answer = Answer::Rows;
        if first == EOF && unit.len == 5 && self.ends_with_ok != Some(true) {
            self.ends_with_ok = Some(false);
            let status = Fields(&unit.bytes).after(3).le16().unwrap_or(0);
            if status & parse::CURSOR != 0 {
                // Its rows are fetched by commands of their own.
                self.result_ends(Some(status), tell);
            }
            return;
        }
        self.row(unit, first, tell);
    }

    /// A row, or the end of all rows.
    fn row(&mut self, unit: &Unit, first: u8, tell: Tell<'_>) {
        if first != EOF || unit.len >= parse::SPLIT {
            if let Some(front) = self.commands.front_mut() {
                front.asked.add_streamed();
            }
            return;
        }
        let short = unit.len < 9 && self.ends_with_ok != Some(true);
        let status = if short {
            Fields(&unit.bytes).after(3).le16()
        } else {
            self.session_changed(&unit.bytes);
            parse::ok(&unit.bytes[1..], 0).map(|ok| ok.status)
        };
        if let Some(front) = self.commands.front_mut() {
            let rows = front.asked.take_streamed().unwrap_or(0);
            front.asked.add_rows(rows);
        }
        self.result_ends(status, tell);
    }

    /// An OK packet in place of a result.
    fn done(&mut self, unit: &Unit, tell: Tell<'_>) {
        let ok = parse::ok(&unit.bytes[1..], self.caps.unwrap_or(0));
        self.session_changed(&unit.bytes);
        if let (Some(front), Some(ok)) = (self.commands.front_mut(), &ok) {
            front.asked.add_rows(ok.affected);
        }
        let status = ok.map(|ok| ok.status);
        self.result_ends(status, tell);
    }

    /// A result is whole; another one may follow.
    fn result_ends(&mut self, status: Option<u16>, tell: Tell<'_>) {
        self.answer = Answer::Start;
        if let Some(front) = self.commands.front_mut() {
            front.asked.results += 1;
        }
        if status.unwrap_or(0) & parse::MORE_RESULTS == 0 {
            self.used();
            self.finish(Outcome::Done, tell);
        }
    }

    /// What a command for another database has changed.
    fn used(&mut self) {
        let Some(front) = self.commands.front() else { return };
        let statement = &front.asked.statement;
        match front.asked.command {
            Command::Use => self.session.db = Some(statement.bytes.clone()),
            // Servers say so themselves only to clients that ask for it.
            Command::Query if self.caps.unwrap_or(0) & caps::SESSION_TRACK == 0 => {
                if let Some(db) = used(&statement.bytes) {
                    self.session.db = Some(db.to_vec());
                }
            }
            _ => {}
        }
    }

    fn prepared(&mut self, unit: &Unit, tell: Tell<'_>) {
        let (Some(front), Some((id, columns, params))) =
            (self.commands.front(), parse::prepared(&unit.bytes))
        else {
            return self.stray(Flaw::Broken, tell);
        };
        let statement = Arc::clone(&front.asked.statement);
        // Types and values that come ahead are bounded for each.
        let bytes = statement.held() + 4 * usize::from(params) + size_of::<Prepared>();
        let prepared = Prepared { statement, params, types: Vec::new(), long: Vec::new() };
        self.statements.insert(id, prepared, bytes);
        self.answer = Answer::Described { params, columns };
        self.described_all(tell);
    }

    /// A description, or the EOF packet behind some.
    fn described(&mut self, unit: &Unit, first: u8, params: u16, columns: u16, tell: Tell<'_>) {
        if first == EOF && unit.len == 5 {
            self.ends_with_ok = Some(false);
        } else if params > 0 {
            self.answer = Answer::Described { params: params - 1, columns };
        } else {
            self.answer = Answer::Described { params, columns: columns.saturating_sub(1) };
        }
        self.described_all(tell);
    }

    /// An EOF packet that follows the last description is passed over like all that is not asked for.
    fn described_all(&mut self, tell: Tell<'_>) {
        if self.answer == (Answer::Described { params: 0, columns: 0 }) {
            self.finish(Outcome::Done, tell);
        }
    }
}

/// The database of a `USE`.
fn used(text: &[u8]) -> Option<&[u8]> {
    let mut tokens = tokens(text, Dialect::MySql);
    let first = tokens.find(|token| token.kind != Kind::Comment)?;
    if !text[first.range].eq_ignore_ascii_case(b"use") {
        return None;
    }
    let name = tokens.next()?;
    let bytes = &text[name.range];
    match name.kind {
        Kind::Word => Some(bytes),
        Kind::Name => bytes.strip_prefix(b"`")?.strip_suffix(b"`"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_database() {
        assert_eq!(used(b"/* x */ USE shop;"), Some(&b"shop"[..]));
        assert_eq!(used(b"use `my shop`"), Some(&b"my shop"[..]));
        assert_eq!(used(b"SELECT use"), None);
    }
}

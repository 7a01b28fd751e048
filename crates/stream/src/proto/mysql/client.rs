//! What the client sends.

use std::sync::Arc;

use super::answer::Answer;
use super::parse::{self, Login, caps, com};
use super::value::{self, Long, Shape};
use super::{Asking, LOGIN, MySql, Stage};
use crate::limits;
use crate::message::{Command, Flaw, Flaws, Head};
use crate::proto::sql::Tell;
use crate::proto::sql::asked::{Asked, Statement};
use crate::proto::sql::fields::Fields;
use crate::proto::sql::side::Unit;

impl MySql {
    /// Takes a packet, put together from its parts; whether TLS follows it.
    pub(super) fn client_sent(&mut self, unit: &Unit, tell: Tell<'_>) -> bool {
        match self.stage {
            Stage::Greeting => self.stage = Stage::Commands,
            Stage::Login => return self.login(unit, tell),
            Stage::Commands => {}
        }
        if unit.kind == 0 {
            self.command(unit, tell);
        } else if self.answer == Answer::Infile
            && let Some(front) = self.commands.front_mut()
        {
            if unit.len > 0 {
                front.asked.add_copied(unit.len);
            } else {
                self.answer = Answer::Start;
            }
        }
        false
    }

    fn login(&mut self, unit: &Unit, tell: Tell<'_>) -> bool {
        self.stage = Stage::Commands;
        let whole = unit.flaws.is_empty().then_some(&unit.bytes);
        match whole.and_then(|bytes| parse::login(bytes)) {
            Some(Login::Tls) => return true,
            Some(Login::User { caps, extended, user, db }) => {
                self.caps = Some(caps);
                self.extended = extended;
                self.ends_with_ok = Some(caps & caps::DEPRECATE_EOF != 0);
                self.session.user = Some(user.to_vec());
                self.session.db = db.map(<[u8]>::to_vec);
            }
            None => {}
        }
        self.ask(unit, LOGIN, Asked::in_unit(unit, Command::Login), true, tell);
        false
    }

    fn command(&mut self, unit: &Unit, tell: Tell<'_>) {
        let Some((&command, rest)) = unit.bytes.split_first() else { return };
        let len = unit.len - 1;
        match command {
            com::QUERY => {
                let skipped = self.attributes(rest);
                let statement = self.statement(&rest[skipped..], len - skipped as u64, usize::MAX);
                let asked = Asked::of(unit, Command::Query, statement);
                self.ask(unit, command, asked, true, tell);
            }
            com::STMT_PREPARE => {
                let statement = self.statement(rest, len, limits::STATEMENT);
                self.last = Some(Arc::clone(&statement));
                let asked = Asked::of(unit, Command::Prepare, statement);
                self.ask(unit, command, asked, false, tell);
            }
            com::STMT_EXECUTE | com::STMT_BULK_EXECUTE | com::STMT_FETCH => {
                let asked = self.execute(unit, command, rest);
                self.ask(unit, command, asked, true, tell);
            }
            com::STMT_SEND_LONG_DATA => self.long_data(rest, len),
            com::STMT_CLOSE => {
                if let Some(id) = Fields(rest).le32() {
                    self.statements.remove(&id);
                }
            }
            com::QUIT => {}
            com::INIT_DB => {
                let statement = self.statement(rest, len, limits::SQL_NAME);
                let asked = Asked::of(unit, Command::Use, statement);
                self.ask(unit, command, asked, true, tell);
            }
            com::CHANGE_USER => {
                if let Some((user, db)) = parse::change_user(rest) {
                    self.session.user = Some(user.to_vec());
                    self.session.db = db.map(<[u8]>::to_vec);
                }
                self.statements.clear();
                self.ask(unit, LOGIN, Asked::in_unit(unit, Command::Login), true, tell);
            }
            _ => {
                if command == com::RESET_CONNECTION {
                    self.statements.clear();
                }
                self.ask(unit, command, Asked::in_unit(unit, Command::Other), false, tell);
            }
        }
    }

    /// Waits for the answer.
    fn ask(&mut self, unit: &Unit, command: u8, asked: Asked, told: bool, tell: Tell<'_>) {
        let asking =
            Asking { asked: Box::new(asked), command, expects: unit.last.wrapping_add(1), told };
        self.push(asking, tell);
    }

    /// A text, of which so much is kept at most.
    fn statement(&self, text: &[u8], len: u64, most: usize) -> Arc<Statement> {
        let kept = text.len().min(self.options.max_body);
        let short = kept > most;
        let flaws = if short { Flaws::NONE.with(Flaw::Limit) } else { Flaws::NONE };
        let bytes = text[..kept.min(most)].to_vec();
        Arc::new(Statement { bytes, len, flaws })
    }

    /// Bytes of a query's attributes, which come before its text.
    fn attributes(&self, bytes: &[u8]) -> usize {
        match self.caps {
            // Without a login that was seen: a text does not begin like this.
            None => return if bytes.starts_with(b"\0\x01") { 2 } else { 0 },
            Some(caps) if caps & caps::QUERY_ATTRIBUTES == 0 => return 0,
            Some(_) => {}
        }
        let mut fields = Fields(bytes);
        let (Some(count), Some(_)) = (fields.lenenc(), fields.lenenc()) else { return 0 };
        if count > 0 {
            let Ok(count) = u16::try_from(count) else { return 0 };
            let shape = Shape { count, names: true, long: &[] };
            if !value::read(&mut fields, shape, &mut Vec::new(), &mut Head::new()) {
                return 0;
            }
        }
        bytes.len() - fields.0.len()
    }

    fn execute(&mut self, unit: &Unit, command: u8, bytes: &[u8]) -> Asked {
        let what = if command == com::STMT_FETCH { Command::Fetch } else { Command::Execute };
        let mut asked = Asked::in_unit(unit, what);
        let mut fields = Fields(bytes);
        let id = fields.le32().unwrap_or(0);
        let Some(prepared) = self.statements.find_mut(&id) else {
            // MariaDB's clients may run what they prepared last without waiting for its number.
            match self.last.as_ref().filter(|_| id == u32::MAX) {
                Some(last) => asked.statement = Arc::clone(last),
                None => asked.statement = Statement::unseen(),
            }
            asked.flaws.add(Flaw::Late);
            return asked;
        };
        asked.statement = Arc::clone(&prepared.statement);
        if command != com::STMT_EXECUTE {
            return asked;
        }
        let flags = fields.byte().unwrap_or(0);
        fields.le32();
        let named = self.caps.unwrap_or(0) & caps::QUERY_ATTRIBUTES != 0;
        let mut count = prepared.params;
        if named && (count > 0 || flags & 8 != 0) {
            count = fields.lenenc().and_then(|count| count.try_into().ok()).unwrap_or(0);
        }
        if count > 0 {
            let shape = Shape { count, names: named, long: &prepared.long };
            let (types, params) = (&mut prepared.types, &mut asked.params);
            if !value::read(&mut fields, shape, types, params) {
                asked.flaws.add(Flaw::Limit);
            }
        }
        prepared.long.clear();
        asked
    }

    /// Data of a parameter, ahead of the execution.
    fn long_data(&mut self, bytes: &[u8], len: u64) {
        let mut fields = Fields(bytes);
        let (Some(id), Some(param)) = (fields.le32(), fields.le16()) else { return };
        let Some(prepared) = self.statements.find_mut(&id) else { return };
        let known = prepared.long.iter().position(|long| long.param == param);
        let place = known.unwrap_or_else(|| {
            prepared.long.push(Long { param, ..Long::default() });
            prepared.long.len() - 1
        });
        // Few have more than one: a client that means harm finds the last place taken.
        let place = place.min(LONG_PARAMS - 1);
        prepared.long.truncate(LONG_PARAMS);
        let long = &mut prepared.long[place];
        let room = LONG.saturating_sub(long.bytes.len()).min(fields.0.len());
        long.bytes.extend_from_slice(&fields.0[..room]);
        long.len = long.len.saturating_add(len.saturating_sub(6));
    }
}

/// Parameters of a statement whose data may come ahead.
const LONG_PARAMS: usize = 4;
/// Bytes that are kept of each.
const LONG: usize = 4 << 10;

//! What the client sends.

use std::sync::Arc;

use super::op::Op;
use super::{Portal, Postgres, Prepared, parse, value};
use crate::limits;
use crate::message::{Command, Flaw, Flaws, Head, Outcome, Wire};
use crate::proto::sql::Tell;
use crate::proto::sql::asked::{Asked, Statement};
use crate::proto::sql::fields::Fields;
use crate::proto::sql::side::Unit;

impl Postgres {
    /// Takes a unit, which may lack its end if it has flaws.
    pub(super) fn client_sent(&mut self, unit: &Unit, tell: Tell<'_>) {
        if self.starting {
            return self.startup(unit, tell);
        }
        if !matches!(unit.kind, b'd' | b'c' | b'f' | b'p' | b'X') {
            // Who sends more before an answer came can't be followed across missing bytes.
            self.pipelines |= self.ops.iter().any(Op::ends);
        }
        match unit.kind {
            b'Q' => self.query(unit, tell),
            b'F' => {
                self.bound = None;
                self.ask(Op::Query(Box::new(Asked::in_unit(unit, Command::Function))), tell);
            }
            b'P' => self.parse(unit, tell),
            b'B' => self.bind(unit, tell),
            b'D' => {
                let name = match *unit.bytes {
                    [b'S', ref name @ .., 0] => Some(name.to_vec()),
                    _ => None,
                };
                self.ask(Op::Describe(name), tell);
            }
            b'E' => self.execute(unit, tell),
            b'C' => self.close(unit, tell),
            b'S' => {
                self.failed = false;
                (self.since, self.bound) = (None, None);
                self.push(Op::Sync, tell);
            }
            b'd' if self.copying => {
                if let Some(asked) = self.ops.front_mut().and_then(Op::asked_mut) {
                    asked.add_copied(unit.len);
                }
            }
            b'c' | b'f' if self.copying => {
                self.copying = false;
                // While it copies, the server passes over what ends a batch.
                self.ops.retain(|op| !matches!(op, Op::Sync));
            }
            _ => {}
        }
    }

    /// A first unit (section "Message Formats": StartupMessage, SSLRequest, CancelRequest).
    fn startup(&mut self, unit: &Unit, tell: Tell<'_>) {
        let mut fields = Fields(&unit.bytes);
        match fields.be32() {
            Some(parse::SSL | parse::GSS) => self.negotiating = true,
            Some(parse::CANCEL) => {
                self.session.server_id = fields.be32().map(u64::from);
                self.exchanges += 1;
                let mut asked = Asked::in_unit(unit, Command::Cancel);
                asked.exchange = self.exchanges;
                self.tell(&asked, tell);
            }
            Some(version) if version >> 16 == 3 => {
                self.starting = false;
                // A name without its end would be another one.
                let whole = if unit.flaws.is_empty() { fields.0 } else { &[] };
                let (user, db) = parse::startup(whole);
                self.session.user = user.map(<[u8]>::to_vec);
                self.session.db = db.map(<[u8]>::to_vec);
                self.push(Op::Query(Box::new(Asked::in_unit(unit, Command::Login))), tell);
            }
            _ => self.starting = false,
        }
    }

    fn query(&mut self, unit: &Unit, tell: Tell<'_>) {
        let text = unit.bytes.strip_suffix(b"\0").unwrap_or(&unit.bytes);
        let len = unit.len.saturating_sub(1);
        let statement = Statement { bytes: text.to_vec(), len, flaws: Flaws::NONE };
        let asked = Asked::of(unit, Command::Query, Arc::new(statement));
        (self.since, self.bound) = (None, None);
        self.ask(Op::Query(Box::new(asked)), tell);
    }

    fn parse(&mut self, unit: &Unit, tell: Tell<'_>) {
        self.since.get_or_insert(unit.begun);
        let Some(parsed) = parse::parse(&unit.bytes) else { return };
        // Of a long statement not all is kept, but where it ends is known.
        let len = match unit.nuls {
            [Some(name), Some(end)] => end.saturating_sub(name + 1),
            _ => parsed.text.len() as u64,
        };
        let named = !parsed.name.is_empty();
        let shown = parsed.text.len().min(self.options.max_body);
        let kept = if named { shown.min(limits::STATEMENT) } else { shown };
        let text = &parsed.text[..kept];
        let mut flaws = unit.flaws;
        if kept < shown {
            flaws.add(Flaw::Limit);
        }
        let statement = Arc::new(Statement { bytes: text.to_vec(), len, flaws });
        let prepared = Prepared { statement: Arc::clone(&statement), types: parsed.types };
        if named {
            let bytes = statement.held() + parsed.name.len() + 4 * prepared.types.len();
            self.statements.insert(parsed.name.to_vec(), prepared, bytes);
        } else {
            self.unnamed = Some(prepared);
        }
        let asked = Asked::of(unit, Command::Prepare, statement);
        self.bound = None;
        self.ask(Op::Parse(Box::new(asked)), tell);
    }

    fn bind(&mut self, unit: &Unit, tell: Tell<'_>) {
        self.since.get_or_insert(unit.begun);
        self.bound = Some(Wire { pos: unit.pos, len: unit.wire });
        let mut room = std::mem::take(&mut self.room);
        let bound = parse::bind(&unit.bytes);
        let prepared = bound.as_ref().and_then(|bind| match bind.statement {
            b"" => self.unnamed.as_ref(),
            name => self.statements.find(&name.to_vec()),
        });
        let statement =
            prepared.map_or_else(Statement::unseen, |prepared| Arc::clone(&prepared.statement));
        let types = prepared.map_or(&[][..], |prepared| &prepared.types);
        let (mut params, mut flaws) = (Head::new(), unit.flaws);
        if let Some(bind) = &bound {
            for (index, one) in bind.values().enumerate() {
                let oid = types.get(index).copied().unwrap_or(0);
                // In hex they take twice the room.
                if params.len() > limits::PARAMS || !value::push(&mut params, oid, one, &mut room) {
                    flaws.add(Flaw::Limit);
                    break;
                }
            }
        }
        if room.capacity() <= limits::ROOM {
            self.room = room;
        }
        let asked = Asked::of(unit, Command::Prepare, Arc::clone(&statement));
        let portal = Portal { statement, params, flaws };
        match bound.map_or(&b""[..], |bind| bind.portal) {
            b"" => self.portal = Some(portal),
            name => {
                let bytes = portal.params.held() + portal.statement.held() + name.len();
                self.portals.insert(name.to_vec(), portal, bytes);
            }
        }
        self.ask(Op::Bind(Box::new(asked)), tell);
    }

    fn execute(&mut self, unit: &Unit, tell: Tell<'_>) {
        let name = Fields(&unit.bytes).text().unwrap_or_default();
        let portal = match name {
            b"" => self.portal.clone(),
            name => self.portals.find(&name.to_vec()).cloned(),
        };
        let begun = self.since.take().unwrap_or(unit.begun);
        let mut asked = Asked::in_unit(unit, Command::Execute);
        asked.begun = begun.min(unit.begun);
        if let Some(bound) = self.bound.take() {
            let end = unit.pos.saturating_add(unit.wire);
            asked.wire = Wire { pos: bound.pos, len: end.saturating_sub(bound.pos) };
        }
        match portal {
            Some(portal) => {
                asked.statement = portal.statement;
                asked.params = portal.params;
                portal.flaws.iter().for_each(|flaw| asked.flaws.add(flaw));
            }
            None => asked.statement = Statement::unseen(),
        }
        self.ask(Op::Execute(Box::new(asked)), tell);
    }

    fn close(&mut self, unit: &Unit, tell: Tell<'_>) {
        if let [kind, ref name @ .., 0] = *unit.bytes {
            match (kind, name.is_empty()) {
                (b'S', false) => drop(self.statements.remove(&name.to_vec())),
                (b'P', false) => drop(self.portals.remove(&name.to_vec())),
                (b'S', true) => self.unnamed = None,
                _ => self.portal = None,
            }
        }
        self.bound = None;
        self.ask(Op::Close, tell);
    }

    /// Waits for the answer, if there will be one.
    fn ask(&mut self, mut op: Op, tell: Tell<'_>) {
        if !self.failed {
            return self.push(op, tell);
        }
        if let Some(asked) = op.asked_mut() {
            self.exchanges += 1;
            asked.exchange = self.exchanges;
            asked.outcome = Outcome::Skipped;
            self.tell(asked, tell);
        }
    }
}

//! Lets wanted messages pass, and holds those whose answer depends on what is yet to come.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::Filter;
use super::eval::{Answer, Truth};
use crate::message::{Kept, Message, Messages, Part, What};
use crate::{Close, Conn, Gap, Output, Piece};

/// How much is held back. Past it, what is held for longest is shown: a filter that can't answer
/// hides nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldLimits {
    /// Exchanges that are followed at once.
    pub exchanges: usize,
    /// Bytes of held messages.
    pub bytes: usize,
}

impl Default for HoldLimits {
    fn default() -> Self {
        Self { exchanges: 16_384, bytes: 32 << 20 }
    }
}

/// A filter and the messages that it holds back.
#[derive(Debug)]
pub struct Sieve {
    filter: Filter,
    limits: HoldLimits,
    exchanges: BTreeMap<Key, Exchange>,
    /// Their keys by age, oldest first.
    ages: BTreeMap<u64, Key>,
    next_age: u64,
    bytes: usize,
    given_up: u64,
    /// Connections of which nothing was shown yet, and when they opened.
    unopened: BTreeMap<u64, u64>,
}

/// A sieve in front of the next stage. Only messages pass; a connection is opened before its first
/// one, and closed if it was opened. Pieces and gaps are dropped.
pub struct Filtered<'a, M> {
    sieve: &'a mut Sieve,
    to: &'a mut M,
}

/// Connection and exchange.
type Key = (u64, u64);

#[derive(Debug)]
struct Exchange {
    age: u64,
    /// All of it is wanted.
    wanted: bool,
    /// What is known of the response.
    answer: Answer,
    /// For the case that what is held must be shown while another connection is served.
    conn: Conn,
    held: Vec<Kept>,
}

impl Sieve {
    /// An empty sieve.
    pub fn new(filter: Filter, limits: HoldLimits) -> Self {
        Self {
            filter,
            limits,
            exchanges: BTreeMap::new(),
            ages: BTreeMap::new(),
            next_age: 0,
            bytes: 0,
            given_up: 0,
            unopened: BTreeMap::new(),
        }
    }

    /// Puts it in front of the next stage.
    pub fn onto<'a, M: Messages>(&'a mut self, to: &'a mut M) -> Filtered<'a, M> {
        Filtered { sieve: self, to }
    }

    /// Messages that were shown without an answer, because too much was held.
    pub fn given_up(&self) -> u64 {
        self.given_up
    }

    /// The exchange's state, which is new if it was not there.
    fn entry(&mut self, key: Key, conn: &Conn) -> &mut Exchange {
        let Self { exchanges, ages, next_age, .. } = self;
        exchanges.entry(key).or_insert_with(|| {
            *next_age += 1;
            ages.insert(*next_age, key);
            let (age, conn) = (*next_age, conn.clone());
            Exchange { age, wanted: false, answer: Answer::LATER, conn, held: Vec::new() }
        })
    }

    fn hold(&mut self, key: Key, conn: &Conn, message: &Message<'_>) {
        let kept = Kept::from(message);
        self.bytes += cost(&kept);
        self.entry(key, conn).held.push(kept);
    }

    fn remove(&mut self, key: Key) -> Option<Exchange> {
        let exchange = self.exchanges.remove(&key)?;
        self.ages.remove(&exchange.age);
        self.bytes -= exchange.held.iter().map(cost).sum::<usize>();
        Some(exchange)
    }

    fn is_over(&self) -> bool {
        self.exchanges.len() > self.limits.exchanges || self.bytes > self.limits.bytes
    }
}

fn cost(kept: &Kept) -> usize {
    size_of::<Kept>() + kept.len()
}

impl<M: Messages> Filtered<'_, M> {
    fn tell(&mut self, conn: &Conn, message: &Message<'_>) {
        if let Some(time) = self.sieve.unopened.remove(&conn.id) {
            self.to.open(conn, time);
        }
        self.to.message(conn, message);
    }

    fn tell_all(&mut self, conn: &Conn, held: &[Kept]) {
        for kept in held {
            self.tell(conn, &kept.message());
        }
    }

    /// A message after which the answer may still be open.
    fn consider(&mut self, key: Key, conn: &Conn, message: &Message<'_>) {
        let known = self.sieve.exchanges.get(&key).map(|exchange| exchange.answer);
        let begins = matches!(&message.what, What::Response(r) if r.part == Part::Head);
        let answer = if begins { Answer::of(message) } else { known.unwrap_or(Answer::LATER) };
        if begins && (known.is_some() || self.sieve.filter.times) {
            self.sieve.entry(key, conn).answer = answer;
        }
        let truth = self.sieve.filter.ask(conn, message, answer);
        let whole = matches!(message.what, What::Request(_) | What::Response(_));
        if !self.sieve.filter.pairs || !whole {
            return match truth {
                Truth::Yes => self.tell(conn, message),
                Truth::Later => self.sieve.hold(key, conn, message),
                Truth::No => {}
            };
        }
        let wanted = truth == Truth::Yes || begins && self.is_any_wanted(key, conn, answer);
        if wanted {
            if let Some(exchange) = self.sieve.remove(key) {
                self.tell_all(conn, &exchange.held);
            }
            self.sieve.entry(key, conn).wanted = true;
            self.tell(conn, message);
        } else if is_interim(message) {
            // Its status is not the exchange's; it goes where its request goes.
            if known.is_some() {
                self.sieve.hold(key, conn, message);
            }
        } else if self.sieve.filter.is_possible(conn, message, answer) {
            self.sieve.hold(key, conn, message);
        } else {
            self.sieve.remove(key);
        }
    }

    fn is_any_wanted(&self, key: Key, conn: &Conn, answer: Answer) -> bool {
        let held = self.sieve.exchanges.get(&key).map_or(&[][..], |exchange| &exchange.held);
        held.iter().any(|kept| self.is_wanted(conn, &kept.message(), answer))
    }

    fn is_wanted(&self, conn: &Conn, message: &Message<'_>, answer: Answer) -> bool {
        self.sieve.filter.ask(conn, message, answer) == Truth::Yes
    }

    /// The last word about an exchange: a response, or that there is none.
    fn settle(&mut self, key: Key, conn: &Conn, last: Option<&Message<'_>>) {
        let answer = last.map_or(Answer::NONE, Answer::of);
        let wanted = last.is_some_and(|last| self.is_wanted(conn, last, answer));
        let any = self.sieve.filter.pairs && (wanted || self.is_any_wanted(key, conn, answer));
        let held = self.sieve.remove(key).map(|exchange| exchange.held).unwrap_or_default();
        if any {
            self.tell_all(conn, &held);
        } else if !self.sieve.filter.pairs {
            for kept in &held {
                if self.is_wanted(conn, &kept.message(), answer) {
                    self.tell(conn, &kept.message());
                }
            }
        }
        let Some(last) = last else { return };
        if wanted || any {
            self.tell(conn, last);
        }
        if any && goes_on(last) {
            self.sieve.entry(key, conn).wanted = true;
        }
    }

    /// Makes room: shows what is held for longest.
    fn give_up(&mut self) {
        while self.sieve.is_over() {
            let Some((_, key)) = self.sieve.ages.pop_first() else { return };
            let Some(exchange) = self.sieve.remove(key) else { continue };
            self.sieve.given_up += exchange.held.len() as u64;
            self.tell_all(&exchange.conn, &exchange.held);
        }
    }
}

impl<M: Messages> Messages for Filtered<'_, M> {
    fn message(&mut self, conn: &Conn, message: &Message<'_>) {
        let key = (conn.id, message.exchange);
        let wanted = self.sieve.exchanges.get(&key).is_some_and(|exchange| exchange.wanted);
        let last = is_last(message);
        if message.exchange == 0 {
            if self.is_wanted(conn, message, Answer::NONE) {
                self.tell(conn, message);
            }
        } else if wanted {
            self.tell(conn, message);
            if last && !goes_on(message) {
                self.sieve.remove(key);
            }
        } else if last {
            self.settle(key, conn, Some(message));
        } else {
            self.consider(key, conn, message);
        }
        self.give_up();
    }
}

impl<M: Messages> Output for Filtered<'_, M> {
    fn open(&mut self, conn: &Conn, time: u64) {
        self.sieve.unopened.insert(conn.id, time);
    }

    fn data(&mut self, _: &Conn, _: &Piece<'_>) {}

    fn gap(&mut self, _: &Conn, _: &Gap) {}

    fn close(&mut self, conn: &Conn, close: &Close) {
        let all: RangeInclusive<Key> = (conn.id, 0)..=(conn.id, u64::MAX);
        while let Some((&key, _)) = self.sieve.exchanges.range(all.clone()).next() {
            self.settle(key, conn, None);
        }
        if self.sieve.unopened.remove(&conn.id).is_none() {
            self.to.close(conn, close);
        }
    }
}

/// Whether the exchange's answer is complete with it.
fn is_last(message: &Message<'_>) -> bool {
    match &message.what {
        What::Response(response) => response.part != Part::Head && !is_interim(message),
        What::Unanswered | What::Query(_) => true,
        _ => false,
    }
}

/// 1xx, except for 101, which is final.
fn is_interim(message: &Message<'_>) -> bool {
    matches!(message.what, What::Response(_))
        && message.status.is_some_and(|status| status / 100 == 1 && status != 101)
}

/// Whether frames of the exchange follow its response: another protocol took over.
fn goes_on(message: &Message<'_>) -> bool {
    message.status == Some(101)
}

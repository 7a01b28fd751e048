//! All connections of a shard, each with the protocol that it speaks.

use std::collections::HashMap;

use super::held::Held;
use super::http1::Http1;
use super::http2::Http2;
use super::looking::{Found, Look, Looking};
use super::mysql::MySql;
use super::postgres::Postgres;
use super::websocket::WebSocket;
use super::{Chunk, Dialogue, End, Holding, Missing, Next, Options, Start, Upgrade};
use crate::conn::list::{Link, List, NONE};
use crate::conn::{Close, CloseReason, Conn, Gap, Output, Piece};
use crate::message::{By, Flaw, Message, Messages};

/// What a connection speaks. A protocol adds an arm here, in [`State::begin`] and in [`each`], and
/// says in `looking.rs` how it begins.
#[derive(Debug)]
enum State {
    Looking(Looking),
    Http1(Box<Http1>),
    Http2(Box<Http2>),
    WebSocket(Box<WebSocket>),
    Postgres(Box<Postgres>),
    MySql(Box<MySql>),
}

/// Does the same with whatever protocol is spoken.
macro_rules! each {
    ($state:expr, $looking:pat => $unknown:expr, $dialogue:ident => $known:expr) => {
        match $state {
            State::Looking($looking) => $unknown,
            State::Http1($dialogue) => $known,
            State::Http2($dialogue) => $known,
            State::WebSocket($dialogue) => $known,
            State::Postgres($dialogue) => $known,
            State::MySql($dialogue) => $known,
        }
    };
}

impl State {
    /// A protocol that was recognised by its first bytes.
    fn begin(found: Found, start: Start) -> Self {
        match found {
            Found::Http1(requests) => Self::Http1(Box::new(Http1::new(start, requests))),
            Found::Http2 => Self::Http2(Box::new(Http2::new(start))),
            Found::WebSocket(requests) => {
                Self::WebSocket(Box::new(WebSocket::late(start, requests)))
            }
            Found::Postgres(client) => Self::Postgres(Box::new(Postgres::new(start, client))),
            Found::LatePostgres(client) => Self::Postgres(Box::new(Postgres::late(start, client))),
            Found::MySql(client) => Self::MySql(Box::new(MySql::new(start, client))),
            Found::MySqlLogin(client) => Self::MySql(Box::new(MySql::logging_in(start, client))),
            Found::LateMySql(client) => Self::MySql(Box::new(MySql::late(start, client))),
        }
    }

    /// What follows an upgrade: within a tunnel, and after a token that is not known, the first
    /// bytes tell.
    fn after(upgrade: &Upgrade, options: Options) -> Self {
        if upgrade.to.eq_ignore_ascii_case(b"websocket") {
            let start = Start { options, exchanges: upgrade.exchange, late: false };
            return Self::WebSocket(Box::new(WebSocket::upgraded(start, upgrade)));
        }
        Self::Looking(Looking::after(upgrade.exchange))
    }

    fn exchanges(&self) -> u64 {
        each!(self, looking => looking.exchanges, dialogue => dialogue.exchanges())
    }

    fn holding(&self) -> Holding {
        each!(self, looking => Holding::of_state(looking.held()),
            dialogue => dialogue.holding() + Holding::of_state(size_of_val(&**dialogue)))
    }
}

/// A connection that is followed.
#[derive(Debug)]
struct Followed {
    /// As it was last seen; messages that are cut off for want of room still need it.
    conn: Conn,
    state: State,
    /// Bytes that it holds; above 0 it is in the list of holders.
    held: usize,
}

/// The state of every connection; [`onto`](Self::onto) puts it before a next stage.
#[derive(Debug)]
pub struct Decoder {
    options: Options,
    by_id: HashMap<u64, u32>,
    slots: Vec<Option<Followed>>,
    free: Vec<u32>,
    /// Slots that hold bytes, silent for longest first.
    holders: List,
    links: Vec<Link>,
    held: usize,
    /// With those of the decoders that share its room.
    shared: Held,
    /// The connection of the last call: long calls come as many pieces in a row.
    last: (u64, u32),
}

/// A decoder at work: takes a table's output and tells of messages.
#[derive(Debug)]
pub struct Decoding<'a, M> {
    decoder: &'a mut Decoder,
    next: &'a mut M,
}

impl Decoder {
    /// Nothing is followed yet.
    pub fn new(options: Options) -> Self {
        Self::sharing(options, Held::default())
    }

    /// Likewise; [`Options::max_held`] is for all decoders that share `shared`.
    pub fn sharing(options: Options, shared: Held) -> Self {
        Self {
            options,
            by_id: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            holders: List::EMPTY,
            links: Vec::new(),
            held: 0,
            shared,
            last: (0, NONE),
        }
    }

    /// The decoder before this stage.
    pub fn onto<'a, M: Messages>(&'a mut self, next: &'a mut M) -> Decoding<'a, M> {
        Decoding { decoder: self, next }
    }

    /// Bytes held for messages that are not whole yet, and for what decodes them.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Connections that are followed.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether no connection is followed.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    fn insert(&mut self, conn: &Conn) {
        let state = State::Looking(Looking::default());
        let followed = Some(Followed { conn: conn.clone(), state, held: 0 });
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = followed;
                slot
            }
            None => {
                self.slots.push(followed);
                self.links.push(Link::FREE);
                (self.slots.len() - 1) as u32
            }
        };
        self.by_id.insert(conn.id, slot);
    }

    fn remove(&mut self, conn: &Conn) -> Option<Followed> {
        let slot = self.by_id.remove(&conn.id)?;
        self.last = (0, NONE);
        self.settle(slot, 0);
        self.free.push(slot);
        self.slots.get_mut(slot as usize)?.take()
    }

    #[inline]
    fn find(&mut self, conn: &Conn) -> Option<u32> {
        if self.last.0 != conn.id {
            self.last = (conn.id, *self.by_id.get(&conn.id)?);
        }
        Some(self.last.1)
    }

    fn get(&mut self, slot: u32) -> Option<&mut Followed> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    /// Keeps the books of what a connection holds.
    fn settle(&mut self, slot: u32, held: usize) {
        let Some(followed) = self.slots.get_mut(slot as usize).and_then(Option::as_mut) else {
            return;
        };
        let before = std::mem::replace(&mut followed.held, held);
        self.held = self.held - before + held;
        self.shared.change(before, held);
        if self.holders.tail == slot && held > 0 {
            return;
        }
        if before > 0 {
            self.holders.remove(&mut self.links, slot);
        }
        if held > 0 {
            self.holders.push(&mut self.links, slot);
        }
    }
}

impl<M: Messages> Decoding<'_, M> {
    /// Takes a piece, which may end one protocol and begin another.
    fn piece(&mut self, slot: u32, conn: &Conn, piece: &Piece<'_>) {
        let mut rest = *piece;
        while !rest.bytes.is_empty() {
            let options = self.decoder.options;
            let Some(followed) = self.decoder.get(slot) else { return };
            match &mut followed.state {
                State::Looking(looking) => match looking.look(&rest) {
                    Look::Wait => return looking.wait(&rest),
                    Look::Unknown => {
                        let waited = looking.take(Some(rest.dir));
                        waited.iter().for_each(|waiting| self.next.data(conn, &waiting.piece()));
                        return self.next.data(conn, &rest);
                    }
                    Look::Found(found) => {
                        let waited = looking.take(None);
                        let Looking { exchanges, late, .. } = *looking;
                        let start = Start { options, exchanges, late };
                        followed.state = State::begin(found, start);
                        for waiting in &waited {
                            self.piece(slot, conn, &waiting.piece());
                        }
                    }
                },
                state => {
                    let chunk = chunk(&rest);
                    let mut tell = |message: &Message<'_>| self.next.message(conn, message);
                    let next = each!(state, _ => Next::Stay,
                        dialogue => dialogue.data(&chunk, &mut tell));
                    match next {
                        Next::Stay => return,
                        Next::Lost => {
                            let end = End { time: rest.time, closed: false, flaw: Flaw::Broken };
                            each!(state, _ => (), dialogue => dialogue.end(end, &mut tell));
                            *state = State::Looking(Looking::after(state.exchanges()));
                            return;
                        }
                        Next::Upgrade(upgrade) => {
                            let end = End { time: rest.time, closed: false, flaw: Flaw::Cut };
                            each!(state, _ => (), dialogue => dialogue.end(end, &mut tell));
                            rest = after(&rest, upgrade.used);
                            *state = State::after(&upgrade, options);
                        }
                    }
                }
            }
        }
    }

    /// Counts what the connection holds now, and makes room.
    fn settle(&mut self, slot: u32, conn: &Conn, time: u64) {
        let Some(followed) = self.decoder.get(slot) else { return };
        let holding = followed.state.holding();
        if followed.conn.remote != conn.remote {
            followed.conn = conn.clone();
        }
        self.decoder.settle(slot, holding.all());
        if !holding.fits(&self.decoder.options) {
            self.cut(slot, time);
        }
        while self.decoder.shared.now() > self.decoder.options.max_held {
            let silent = self.decoder.holders.head;
            if silent == NONE {
                break;
            }
            self.cut(silent, time);
        }
    }

    /// Tells of what a connection holds, as it is, and lets go of it.
    fn cut(&mut self, slot: u32, time: u64) {
        let Some(followed) = self.decoder.get(slot) else { return };
        let after = Looking::after(followed.state.exchanges());
        let mut state = std::mem::replace(&mut followed.state, State::Looking(after));
        let conn = &followed.conn;
        let end = End { time, closed: false, flaw: Flaw::Limit };
        finish(&mut state, conn, end, self.next);
        self.decoder.settle(slot, 0);
    }
}

/// Tells of what is unfinished.
fn finish(state: &mut State, conn: &Conn, end: End, next: &mut impl Messages) {
    each!(state,
    looking => {
        let waited = looking.take(None);
        waited.iter().for_each(|waiting| next.data(conn, &waiting.piece()));
    },
    dialogue => dialogue.end(end, &mut |message| next.message(conn, message)));
}

impl<M: Messages> Output for Decoding<'_, M> {
    fn open(&mut self, conn: &Conn, time: u64) {
        self.decoder.insert(conn);
        self.next.open(conn, time);
    }

    fn data(&mut self, conn: &Conn, piece: &Piece<'_>) {
        match self.decoder.find(conn) {
            Some(slot) if piece.peek => {
                // Of what is decoded they will come again.
                let state = self.decoder.get(slot).map(|followed| &followed.state);
                if matches!(state, Some(State::Looking(_))) {
                    self.next.data(conn, piece);
                }
            }
            Some(slot) => {
                self.piece(slot, conn, piece);
                self.settle(slot, conn, piece.time);
            }
            None => self.next.data(conn, piece),
        }
    }

    fn gap(&mut self, conn: &Conn, gap: &Gap) {
        if !gap.peek
            && let Some(slot) = self.decoder.find(conn)
        {
            if let Some(followed) = self.decoder.get(slot) {
                let mut tell = |message: &Message<'_>| self.next.message(conn, message);
                let next = each!(&mut followed.state,
                looking => {
                    let waited = looking.lose(gap.dir);
                    waited.iter().for_each(|waiting| self.next.data(conn, &waiting.piece()));
                    Next::Stay
                },
                dialogue => dialogue.missing(&missing(gap), &mut tell));
                if !matches!(next, Next::Stay) {
                    let end = End { time: gap.time, closed: false, flaw: Flaw::Gap };
                    finish(&mut followed.state, conn, end, self.next);
                    followed.state = State::Looking(Looking::after(followed.state.exchanges()));
                }
            }
            self.settle(slot, conn, gap.time);
        }
        self.next.gap(conn, gap);
    }

    fn close(&mut self, conn: &Conn, close: &Close) {
        if let Some(mut followed) = self.decoder.remove(conn) {
            let closed = !matches!(close.reason, CloseReason::Evicted | CloseReason::Detached);
            let end = End { time: close.time, closed, flaw: Flaw::Cut };
            finish(&mut followed.state, conn, end, self.next);
        }
        self.next.close(conn, close);
    }
}

fn chunk<'a>(piece: &Piece<'a>) -> Chunk<'a> {
    let by = By { tid: Some(piece.tid), comm: piece.comm, uid: piece.uid };
    Chunk { time: piece.time, by, dir: piece.dir, pos: piece.pos, bytes: piece.bytes }
}

fn missing(gap: &Gap) -> Missing {
    let by = By { tid: gap.tid, comm: gap.comm, uid: gap.uid };
    Missing { time: gap.time, by, dir: gap.dir, pos: gap.pos, len: gap.len }
}

/// The piece without its first bytes.
fn after<'a>(piece: &Piece<'a>, used: usize) -> Piece<'a> {
    let used = used.min(piece.bytes.len());
    Piece {
        pos: piece.pos.saturating_add(used as u64),
        call_off: piece.call_off.saturating_add(used as u64),
        bytes: &piece.bytes[used..],
        ..*piece
    }
}

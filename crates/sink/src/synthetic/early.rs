//! Bytes that came before their connection's addresses: they wait, bounded in time and memory.

use std::collections::BTreeMap;

use stream::{Conn, Dir, Gap, Piece};

/// How long the first bytes of a connection wait, in nanoseconds. A request that came with the
/// handshake's end waits for its answer; a connection by memory BIOs waits in vain.
const WAIT_NS: u64 = 1_000_000_000;
/// Bytes of one connection that wait.
const CONNECTION_MAX: usize = 256 << 10;
/// Bytes of all connections that wait, with what is kept beside them.
const ALL_MAX: usize = 4 << 20;

/// Connections without addresses, by number, which is the order of their first bytes.
#[derive(Debug, Default)]
pub(super) struct Early {
    queues: BTreeMap<u64, Queue>,
    bytes: usize,
}

/// What waits of one connection.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) conn: Conn,
    pub(super) moves: Vec<Move>,
    since: u64,
    bytes: usize,
}

/// Something that happened to a connection.
#[derive(Debug)]
pub(super) enum Move {
    Bytes { time: u64, dir: Dir, pos: u64, bytes: Box<[u8]> },
    Gap(Gap),
}

impl From<&Piece<'_>> for Move {
    fn from(piece: &Piece<'_>) -> Self {
        let Piece { time, dir, pos, bytes, .. } = *piece;
        Self::Bytes { time, dir, pos, bytes: bytes.into() }
    }
}

impl Move {
    fn time(&self) -> u64 {
        match self {
            Self::Bytes { time, .. } => *time,
            Self::Gap(gap) => gap.time,
        }
    }

    /// Bytes that it takes.
    fn cost(&self) -> usize {
        let bytes = match self {
            Self::Bytes { bytes, .. } => bytes.len(),
            Self::Gap(_) => 0,
        };
        size_of::<Self>() + bytes
    }
}

impl Early {
    /// Lets it wait behind what is there. Answers a connection that waited long enough: this one
    /// or, if all take too much, the first.
    pub(super) fn add(&mut self, conn: &Conn, what: Move) -> Option<Queue> {
        let (since, cost) = (what.time(), what.cost());
        let queue = self.queues.entry(conn.id).or_insert_with(|| {
            self.bytes += size_of::<Queue>();
            Queue { conn: conn.clone(), moves: Vec::new(), since, bytes: size_of::<Queue>() }
        });
        queue.moves.push(what);
        queue.bytes += cost;
        self.bytes += cost;
        if queue.bytes > CONNECTION_MAX {
            return self.take(conn.id);
        }
        if self.bytes > ALL_MAX { self.first() } else { None }
    }

    /// Takes out what waits of a connection.
    #[inline]
    pub(super) fn take(&mut self, id: u64) -> Option<Queue> {
        if self.queues.is_empty() {
            return None;
        }
        let queue = self.queues.remove(&id)?;
        self.bytes -= queue.bytes;
        Some(queue)
    }

    /// Takes out a connection whose bytes waited long enough by `now`. A clock that was set back
    /// leaves some behind that seem to come from the future.
    pub(super) fn over(&mut self, now: u64) -> Option<Queue> {
        let (_, first) = self.queues.first_key_value()?;
        if now.abs_diff(first.since) >= WAIT_NS { self.first() } else { None }
    }

    /// When the next one has waited long enough.
    pub(super) fn deadline(&self) -> Option<u64> {
        self.queues.first_key_value().map(|(_, first)| first.since.saturating_add(WAIT_NS))
    }

    fn first(&mut self) -> Option<Queue> {
        let (&id, _) = self.queues.first_key_value()?;
        self.take(id)
    }
}

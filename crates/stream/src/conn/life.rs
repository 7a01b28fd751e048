//! How a connection begins, is told of, loses bytes and ends.

use abi::{AddrSource, Dir, Head};

use super::direction::{Direction, Hole};
use super::store::Entry;
use super::table::Table;
use super::{Close, CloseReason, Conn, Context, Ended, Gap, Key, Output};
use crate::event::Comm;
use crate::reason::GapReason;
use crate::totals::add;

/// How a connection ends.
pub(super) struct End {
    pub time: u64,
    pub reason: CloseReason,
    pub last: Option<Ended>,
}

impl Table {
    /// The slot of the record's connection, which is new if it was not there.
    #[inline]
    pub(super) fn slot(
        &mut self,
        head: &Head,
        context: &mut impl Context,
        output: &mut impl Output,
    ) -> u32 {
        let key = Key::from(head);
        match self.store.find(&key) {
            Some(slot) => slot,
            None => self.begin(key, head, context, output),
        }
    }

    #[cold]
    fn begin(
        &mut self,
        key: Key,
        head: &Head,
        context: &mut impl Context,
        output: &mut impl Output,
    ) -> u32 {
        let time = self.wall(head.time_ns);
        // Looked up first: those that make room are remembered in its place.
        let directions = self.former.positions(&key).map(Direction::at);
        if let Some(slot) = self.store.predecessor(&key) {
            let last = self.store.get_mut(slot).and_then(|entry| context.ended(&entry.key));
            self.end(slot, End { time, reason: CloseReason::Replaced, last }, output);
        }
        while self.store.len() >= self.limits.connections.max(1) {
            let Some(slot) = self.store.most_silent() else { break };
            add(&mut self.totals.evicted, 1);
            self.end(slot, End { time, reason: CloseReason::Evicted, last: None }, output);
        }
        self.store.insert(Entry {
            key,
            conn: Conn {
                id: 0,
                pid: head.tgid,
                start_ns: head.start_ns,
                uid: head.uid,
                comm: Comm::from(head.comm),
                exe: context.exe(head.tgid, head.start_ns),
                lib: context.lib(head.file),
                local: None,
                remote: None,
                addr_source: AddrSource::Unknown,
                cgroup: 0,
            },
            directions,
        })
    }

    /// Tells of the connection, once, and gives it its number.
    #[inline]
    pub(super) fn open(&mut self, slot: u32, time: u64, output: &mut impl Output) -> Option<&Conn> {
        let conn = &mut self.store.get_mut(slot)?.conn;
        if conn.id == 0 {
            conn.id = self.ids.next();
            add(&mut self.totals.connections, 1);
            output.open(conn, time);
        }
        Some(conn)
    }

    /// Makes a gap of the bytes between the last record and this position: their records found
    /// no room in the ring.
    #[inline]
    pub(super) fn catch_up(
        &mut self,
        slot: u32,
        dir: Dir,
        pos: u64,
        time: u64,
        output: &mut impl Output,
    ) {
        let Some(entry) = self.store.get_mut(slot) else { return };
        let Some(Hole { pos, len }) = entry.directions[dir as usize].skip_to(pos) else { return };
        self.count_gap(dir, len, GapReason::RingFull);
        let Some(conn) = self.open(slot, time, output) else { return };
        let gap = Gap {
            time,
            tid: None,
            comm: conn.comm,
            uid: conn.uid,
            dir,
            pos,
            len,
            reason: GapReason::RingFull,
            peek: false,
        };
        output.gap(conn, &gap);
    }

    pub(super) fn end(&mut self, slot: u32, end: End, output: &mut impl Output) {
        let last = end.last.unwrap_or_default();
        for dir in [Dir::Read, Dir::Write] {
            self.catch_up(slot, dir, last.pos[dir as usize], end.time, output);
        }
        let Some(entry) = self.store.remove(slot) else { return };
        self.former.remember(entry.key, entry.directions.map(|direction| direction.next));
        if entry.conn.id == 0 {
            return;
        }
        let close = Close {
            time: end.time,
            reason: end.reason,
            captured: entry.directions.map(|direction| direction.captured),
            missing: entry.directions.map(|direction| direction.missing),
            unfinished: last.in_flight,
        };
        output.close(&entry.conn, &close);
    }

    pub(super) fn count_gap(&mut self, dir: Dir, len: u64, reason: GapReason) {
        let total = &mut self.totals.gaps[reason.index()];
        add(&mut total.count, 1);
        add(&mut total.bytes, len);
        add(&mut self.totals.missing[dir as usize], len);
    }

    pub(super) fn wall(&self, time_ns: u64) -> u64 {
        time_ns.saturating_add_signed(self.wall_offset_ns)
    }
}

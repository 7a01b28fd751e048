//! Puts the events of many connections in order and keeps the books.

use abi::Head;

use super::former::Former;
use super::life::End;
use super::store::{Process, Store};
use super::{CloseReason, Context, Ended, Gap, Ids, Key, Output, Piece};
use crate::event::{self, DecodeError, Event};
use crate::limits::Limits;
use crate::totals::{Totals, add};

/// The connections of one ring. For each connection and direction, bytes shown and bytes in gaps
/// add up to the bytes that the program moved.
#[derive(Debug)]
pub struct Table {
    pub(super) limits: Limits,
    pub(super) ids: Ids,
    pub(super) wall_offset_ns: i64,
    pub(super) store: Store,
    pub(super) former: Former,
    pub(super) totals: Totals,
}

impl Table {
    /// An empty table; `ids` is shared by all tables of a run.
    pub fn new(limits: Limits, ids: Ids) -> Self {
        Self {
            limits,
            ids,
            wall_offset_ns: 0,
            store: Store::new(),
            former: Former::new(limits.remembered),
            totals: Totals::default(),
        }
    }

    /// Nanoseconds from CLOCK_BOOTTIME to CLOCK_REALTIME, for the events that follow.
    pub fn set_wall_offset(&mut self, nanoseconds: i64) {
        self.wall_offset_ns = nanoseconds;
    }

    /// What was counted so far.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Connections that are followed now.
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether no connection is followed now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Decodes a record and takes its event. A record that can't be read is counted; the bytes it
    /// stood for become a gap when the next one of its connection comes.
    #[inline]
    pub fn push_record(
        &mut self,
        record: &[u8],
        context: &mut impl Context,
        output: &mut impl Output,
    ) -> Result<(), DecodeError> {
        match Event::decode(record) {
            Ok(event) => {
                self.push(&event, context, output);
                Ok(())
            }
            Err(error) => {
                add(&mut self.totals.undecoded, 1);
                Err(error)
            }
        }
    }

    /// Takes an event. Events of one connection come in the order in which they happened.
    pub fn push(
        &mut self,
        event: &Event<'_>,
        context: &mut impl Context,
        output: &mut impl Output,
    ) {
        match event {
            Event::Data(data) => self.data(data, context, output),
            Event::Gap(gap) => self.gap(gap, context, output),
            Event::Rest(rest) => self.rest(rest, context, output),
            Event::Conn(conn) => self.addresses(conn, context, output),
            Event::Close(close) => self.freed(close, context, output),
            Event::Exec(head) => self.process_ended(head, CloseReason::Exec, context, output),
            Event::Exit(head) => self.process_ended(head, CloseReason::Exit, context, output),
        }
    }

    /// Closes every connection because the capture ends; `time_ns` is CLOCK_BOOTTIME.
    pub fn finish(&mut self, time_ns: u64, context: &mut impl Context, output: &mut impl Output) {
        let time = self.wall(time_ns);
        let mut slots = self.store.all();
        slots.sort_by_key(|&slot| self.store.get_mut(slot).map(|entry| (entry.conn.id, entry.key)));
        for slot in slots {
            let last = self.store.get_mut(slot).and_then(|entry| context.ended(&entry.key));
            self.end(slot, End { time, reason: CloseReason::Detached, last }, output);
        }
    }

    pub(super) fn data(
        &mut self,
        data: &event::Data<'_>,
        context: &mut impl Context,
        output: &mut impl Output,
    ) {
        let len = data.bytes.len() as u64;
        let time = self.wall(data.head.time_ns);
        let slot = self.slot(&data.head, context, output);
        let mut pos = data.pos;
        if !data.is_peek() {
            self.catch_up(slot, data.dir, data.pos, time, output);
            let Some(entry) = self.store.get_mut(slot) else { return };
            let direction = &mut entry.directions[data.dir as usize];
            add(&mut self.totals.overlaps, u64::from(data.pos < direction.next && len > 0));
            add(&mut self.totals.captured[data.dir as usize], len);
            pos = direction.capture(len);
        } else {
            add(&mut self.totals.peeked, len);
        }
        if len == 0 {
            return;
        }
        let Some(conn) = self.open(slot, time, output) else { return };
        output.data(
            conn,
            &Piece {
                time,
                tid: data.head.tid,
                comm: data.head.comm.into(),
                uid: data.head.uid,
                dir: data.dir,
                pos,
                bytes: data.bytes,
                peek: data.is_peek(),
                call_len: data.call_len,
                call_off: data.call_off,
            },
        );
    }

    pub(super) fn gap(
        &mut self,
        gap: &event::Gap,
        context: &mut impl Context,
        output: &mut impl Output,
    ) {
        let time = self.wall(gap.head.time_ns);
        let slot = self.slot(&gap.head, context, output);
        let mut pos = gap.pos;
        if !gap.is_peek() {
            self.catch_up(slot, gap.dir, gap.pos, time, output);
            let Some(entry) = self.store.get_mut(slot) else { return };
            let direction = &mut entry.directions[gap.dir as usize];
            add(&mut self.totals.overlaps, u64::from(gap.pos < direction.next && gap.len > 0));
            pos = direction.miss(gap.len);
            if gap.len > 0 {
                self.count_gap(gap.dir, gap.len, gap.reason);
            }
        }
        if gap.len == 0 {
            return;
        }
        let Some(conn) = self.open(slot, time, output) else { return };
        output.gap(
            conn,
            &Gap {
                time,
                tid: Some(gap.head.tid),
                comm: gap.head.comm.into(),
                uid: gap.head.uid,
                dir: gap.dir,
                pos,
                len: gap.len,
                reason: gap.reason,
                peek: gap.is_peek(),
            },
        );
    }

    /// A record about the socket may come after the first bytes: it is sent again when it was
    /// lost, and when the addresses became known.
    fn addresses(
        &mut self,
        record: &event::Conn,
        context: &mut impl Context,
        output: &mut impl Output,
    ) {
        let slot = self.slot(&record.head, context, output);
        let Some(entry) = self.store.get_mut(slot) else { return };
        entry.conn.cgroup = record.cgroup;
        if let Some((local, remote)) = record.addresses {
            (entry.conn.local, entry.conn.remote) = (Some(local), Some(remote));
            entry.conn.addr_source = record.source;
        }
    }

    fn freed(
        &mut self,
        close: &event::Close,
        context: &mut impl Context,
        output: &mut impl Output,
    ) {
        let key = Key::from(&close.head);
        let known = self.store.find(&key).is_some();
        let next = self.former.positions(&key);
        if !known && close.pos[0] <= next[0] && close.pos[1] <= next[1] {
            return;
        }
        let time = self.wall(close.head.time_ns);
        let slot = self.slot(&close.head, context, output);
        let last = Some(Ended { pos: close.pos, ..Ended::default() });
        self.end(slot, End { time, reason: CloseReason::Freed, last }, output);
    }

    fn process_ended(
        &mut self,
        head: &Head,
        reason: CloseReason,
        context: &mut impl Context,
        output: &mut impl Output,
    ) {
        let time = self.wall(head.time_ns);
        let process: Process = (head.tgid, head.start_ns);
        while let Some(slot) = self.store.first_of(process) {
            let last = self.store.get_mut(slot).and_then(|entry| context.ended(&entry.key));
            self.end(slot, End { time, reason, last }, output);
        }
    }
}

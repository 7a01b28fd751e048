//! A text that comes in pieces.

use crate::command::{Command, Missing};
use crate::decode::{Record, What};
use crate::meta;

/// A text of which pieces are still to come.
#[derive(Debug)]
pub(crate) struct Pieces {
    what: What,
    /// Who typed it, and when; without text.
    by: Command,
    bytes: Vec<u8>,
    /// Where the next piece begins.
    next: u32,
    missing: Option<Missing>,
    awaits: bool,
    meta: bool,
}

/// A text that is complete, as far as it will be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) what: What,
    /// Who typed it, and when; without text.
    pub(crate) by: Command,
    pub(crate) bytes: Vec<u8>,
    pub(crate) missing: Option<Missing>,
    /// Its program has statuses.
    pub(crate) awaits: bool,
}

impl Pieces {
    /// A text whose first piece, or the first that arrived, this is.
    pub(crate) fn of(record: &Record<'_>, room: usize) -> Self {
        let missing = (record.offset > 0).then_some(Missing::Lost);
        let mut pieces = Self {
            what: record.what,
            by: by(record),
            bytes: Vec::new(),
            next: record.offset,
            missing,
            awaits: record.awaits,
            meta: record.meta,
        };
        pieces.add(record, room);
        pieces
    }

    /// Whether a record goes on with it.
    pub(crate) fn goes_on(&self, record: &Record<'_>) -> bool {
        record.what == self.what && record.offset > 0
    }

    /// Adds a piece, as far as there is room for so many bytes.
    pub(crate) fn add(&mut self, record: &Record<'_>, room: usize) {
        if record.offset != self.next {
            self.miss(Missing::Lost);
        }
        let kept = &record.text[..record.text.len().min(room)];
        self.bytes.extend_from_slice(kept);
        self.next = record.offset.saturating_add(record.text.len() as u32);
        if record.unreadable {
            self.miss(Missing::Unreadable);
        }
        if record.cut || kept.len() < record.text.len() {
            self.miss(Missing::Cut);
        }
    }

    /// How many bytes it holds.
    pub(crate) fn held(&self) -> usize {
        self.bytes.len()
    }

    /// No more pieces come. `whole`: the last one came.
    pub(crate) fn end(mut self, whole: bool) -> Text {
        if !whole {
            self.miss(Missing::Lost);
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        if self.meta {
            let mut plain = Vec::with_capacity(bytes.len());
            meta::undo(&mut plain, &bytes);
            bytes = plain;
        }
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        let Self { what, by, missing, awaits, .. } = self;
        Text { what, by, bytes, missing, awaits }
    }

    fn miss(&mut self, why: Missing) {
        self.missing.get_or_insert(why);
    }
}

fn by(record: &Record<'_>) -> Command {
    Command {
        time_ns: record.head.time_ns,
        ended_ns: None,
        pid: record.head.tgid,
        ppid: record.ppid,
        uid: record.head.uid,
        file: record.head.file,
        comm: record.head.comm,
        tty: record.tty,
        text: Vec::new(),
        missing: None,
        status: None,
    }
}

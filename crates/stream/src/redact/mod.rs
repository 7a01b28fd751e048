//! Secrets masked before anything is written (docs/privacy.md says which, and which not).
//!
//! A [`Redaction`] stands before an output, as [`Redacted`]. It finds ranges of bytes ([`header`],
//! [`text`], [`json`], [`proto`], [`sql`], [`lines`]) and writes copies with masks in their place ([`mask`]); a message
//! without a secret passes as it is, and costs no allocation. Where bytes can't be looked into,
//! they are withheld.

mod header;
mod json;
mod lines;
mod mask;
mod message;
mod names;
mod proto;
mod sql;
mod text;

use std::collections::BTreeMap;

use abi::Dir;
use lines::Lines;
use mask::{Ranges, Style};
use message::Room;
use text::Kind;

use crate::message::{Message, Messages, Protocol, What};
use crate::protobuf::Descriptors;
use crate::{Close, Conn, Gap, Output, Piece};

pub use names::Names;

/// How much of a message is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Show {
    /// All of it.
    #[default]
    All,
    /// No bodies, payloads or event data, and no bytes that are not decoded.
    Headers,
    /// Only who, when, how much, method, host, path and status.
    Metadata,
}

/// What is masked and left out, and what is remembered for it.
#[derive(Debug)]
pub struct Redaction {
    /// `None`: nothing is masked.
    names: Option<Names>,
    show: Show,
    /// Names of fields in gRPC's messages.
    descriptors: Descriptors,
    /// Of bytes that no decoder took, by connection and direction.
    lines: BTreeMap<(u64, u8), Lines>,
    room: Room,
}

/// A redaction in front of the next stage.
pub struct Redacted<'a, M> {
    redaction: &'a mut Redaction,
    to: &'a mut M,
}

impl Redaction {
    /// Masks the values of secret names, if there are any, and shows so much.
    pub fn new(names: Option<Names>, show: Show) -> Self {
        let descriptors = Descriptors::default();
        Self { names, show, descriptors, lines: BTreeMap::new(), room: Room::default() }
    }

    /// The same with names for fields of gRPC's messages.
    pub fn describing(self, descriptors: Descriptors) -> Self {
        Self { descriptors, ..self }
    }

    /// Puts it in front of the next stage.
    pub fn onto<'a, M: Messages>(&'a mut self, to: &'a mut M) -> Redacted<'a, M> {
        Redacted { redaction: self, to }
    }

    /// Finds secrets in bytes that no decoder took.
    fn scan_raw(&mut self, conn: &Conn, dir: Dir, pos: u64, bytes: &[u8], keep: bool) -> Ranges {
        let mut ranges = std::mem::take(&mut self.room.ranges);
        ranges.clear();
        let Some(names) = &self.names else { return ranges };
        let key = (conn.id, dir as u8);
        if keep {
            self.lines.entry(key).or_default().scan(pos, bytes, names, &mut ranges);
        } else {
            let mut lines = self.lines.get(&key).cloned().unwrap_or_default();
            lines.scan(pos, bytes, names, &mut ranges);
        }
        text::scan(bytes, 0, bytes.len(), Kind::of(None, bytes), names, &mut ranges);
        ranges
    }
}

impl<M: Messages> Messages for Redacted<'_, M> {
    fn message(&mut self, conn: &Conn, message: &Message<'_>) {
        let redaction = &mut *self.redaction;
        if let What::Loose(bytes) = message.what {
            return self.loose(conn, message, bytes);
        }
        let mut room = std::mem::take(&mut redaction.room);
        let described = redaction.descriptors.of(message);
        let (names, show) = (redaction.names.as_ref(), redaction.show);
        let shown = room.redacted(message, names, show, described.as_ref());
        self.to.message(conn, &shown);
        self.redaction.room = room;
    }
}

impl<M: Messages> Redacted<'_, M> {
    /// Lines are masked; binary frames hold names and values in codes of their own, and are
    /// withheld.
    fn loose(&mut self, conn: &Conn, message: &Message<'_>, bytes: &[u8]) {
        let redaction = &mut *self.redaction;
        let http1 = matches!(message.protocol, Protocol::Http10 | Protocol::Http11);
        let masks = redaction.names.is_some();
        if redaction.show != Show::All || masks && !http1 {
            let line = (redaction.show != Show::Metadata).then_some(message.request).flatten();
            let text = format!("({} bytes withheld)", bytes.len());
            let what = What::Loose(text.as_bytes());
            return self.to.message(conn, &Message { request: line, what, ..*message });
        }
        let mut ranges = redaction.scan_raw(conn, message.dir, message.wire.pos, bytes, true);
        if ranges.is_empty() {
            self.to.message(conn, message);
        } else {
            let mut out = std::mem::take(&mut redaction.room.raw);
            ranges.apply(bytes, Style::Fixed, &mut out, None);
            self.to.message(conn, &Message { what: What::Loose(&out), ..*message });
            redaction.room.raw = out;
        }
        redaction.room.ranges = ranges;
    }
}

impl<M: Messages> Output for Redacted<'_, M> {
    fn open(&mut self, conn: &Conn, time: u64) {
        self.to.open(conn, time);
    }

    /// Positions are promised, so a mask has the length of the secret.
    fn data(&mut self, conn: &Conn, piece: &Piece<'_>) {
        let redaction = &mut *self.redaction;
        if redaction.show != Show::All {
            return;
        }
        let mut ranges = redaction.scan_raw(conn, piece.dir, piece.pos, piece.bytes, !piece.peek);
        if ranges.is_empty() {
            self.to.data(conn, piece);
        } else {
            let mut out = std::mem::take(&mut redaction.room.raw);
            ranges.apply(piece.bytes, Style::SameLength, &mut out, None);
            self.to.data(conn, &Piece { bytes: &out, ..*piece });
            redaction.room.raw = out;
        }
        redaction.room.ranges = ranges;
    }

    fn gap(&mut self, conn: &Conn, gap: &Gap) {
        self.to.gap(conn, gap);
    }

    fn close(&mut self, conn: &Conn, close: &Close) {
        for dir in [Dir::Read, Dir::Write] {
            self.redaction.lines.remove(&(conn.id, dir as u8));
        }
        self.to.close(conn, close);
    }
}

//! Writes connections down.
//!
//! A [`Sink`] formats into a buffer that the caller owns and does no I/O; a [`Place`] is where the
//! caller writes that buffer. [`Writing`] puts a sink and a buffer behind a table
//! or a decoder.
#![forbid(unsafe_code)]

mod address;
pub mod escape;
pub mod har;
mod hex;
mod json;
mod keyless;
pub mod keylog;
mod line;
pub mod pcapng;
mod place;
mod synthetic;
mod text;
mod time;
mod typed;
mod unhooked;

use stream::{Close, Conn, Gap, Message, Messages, Output, Piece, Totals};

pub use jiff::tz::TimeZone;
pub use json::Json;
pub use keyless::Keyless;
pub use line::Lines;
pub use place::{Place, PlaceError};
pub use synthetic::{Synthetic, Taken};
pub use text::{Text, TextOptions};
pub use time::{Precision, compact_time, precise_time};
pub use typed::{Typed, TypedLines, TypedSummary};
pub use unhooked::Unhooked;

/// A format. Nothing here allocates per call, apart from growing `out`.
pub trait Sink {
    /// A connection moved its first bytes.
    fn open(&mut self, out: &mut Vec<u8>, conn: &Conn, time: u64);
    /// Bytes of a connection.
    fn data(&mut self, out: &mut Vec<u8>, conn: &Conn, piece: &Piece<'_>);
    /// A message of a connection whose protocol is known; its bytes are in no `data`.
    fn message(&mut self, out: &mut Vec<u8>, conn: &Conn, message: &Message<'_>);
    /// Missing bytes of a connection.
    fn gap(&mut self, out: &mut Vec<u8>, conn: &Conn, gap: &Gap);
    /// A connection ended.
    fn close(&mut self, out: &mut Vec<u8>, conn: &Conn, close: &Close);
    /// The capture ended.
    fn summary(&mut self, out: &mut Vec<u8>, summary: &Summary);

    /// Statements of databases that this format has no place for.
    fn left_out(&self) -> u64 {
        0
    }
}

/// The books of a whole run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Nanoseconds since 1970.
    pub time: u64,
    /// What all tables counted.
    pub totals: Totals,
    /// Records that found no room in a ring.
    pub lost_events: u64,
    /// Bytes that the kernel half saw move and that are neither captured nor in a gap.
    pub unaccounted: u64,
    /// Connections of which nothing is shown.
    pub left_out: LeftOut,
    /// What a limit on the capture's own cost did, if there is one.
    pub reduced: Option<Reduced>,
    /// Connections without keys, by process; `None`: keys were not asked for.
    pub keyless: Option<Vec<Keyless>>,
    /// Programs that may have moved bytes before the library was hooked.
    pub unhooked: Vec<Unhooked>,
}

/// What was taken less of, so that the capture does not cost more than it may.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reduced {
    /// Steps towards less.
    pub down: u64,
    /// Steps back.
    pub up: u64,
    /// Seconds in which less than everything was taken.
    pub seconds: u64,
}

/// Connections that moved bytes and of which nothing is shown, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// A sample passed over them.
    pub sample: Left,
    /// Their addresses were not asked for.
    pub filter: Left,
    /// Some addresses were asked for, and theirs never became known.
    pub unknown_address: Left,
}

/// Connections that were left out for one reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Left {
    /// How many.
    pub connections: u64,
    /// Bytes that they moved, both ways.
    pub bytes: u64,
}

impl LeftOut {
    /// Each reason by its name in every output.
    pub fn by_reason(&self) -> [(&'static str, Left); 3] {
        [
            ("sample", self.sample),
            ("filter", self.filter),
            ("unknown-address", self.unknown_address),
        ]
    }
}

/// A sink and its buffer, as the stage after a table.
pub struct Writing<'a, S: ?Sized> {
    /// The format.
    pub sink: &'a mut S,
    /// Where it writes.
    pub out: &'a mut Vec<u8>,
}

impl<S: Sink + ?Sized> Output for Writing<'_, S> {
    fn open(&mut self, conn: &Conn, time: u64) {
        self.sink.open(self.out, conn, time);
    }

    fn data(&mut self, conn: &Conn, piece: &Piece<'_>) {
        self.sink.data(self.out, conn, piece);
    }

    fn gap(&mut self, conn: &Conn, gap: &Gap) {
        self.sink.gap(self.out, conn, gap);
    }

    fn close(&mut self, conn: &Conn, close: &Close) {
        self.sink.close(self.out, conn, close);
    }
}

impl<S: Sink + ?Sized> Messages for Writing<'_, S> {
    fn message(&mut self, conn: &Conn, message: &Message<'_>) {
        self.sink.message(self.out, conn, message);
    }
}

//! Writes connections down.
//!
//! A [`Sink`] formats into a buffer that the caller owns and does no I/O; a [`Place`] is where the
//! caller writes that buffer. [`Writing`] puts a sink and a buffer behind a table.
#![forbid(unsafe_code)]

mod address;
pub mod escape;
mod hex;
mod json;
pub mod pcapng;
mod place;
mod text;
mod time;

use stream::{Close, Conn, Gap, Output, Piece, Totals};

pub use jiff::tz::TimeZone;
pub use json::Json;
pub use place::{Place, PlaceError};
pub use text::{Text, TextOptions};
pub use time::Precision;

/// A format. Nothing here allocates per call, apart from growing `out`.
pub trait Sink {
    /// A connection moved its first bytes.
    fn open(&mut self, out: &mut Vec<u8>, conn: &Conn, time: u64);
    /// Bytes of a connection.
    fn data(&mut self, out: &mut Vec<u8>, conn: &Conn, piece: &Piece<'_>);
    /// Missing bytes of a connection.
    fn gap(&mut self, out: &mut Vec<u8>, conn: &Conn, gap: &Gap);
    /// A connection ended.
    fn close(&mut self, out: &mut Vec<u8>, conn: &Conn, close: &Close);
    /// The capture ended.
    fn summary(&mut self, out: &mut Vec<u8>, summary: &Summary);
}

/// The books of a whole run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Nanoseconds since 1970.
    pub time: u64,
    /// What all tables counted.
    pub totals: Totals,
    /// Records that found no room in a ring.
    pub lost_events: u64,
    /// Bytes that the kernel half saw move and that are neither captured nor in a gap.
    pub unaccounted: u64,
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

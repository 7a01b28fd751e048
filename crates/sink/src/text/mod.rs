//! For people: one header line per piece or message, then the payload.

mod body;
mod message;
mod pretty;
mod proto;
mod query;

use jiff::tz::TimeZone;
use stream::event::Comm;
use stream::protobuf::Descriptors;
use stream::{Close, Conn, Dir, Gap, GapReason, Message, Piece};

use crate::address::{self, push_number};
use crate::time::{Precision, Stamp};
use crate::{Sink, Summary, escape, hex};

/// How text looks.
#[derive(Debug, Clone)]
pub struct TextOptions {
    /// Digits of a second.
    pub precision: Precision,
    /// Whose time is shown.
    pub zone: TimeZone,
    /// Whether headers are coloured.
    pub colour: bool,
    /// Whether payload is dumped in hex.
    pub hex: bool,
    /// Whether JSON bodies get a line for each value.
    pub pretty: bool,
    /// Names for fields of Protocol Buffers.
    pub descriptors: Descriptors,
}

impl Default for TextOptions {
    /// Microseconds of the machine's time, neither colour, hex nor JSON put in order, no names.
    fn default() -> Self {
        Self {
            precision: Precision::default(),
            zone: TimeZone::system(),
            colour: false,
            hex: false,
            pretty: false,
            descriptors: Descriptors::default(),
        }
    }
}

/// The text format.
#[derive(Debug, Clone)]
pub struct Text {
    stamp: Stamp,
    colour: bool,
    hex: bool,
    pretty: bool,
    descriptors: Descriptors,
}

const GREEN: &[u8] = b"\x1b[32m";
const CYAN: &[u8] = b"\x1b[36m";
const YELLOW: &[u8] = b"\x1b[33m";
const DIM: &[u8] = b"\x1b[2m";
const RESET: &[u8] = b"\x1b[0m";

impl Text {
    /// Text that looks like this.
    pub fn new(options: TextOptions) -> Self {
        let TextOptions { precision, zone, colour, hex, pretty, descriptors } = options;
        Self { stamp: Stamp::local(zone, precision), colour, hex, pretty, descriptors }
    }

    /// Begins a header: colour, time, `curl[12/13]`.
    fn begin(
        &mut self,
        out: &mut Vec<u8>,
        colour: &[u8],
        time: u64,
        comm: &Comm,
        conn: &Conn,
        tid: Option<u32>,
    ) {
        if self.colour {
            out.extend_from_slice(colour);
        }
        self.stamp.push(out, time);
        out.push(b' ');
        escape::name(out, comm.as_bytes());
        out.push(b'[');
        push_number(out, conn.pid.into());
        if let Some(tid) = tid {
            out.push(b'/');
            push_number(out, tid.into());
        }
        out.push(b']');
    }

    /// Ends a header: `libssl.so.3 #1`, or `#1.2` of an exchange, colour off, line end.
    fn end(&self, out: &mut Vec<u8>, conn: &Conn, exchange: u64) {
        out.push(b' ');
        let base = conn.lib.rsplit('/').next().filter(|base| !base.is_empty()).unwrap_or("?");
        escape::name(out, base.as_bytes());
        out.extend_from_slice(b" #");
        push_number(out, conn.id);
        if exchange > 0 {
            out.push(b'.');
            push_number(out, exchange);
        }
        if self.colour {
            out.extend_from_slice(RESET);
        }
        out.push(b'\n');
    }
}

impl Sink for Text {
    /// The first piece's header says all of it.
    fn open(&mut self, _: &mut Vec<u8>, _: &Conn, _: u64) {}

    fn data(&mut self, out: &mut Vec<u8>, conn: &Conn, piece: &Piece<'_>) {
        let colour = if piece.dir == Dir::Write { GREEN } else { CYAN };
        self.begin(out, colour, piece.time, &piece.comm, conn, Some(piece.tid));
        push_flow(out, conn, piece.dir);
        out.extend_from_slice(if piece.peek { b" peek " } else { verb(piece.dir) });
        let len = piece.bytes.len() as u64;
        push_number(out, len);
        out.extend_from_slice(b" B");
        if len != piece.call_len {
            push_part(out, piece.call_off, len, piece.call_len);
        }
        self.end(out, conn, 0);
        if self.hex {
            hex::dump(out, piece.bytes, piece.pos);
            return;
        }
        escape::payload(out, piece.bytes);
        if out.last() != Some(&b'\n') {
            out.push(b'\n');
        }
    }

    fn message(&mut self, out: &mut Vec<u8>, conn: &Conn, message: &Message<'_>) {
        message::push(self, out, conn, message);
    }

    fn gap(&mut self, out: &mut Vec<u8>, conn: &Conn, gap: &Gap) {
        self.begin(out, YELLOW, gap.time, &gap.comm, conn, gap.tid);
        push_flow(out, conn, gap.dir);
        out.extend_from_slice(if gap.peek { b" peek " } else { verb(gap.dir) });
        out.extend_from_slice(b"gap ");
        push_number(out, gap.len);
        out.extend_from_slice(b" B ");
        out.extend_from_slice(gap.reason.name().as_bytes());
        out.extend_from_slice(b" at ");
        push_number(out, gap.pos);
        self.end(out, conn, 0);
    }

    fn close(&mut self, out: &mut Vec<u8>, conn: &Conn, close: &Close) {
        self.begin(out, DIM, close.time, &conn.comm, conn, None);
        out.extend_from_slice(" × ".as_bytes());
        push_ends(out, conn, b" - ");
        out.extend_from_slice(b" close ");
        out.extend_from_slice(close.reason.name().as_bytes());
        for dir in [Dir::Read, Dir::Write] {
            out.extend_from_slice(verb(dir));
            push_number(out, close.captured[dir as usize]);
            out.extend_from_slice(b" B");
            if close.missing[dir as usize] > 0 {
                out.extend_from_slice(b" and ");
                push_number(out, close.missing[dir as usize]);
                out.extend_from_slice(b" B in gaps");
            }
            if let Some(call) = close.unfinished[dir as usize] {
                out.extend_from_slice(b" and a call for ");
                push_number(out, call.requested);
                out.extend_from_slice(b" B unfinished");
            }
        }
        self.end(out, conn, 0);
    }

    fn summary(&mut self, out: &mut Vec<u8>, summary: &Summary) {
        let totals = &summary.totals;
        push_number(out, totals.connections);
        out.extend_from_slice(b" connections, read ");
        push_number(out, totals.captured[Dir::Read as usize]);
        out.extend_from_slice(b" B, write ");
        push_number(out, totals.captured[Dir::Write as usize]);
        out.extend_from_slice(b" B, in gaps ");
        push_number(out, totals.all_gaps().bytes);
        out.extend_from_slice(b" B");
        for reason in GapReason::ALL {
            let gap = totals.gap(reason);
            if gap.count > 0 {
                out.extend_from_slice(b", ");
                out.extend_from_slice(reason.name().as_bytes());
                out.extend_from_slice(b" ");
                push_number(out, gap.bytes);
                out.extend_from_slice(b" B in ");
                push_number(out, gap.count);
            }
        }
        out.extend_from_slice(b", lost events ");
        push_number(out, summary.lost_events);
        out.extend_from_slice(b", unaccounted ");
        push_number(out, summary.unaccounted);
        out.extend_from_slice(b" B");
        for (reason, left) in summary.left_out.by_reason() {
            if left.connections > 0 {
                out.extend_from_slice(b", left out by ");
                out.extend_from_slice(reason.as_bytes());
                out.push(b' ');
                push_number(out, left.connections);
                out.extend_from_slice(b" connections with ");
                push_number(out, left.bytes);
                out.extend_from_slice(b" B");
            }
        }
        if let Some(reduced) = summary.reduced {
            out.extend_from_slice(b", reduced for ");
            push_number(out, reduced.seconds);
            out.extend_from_slice(b" s in ");
            push_number(out, reduced.down);
            out.extend_from_slice(b" steps down and ");
            push_number(out, reduced.up);
            out.extend_from_slice(b" up");
        }
        out.push(b'\n');
    }
}

/// ` → 127.0.0.1:40112 > 127.0.0.1:443`: the bytes go the way the arrow points.
fn push_flow(out: &mut Vec<u8>, conn: &Conn, dir: Dir) {
    let (arrow, between) = match dir {
        Dir::Write => (" → ", b" > "),
        Dir::Read => (" ← ", b" < "),
    };
    out.extend_from_slice(arrow.as_bytes());
    push_ends(out, conn, between);
}

fn push_ends(out: &mut Vec<u8>, conn: &Conn, between: &[u8]) {
    let push = |out: &mut Vec<u8>, address| match address {
        Some(address) => address::push(out, address),
        None => out.push(b'?'),
    };
    push(out, conn.local);
    out.extend_from_slice(between);
    push(out, conn.remote);
}

/// ` part 16384..32768 of 40000`.
fn push_part(out: &mut Vec<u8>, from: u64, len: u64, call_len: u64) {
    out.extend_from_slice(b" part ");
    push_number(out, from);
    out.extend_from_slice(b"..");
    push_number(out, from.saturating_add(len));
    out.extend_from_slice(b" of ");
    push_number(out, call_len);
}

fn verb(dir: Dir) -> &'static [u8] {
    match dir {
        Dir::Read => b" read ",
        Dir::Write => b" write ",
    }
}

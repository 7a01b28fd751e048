//! For programs: one JSON object per line, as docs/json.md says.

mod message;
mod proto;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use stream::event::Comm;
use stream::protobuf::Descriptors;
use stream::{AddrSource, Close, Conn, Dir, Gap, GapReason, InFlight, Message, Piece};

use crate::address::{self, push_number};
use crate::time::Stamp;
use crate::{Keyless, Sink, Summary, Unhooked, escape};

/// The JSON format.
#[derive(Debug, Clone)]
pub struct Json {
    stamp: Stamp,
    descriptors: Descriptors,
}

impl Default for Json {
    fn default() -> Self {
        Self { stamp: Stamp::rfc3339(), descriptors: Descriptors::default() }
    }
}

/// Who moved bytes; a gap that was found by its position names no thread.
struct Who<'a> {
    tid: Option<Option<u32>>,
    uid: u32,
    comm: &'a Comm,
}

impl Json {
    /// The JSON format.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with names for fields of Protocol Buffers.
    pub fn describing(descriptors: Descriptors) -> Self {
        Self { descriptors, ..Self::default() }
    }

    /// `{"type":"data","time":"…"`.
    fn begin(&mut self, out: &mut Vec<u8>, kind: &str, time: u64) {
        out.extend_from_slice(b"{\"type\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\",\"time\":\"");
        self.stamp.push(out, time);
        out.push(b'"');
    }
}

impl Sink for Json {
    fn open(&mut self, out: &mut Vec<u8>, conn: &Conn, time: u64) {
        self.begin(out, "open", time);
        push_who(out, conn, Who { tid: None, uid: conn.uid, comm: &conn.comm });
        push_addresses(out, conn);
        out.extend_from_slice(b"}\n");
    }

    fn data(&mut self, out: &mut Vec<u8>, conn: &Conn, piece: &Piece<'_>) {
        self.begin(out, "data", piece.time);
        push_who(out, conn, Who { tid: Some(Some(piece.tid)), uid: piece.uid, comm: &piece.comm });
        push_span(out, piece.dir, piece.pos, piece.bytes.len() as u64);
        push_addresses(out, conn);
        push_field(out, b",\"call_len\":", piece.call_len);
        push_field(out, b",\"call_off\":", piece.call_off);
        push_peek(out, piece.peek);
        out.extend_from_slice(b",\"data\":\"");
        push_base64(out, piece.bytes);
        out.extend_from_slice(b"\"}\n");
    }

    fn message(&mut self, out: &mut Vec<u8>, conn: &Conn, message: &Message<'_>) {
        message::push(self, out, conn, message);
    }

    fn gap(&mut self, out: &mut Vec<u8>, conn: &Conn, gap: &Gap) {
        self.begin(out, "gap", gap.time);
        push_who(out, conn, Who { tid: Some(gap.tid), uid: gap.uid, comm: &gap.comm });
        push_span(out, gap.dir, gap.pos, gap.len);
        push_addresses(out, conn);
        push_peek(out, gap.peek);
        out.extend_from_slice(b",\"reason\":\"");
        out.extend_from_slice(gap.reason.name().as_bytes());
        out.extend_from_slice(b"\"}\n");
    }

    fn close(&mut self, out: &mut Vec<u8>, conn: &Conn, close: &Close) {
        self.begin(out, "close", close.time);
        push_who(out, conn, Who { tid: None, uid: conn.uid, comm: &conn.comm });
        push_addresses(out, conn);
        out.extend_from_slice(b",\"reason\":\"");
        out.extend_from_slice(close.reason.name().as_bytes());
        out.push(b'"');
        push_pair(out, b",\"captured\":", close.captured.map(Some));
        push_pair(out, b",\"missing\":", close.missing.map(Some));
        let requested = |call: Option<InFlight>| call.map(|call| call.requested);
        push_pair(out, b",\"unfinished\":", close.unfinished.map(requested));
        out.extend_from_slice(b"}\n");
    }

    fn summary(&mut self, out: &mut Vec<u8>, summary: &Summary) {
        let totals = &summary.totals;
        self.begin(out, "summary", summary.time);
        push_field(out, b",\"connections\":", totals.connections);
        push_pair(out, b",\"captured\":", totals.captured.map(Some));
        push_field(out, b",\"gaps\":{\"bytes\":", totals.all_gaps().bytes);
        out.extend_from_slice(b",\"by_reason\":{");
        for reason in GapReason::ALL {
            if reason.index() > 0 {
                out.push(b',');
            }
            let gap = totals.gap(reason);
            out.push(b'"');
            out.extend_from_slice(reason.name().as_bytes());
            push_field(out, b"\":{\"count\":", gap.count);
            push_field(out, b",\"bytes\":", gap.bytes);
            out.push(b'}');
        }
        out.extend_from_slice(b"}}");
        push_field(out, b",\"lost_events\":", summary.lost_events);
        push_field(out, b",\"unaccounted\":", summary.unaccounted);
        push_field(out, b",\"overlaps\":", totals.overlaps);
        push_field(out, b",\"peeked\":", totals.peeked);
        push_field(out, b",\"evicted\":", totals.evicted);
        push_field(out, b",\"undecoded\":", totals.undecoded);
        for (index, (reason, left)) in summary.left_out.by_reason().into_iter().enumerate() {
            out.extend_from_slice(if index == 0 { b",\"left_out\":{\"" } else { b",\"" });
            out.extend_from_slice(reason.as_bytes());
            push_field(out, b"\":{\"connections\":", left.connections);
            push_field(out, b",\"bytes\":", left.bytes);
            out.push(b'}');
        }
        out.push(b'}');
        if let Some(reduced) = summary.reduced {
            push_field(out, b",\"reduced\":{\"down\":", reduced.down);
            push_field(out, b",\"up\":", reduced.up);
            push_field(out, b",\"seconds\":", reduced.seconds);
            out.push(b'}');
        }
        if let Some(keyless) = &summary.keyless {
            push_keyless(out, keyless);
        }
        push_unhooked(out, &summary.unhooked);
        out.extend_from_slice(b"}\n");
    }
}

fn push_keyless(out: &mut Vec<u8>, all: &[Keyless]) {
    out.extend_from_slice(b",\"keyless\":[");
    for (index, one) in all.iter().enumerate() {
        push_field(out, if index == 0 { b"{\"pid\":" } else { b",{\"pid\":" }, one.pid.into());
        for (name, value) in [("comm", &one.comm), ("exe", &one.exe), ("why", &one.why)] {
            push_text(out, name, value);
        }
        push_field(out, b",\"connections\":", one.connections);
        out.push(b'}');
    }
    out.push(b']');
}

fn push_unhooked(out: &mut Vec<u8>, all: &[Unhooked]) {
    out.extend_from_slice(b",\"unhooked\":[");
    for (index, one) in all.iter().enumerate() {
        push_field(out, if index == 0 { b"{\"pid\":" } else { b",{\"pid\":" }, one.pid.into());
        for (name, value) in [("comm", &one.comm), ("exe", &one.exe), ("lib", &one.lib)] {
            push_text(out, name, value);
        }
        push_optional(out, b",\"ns\":", one.ns);
        push_text(out, "reason", one.reason);
        push_text(out, "why", &one.why);
        out.push(b'}');
    }
    out.push(b']');
}

fn push_text(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    escape::json(out, value.as_bytes());
}

fn push_who(out: &mut Vec<u8>, conn: &Conn, who: Who<'_>) {
    push_field(out, b",\"pid\":", conn.pid.into());
    if let Some(tid) = who.tid {
        push_optional(out, b",\"tid\":", tid.map(u64::from));
    }
    push_field(out, b",\"uid\":", who.uid.into());
    out.extend_from_slice(b",\"comm\":");
    escape::json(out, who.comm.as_bytes());
    out.extend_from_slice(b",\"exe\":");
    escape::json(out, conn.exe.as_bytes());
    out.extend_from_slice(b",\"lib\":");
    escape::json(out, conn.lib.as_bytes());
    push_field(out, b",\"conn\":", conn.id);
}

fn push_span(out: &mut Vec<u8>, dir: Dir, pos: u64, len: u64) {
    out.extend_from_slice(match dir {
        Dir::Read => b",\"dir\":\"read\"",
        Dir::Write => b",\"dir\":\"write\"",
    });
    push_field(out, b",\"pos\":", pos);
    push_field(out, b",\"len\":", len);
}

fn push_addresses(out: &mut Vec<u8>, conn: &Conn) {
    for (name, address) in
        [(b",\"local\":".as_slice(), conn.local), (b",\"remote\":".as_slice(), conn.remote)]
    {
        out.extend_from_slice(name);
        match address {
            Some(address) => {
                out.push(b'"');
                address::push(out, address);
                out.push(b'"');
            }
            None => out.extend_from_slice(b"null"),
        }
    }
    out.extend_from_slice(match conn.addr_source {
        AddrSource::Unknown => b",\"addr_source\":\"unknown\"",
        AddrSource::CallSocket => b",\"addr_source\":\"call-socket\"".as_slice(),
        AddrSource::Descriptor => b",\"addr_source\":\"descriptor\"",
    });
}

fn push_peek(out: &mut Vec<u8>, peek: bool) {
    out.extend_from_slice(if peek { b",\"peek\":true" } else { b",\"peek\":false".as_slice() });
}

fn push_pair(out: &mut Vec<u8>, name: &[u8], values: [Option<u64>; 2]) {
    out.extend_from_slice(name);
    push_optional(out, b"{\"read\":", values[Dir::Read as usize]);
    push_optional(out, b",\"write\":", values[Dir::Write as usize]);
    out.push(b'}');
}

fn push_optional(out: &mut Vec<u8>, name: &[u8], value: Option<u64>) {
    match value {
        Some(value) => push_field(out, name, value),
        None => {
            out.extend_from_slice(name);
            out.extend_from_slice(b"null");
        }
    }
}

fn push_field(out: &mut Vec<u8>, name: &[u8], value: u64) {
    out.extend_from_slice(name);
    push_number(out, value);
}

pub(crate) fn push_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    // The room is exactly what encoding takes, so this cannot fail.
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).unwrap_or(0);
    out.truncate(start + written);
}

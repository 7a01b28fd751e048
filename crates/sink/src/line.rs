//! For a glance: one line per exchange or statement.

use std::io::Write as _;

use stream::message::{Part, Query, What};
use stream::{Close, Conn, Gap, Message, Piece};

use crate::time::{Precision, Stamp};
use crate::{Sink, Summary, TimeZone, escape};

/// One line each: time, process, method, status, bytes of the body, milliseconds, URL. What streams
/// in an exchange has lines of its own, with its kind in place of the method. A statement has its
/// command there, and its first line in place of the URL, behind the SQLSTATE of an error.
#[derive(Debug, Clone)]
pub struct Lines {
    stamp: Stamp,
}

/// Columns of the process; longer ones push the rest to the right.
const WHO: usize = 22;
/// Bytes of a statement.
const STATEMENT: usize = 200;

impl Lines {
    /// Lines with the time of this zone.
    pub fn new(zone: TimeZone, precision: Precision) -> Self {
        Self { stamp: Stamp::local(zone, precision) }
    }
}

impl Sink for Lines {
    fn open(&mut self, _: &mut Vec<u8>, _: &Conn, _: u64) {}

    fn data(&mut self, _: &mut Vec<u8>, _: &Conn, _: &Piece<'_>) {}

    fn message(&mut self, out: &mut Vec<u8>, conn: &Conn, message: &Message<'_>) {
        let line = message.request.unwrap_or_default();
        let mut url = Vec::new();
        line.push_url(&mut url);
        let (kind, bytes, total): (&[u8], _, _) = match &message.what {
            What::Response(response) if response.part != Part::Head => {
                let method = line.method.unwrap_or(b"?");
                (method, Some(response.content.body.len), response.total)
            }
            What::Unanswered => {
                let total = message.ended.saturating_sub(message.begun);
                (line.method.unwrap_or(b"?"), None, Some(total))
            }
            What::Event(event) => (b"event", Some(event.data.len() as u64), None),
            What::Frame(frame) => (b"frame", Some(frame.payload.len), None),
            What::Rpc(rpc) => (b"message", Some(rpc.payload.len), None),
            What::Query(query) => {
                url.extend_from_slice(first_line(query.statement.bytes));
                (query.command.name().as_bytes(), Some(query.answer.len), query.total)
            }
            What::Request(_) | What::Response(_) | What::Control(_) | What::Loose(_) => return,
        };
        self.stamp.push(out, message.begun);
        out.push(b' ');
        let start = out.len();
        escape::name(out, message.by.comm.as_bytes());
        // Writing to a Vec does not fail.
        let _ = write!(out, "[{}]", conn.pid);
        pad(out, start, WHO);
        out.push(b' ');
        let start = out.len();
        escape::name(out, kind);
        pad(out, start, 7);
        match message.status {
            Some(status) => drop(write!(out, " {status:>3}")),
            None => out.extend_from_slice(b"   -"),
        }
        match bytes {
            Some(bytes) => drop(write!(out, " {bytes:>9} B")),
            None => out.extend_from_slice(b"         -  "),
        }
        match total {
            Some(total) => {
                let (whole, part) = (total / 1_000_000, total / 100_000 % 10);
                let _ = write!(out, " {whole:>6}.{part} ms ");
            }
            None => out.extend_from_slice(b"          -  "),
        }
        if let What::Query(Query { error: Some(error), .. }) = &message.what {
            escape::name(out, error.sqlstate);
            out.push(b' ');
        }
        escape::name(out, if url.is_empty() { b"?" } else { &url });
        for flaw in message.flaws.iter() {
            let _ = write!(out, " ({})", flaw.name());
        }
        out.push(b'\n');
    }

    fn gap(&mut self, _: &mut Vec<u8>, _: &Conn, _: &Gap) {}

    fn close(&mut self, _: &mut Vec<u8>, _: &Conn, _: &Close) {}

    fn summary(&mut self, _: &mut Vec<u8>, _: &Summary) {}
}

/// The first line of a statement that has something in it, as far as it is for a glance.
fn first_line(statement: &[u8]) -> &[u8] {
    let mut lines = statement.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let line = lines.find(|line| !line.is_empty()).unwrap_or_default();
    &line[..line.len().min(STATEMENT)]
}

fn pad(out: &mut Vec<u8>, start: usize, columns: usize) {
    let written = String::from_utf8_lossy(&out[start..]).chars().count();
    out.resize(out.len() + columns.saturating_sub(written), b' ');
}

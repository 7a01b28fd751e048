//! For browsers' developer tools: HAR 1.2
//! (<https://w3c.github.io/web-performance/specs/HAR/Overview.html>), one entry per exchange.
//!
//! An entry is written when its exchange is complete; until then the request is held, within
//! bounds. [`PROLOGUE`] stands before all entries and [`EPILOGUE`] behind them; each entry brings
//! the comma before it, and whoever writes the first one leaves that out.

mod entry;

use std::collections::BTreeMap;

use stream::message::{Kept, Part, What};
use stream::{Close, Conn, Gap, Message, Piece};

use crate::time::Stamp;
use crate::{Sink, Summary};

/// What a file begins with.
pub const PROLOGUE: &str = concat!(
    "{\"log\":{\"version\":\"1.2\",\"creator\":{\"name\":\"ecapture\",\"version\":\"",
    env!("CARGO_PKG_VERSION"),
    "\"},\"entries\":["
);
/// What a file ends with.
pub const EPILOGUE: &str = "\n]}}\n";

/// Bytes that are held for exchanges that are not complete.
const HELD: usize = 32 << 20;
/// Bytes of the messages of one WebSocket that are written; more are counted.
const SOCKET: usize = 4 << 20;

/// The HAR format.
#[derive(Debug)]
pub struct Har {
    stamp: Stamp,
    open: BTreeMap<(u64, u64), Open>,
    held: usize,
    /// Of databases, which the format does not know.
    statements: u64,
}

/// An exchange that is not complete.
#[derive(Debug)]
struct Open {
    conn: Conn,
    request: Option<Kept>,
    /// Of a WebSocket, which goes on after its response.
    response: Option<Kept>,
    /// Its messages, as they are written.
    frames: Vec<u8>,
    dropped: u64,
}

impl Default for Har {
    fn default() -> Self {
        Self { stamp: Stamp::rfc3339(), open: BTreeMap::new(), held: 0, statements: 0 }
    }
}

impl Har {
    /// The HAR format.
    pub fn new() -> Self {
        Self::default()
    }

    fn entry(&mut self, key: (u64, u64), conn: &Conn) -> &mut Open {
        self.open.entry(key).or_insert_with(|| Open {
            conn: conn.clone(),
            request: None,
            response: None,
            frames: Vec::new(),
            dropped: 0,
        })
    }

    fn take(&mut self, key: (u64, u64)) -> Option<Open> {
        let open = self.open.remove(&key)?;
        self.held -= open.held();
        Some(open)
    }

    /// Writes what an exchange came to.
    fn write(
        &mut self,
        out: &mut Vec<u8>,
        conn: &Conn,
        open: Option<&Open>,
        last: Option<&Message<'_>>,
    ) {
        let request = open.and_then(|open| open.request.as_ref()).map(Kept::message);
        let kept = open.and_then(|open| open.response.as_ref()).map(Kept::message);
        let frames = open.map(|open| (open.frames.as_slice(), open.dropped));
        let entry = entry::Entry {
            conn,
            request: request.as_ref(),
            response: last.or(kept.as_ref()),
            frames: frames.filter(|_| kept.is_some()),
        };
        entry.push(&mut self.stamp, out);
    }

    /// Past the bound, the oldest connection's exchanges are written as they are.
    fn bound(&mut self, out: &mut Vec<u8>) {
        while self.held > HELD {
            let Some(&key) = self.open.keys().next() else { return };
            let Some(open) = self.take(key) else { return };
            self.write(out, &open.conn, Some(&open), None);
        }
    }

    fn frame(&mut self, conn: &Conn, message: &Message<'_>) {
        let open = self.entry((conn.id, message.exchange), conn);
        if open.frames.len() > SOCKET {
            open.dropped += 1;
            return;
        }
        let before = open.frames.len();
        let asked = open.request.as_ref().map(|request| request.message().dir);
        entry::push_frame(&mut open.frames, message, asked);
        let more = open.frames.len() - before;
        self.held += more;
    }
}

impl Open {
    fn held(&self) -> usize {
        let kept = [&self.request, &self.response].into_iter().flatten();
        kept.map(cost).sum::<usize>() + self.frames.len()
    }
}

fn cost(kept: &Kept) -> usize {
    size_of::<Open>() + kept.len()
}

impl Sink for Har {
    fn open(&mut self, _: &mut Vec<u8>, _: &Conn, _: u64) {}

    fn data(&mut self, _: &mut Vec<u8>, _: &Conn, _: &Piece<'_>) {}

    fn message(&mut self, out: &mut Vec<u8>, conn: &Conn, message: &Message<'_>) {
        let key = (conn.id, message.exchange);
        match &message.what {
            What::Request(_) => {
                let kept = Kept::from(message);
                self.held += cost(&kept);
                self.entry(key, conn).request = Some(kept);
            }
            What::Response(response) => match (response.part, message.status) {
                (Part::Head, _) | (_, Some(100 | 102..=199)) => {}
                (_, Some(101)) => {
                    let kept = Kept::from(message);
                    self.held += cost(&kept);
                    self.entry(key, conn).response = Some(kept);
                }
                _ => {
                    let open = self.take(key);
                    self.write(out, conn, open.as_ref(), Some(message));
                }
            },
            What::Unanswered => {
                let open = self.take(key);
                self.write(out, conn, open.as_ref(), Some(message));
            }
            What::Frame(_) => self.frame(conn, message),
            // Events are in the response's body, gRPC's messages have no place in this format.
            What::Query(_) => self.statements += 1,
            What::Event(_) | What::Rpc(_) | What::Control(_) | What::Loose(_) => {}
        }
        self.bound(out);
    }

    fn gap(&mut self, _: &mut Vec<u8>, _: &Conn, _: &Gap) {}

    fn close(&mut self, out: &mut Vec<u8>, conn: &Conn, _: &Close) {
        while let Some((&key, _)) = self.open.range((conn.id, 0)..=(conn.id, u64::MAX)).next() {
            let open = self.take(key);
            self.write(out, conn, open.as_ref(), None);
        }
    }

    fn summary(&mut self, _: &mut Vec<u8>, _: &Summary) {}

    fn left_out(&self) -> u64 {
        self.statements
    }
}

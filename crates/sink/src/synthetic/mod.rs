//! Plaintext as TCP streams that nobody sent, so that dissectors work on it: pcapng packets whose
//! addresses, order and times are those of the calls that moved the bytes.
//!
//! A sequence number is a place in the plaintext. What is missing is a segment that is missing.

mod early;
mod ends;
mod segment;

use std::collections::HashMap;
use std::iter;

use stream::{Close, CloseReason, Conn, Dir, Gap, Message, Piece};

use crate::pcapng::{self, Comment, Interface, Packet, Process, Section};
use crate::{Sink, Summary};
use early::{Early, Move, Queue};
use ends::Ends;
use segment::{ACK, FIN, PAYLOAD_MAX, PSH, SYN, Segment};

pub use ends::Taken;

/// The format. Each connection is to be told to one of these from begin to end; several may write
/// to one file, behind one [`head`](Self::head).
#[derive(Debug, Default)]
pub struct Synthetic {
    streams: HashMap<u64, Stream>,
    /// Connections whose addresses may still become known.
    early: Early,
    taken: Taken,
    /// Kept for its room.
    packet: Vec<u8>,
}

/// One connection; pairs are indexed by [`Dir`], the direction that bytes go.
#[derive(Debug)]
struct Stream {
    ends: Ends,
    /// The number of the SYN.
    first: [u32; 2],
    /// Bytes up to here were there, or are missing.
    next: [u64; 2],
    /// What the other end has confirmed.
    acked: [u64; 2],
    /// What is to be said beside the next packet.
    note: [String; 2],
}

/// Raw IP: a packet begins with the header of IPv4 or IPv6.
const LINKTYPE_RAW: u16 = 101;
const SNAP_BYTES: u32 = 262_144;
/// How far a sender gets ahead: half of the window that its segments announce.
const UNCONFIRMED: u64 = 32 << 10;

impl Synthetic {
    /// Those that write to one file share `taken`.
    pub fn new(taken: Taken) -> Self {
        Self { taken, ..Self::default() }
    }

    /// What the file begins with. The section's comment is set here.
    pub fn head(out: &mut Vec<u8>, section: &Section<'_>) {
        let comment = "Synthetic: no packet in this file was on a network. ecapture made TCP \
                       streams of the plaintext that programs handed to and got from their TLS \
                       libraries. Addresses, order and times are true unless a packet's comment \
                       says otherwise; sequence numbers count plaintext.";
        pcapng::section(out, &Section { comment, ..*section });
        let interface = Interface {
            name: "plaintext",
            description: "synthetic TCP streams made of plaintext",
            link: LINKTYPE_RAW,
            snap_bytes: SNAP_BYTES,
            filter: "",
        };
        pcapng::interface(out, &interface);
    }

    /// Writes what waited for its addresses long enough by `now`, nanoseconds since 1970: they are
    /// made up.
    pub fn expire(&mut self, out: &mut Vec<u8>, now: u64) {
        while let Some(queue) = self.early.over(now) {
            self.write_queue(out, &queue.conn, &queue);
        }
    }

    /// When that is the case next.
    pub fn deadline(&self) -> Option<u64> {
        self.early.deadline()
    }

    /// Whether it is too early to write something of a connection, because nobody knows yet where
    /// it goes; what waited is written otherwise.
    fn is_early(&mut self, out: &mut Vec<u8>, conn: &Conn) -> bool {
        if conn.local.zip(conn.remote).is_none() && !self.streams.contains_key(&conn.id) {
            return true;
        }
        if let Some(queue) = self.early.take(conn.id) {
            self.write_queue(out, conn, &queue);
        }
        false
    }

    fn hold(&mut self, out: &mut Vec<u8>, conn: &Conn, what: Move) {
        if let Some(queue) = self.early.add(conn, what) {
            self.write_queue(out, &queue.conn, &queue);
        }
    }

    fn write_queue(&mut self, out: &mut Vec<u8>, conn: &Conn, queue: &Queue) {
        for what in &queue.moves {
            match what {
                Move::Bytes { time, dir, pos, bytes } => {
                    self.write(out, conn, (*time, *dir, *pos), bytes);
                }
                Move::Gap(gap) => self.skip(out, conn, gap),
            }
        }
    }

    /// Writes bytes: when they moved, which way, and where in that direction they stand.
    fn write(
        &mut self,
        out: &mut Vec<u8>,
        conn: &Conn,
        (time, dir, mut pos): (u64, Dir, u64),
        bytes: &[u8],
    ) {
        self.with(out, conn, time, (dir, pos), |stream, pen| {
            let parts = bytes.chunks(PAYLOAD_MAX);
            let last = parts.len() - 1;
            for (number, part) in parts.enumerate() {
                stream.next[dir as usize] = pos;
                let push = if number == last { PSH } else { 0 };
                stream.send(dir, ACK | push, part, pen);
                pos += part.len() as u64;
                stream.next[dir as usize] = pos;
                stream.confirm(dir, pen);
            }
        });
    }

    fn skip(&mut self, out: &mut Vec<u8>, conn: &Conn, gap: &Gap) {
        self.with(out, conn, gap.time, (gap.dir, gap.pos), |stream, _| {
            let (len, reason) = (gap.len, gap.reason.name());
            stream.say(gap.dir, &format!("{len} bytes before this are missing: {reason}"));
            stream.next[gap.dir as usize] = gap.pos.saturating_add(len);
        });
    }

    /// The stream of a connection that goes on; begins it if it is new. `first`: what comes now.
    fn with(
        &mut self,
        out: &mut Vec<u8>,
        conn: &Conn,
        time: u64,
        first: (Dir, u64),
        then: impl FnOnce(&mut Stream, &mut Pen<'_>),
    ) {
        let mut pen = Pen { out, time, packet: &mut self.packet };
        let stream = self.streams.entry(conn.id).or_insert_with(|| {
            let stream = Stream::new(conn, &self.taken, first);
            stream.begin(conn, first, &mut pen);
            stream
        });
        if let Some(known) = stream.ends.learn(conn) {
            stream.say(first.0, &known);
        }
        then(stream, &mut pen);
    }
}

impl Sink for Synthetic {
    fn open(&mut self, _: &mut Vec<u8>, _: &Conn, _: u64) {}

    fn data(&mut self, out: &mut Vec<u8>, conn: &Conn, piece: &Piece<'_>) {
        // What was peeked at comes again.
        if piece.peek || piece.bytes.is_empty() {
            return;
        }
        if self.is_early(out, conn) {
            return self.hold(out, conn, Move::from(piece));
        }
        self.write(out, conn, (piece.time, piece.dir, piece.pos), piece.bytes);
    }

    fn message(&mut self, _: &mut Vec<u8>, _: &Conn, _: &Message<'_>) {}

    fn gap(&mut self, out: &mut Vec<u8>, conn: &Conn, gap: &Gap) {
        if gap.peek {
            return;
        }
        if self.is_early(out, conn) {
            return self.hold(out, conn, Move::Gap(*gap));
        }
        self.skip(out, conn, gap);
    }

    fn close(&mut self, out: &mut Vec<u8>, conn: &Conn, close: &Close) {
        if let Some(queue) = self.early.take(conn.id) {
            self.write_queue(out, conn, &queue);
        }
        let Some(mut stream) = self.streams.remove(&conn.id) else { return };
        stream.ends.release(&self.taken);
        let mut pen = Pen { out, time: close.time, packet: &mut self.packet };
        let ended = !matches!(close.reason, CloseReason::Evicted | CloseReason::Detached);
        if ended {
            stream.say(Dir::Write, &format!("the connection ended: {}", close.reason.name()));
        }
        for dir in [Dir::Write, Dir::Read] {
            let flags = if ended { FIN | ACK } else { ACK };
            if ended || !stream.note[dir as usize].is_empty() {
                stream.send(dir, flags, &[], &mut pen);
                stream.next[dir as usize] += u64::from(ended);
            }
        }
        if ended {
            stream.send(Dir::Write, ACK, &[], &mut pen);
        }
    }

    /// What is missing stands where it is missing.
    fn summary(&mut self, _: &mut Vec<u8>, _: &Summary) {}
}

/// What packets are written with.
struct Pen<'a> {
    out: &'a mut Vec<u8>,
    time: u64,
    packet: &'a mut Vec<u8>,
}

impl Stream {
    fn new(conn: &Conn, taken: &Taken, (dir, pos): (Dir, u64)) -> Self {
        // Two connections between the same ends are told apart by these.
        let first = (conn.id as u32).wrapping_mul(0x9e37_79b1);
        let mut next = [0; 2];
        next[dir as usize] = pos;
        Self {
            ends: Ends::of(conn, dir, taken),
            first: [first, !first],
            next,
            acked: next,
            note: Default::default(),
        }
    }

    /// Writes how the connection was opened. One that was forgotten meanwhile goes on instead.
    fn begin(&self, conn: &Conn, (_, pos): (Dir, u64), pen: &mut Pen<'_>) {
        let lib = conn.lib.escape_debug();
        let what = format!("synthetic: made of plaintext that passed {lib}");
        let process = Process {
            pid: conn.pid,
            comm: conn.comm.as_bytes(),
            exe: (!conn.exe.is_empty()).then_some(conn.exe.as_bytes()),
            container: None,
            local: self.ends.sender(Dir::Write),
        };
        let comments = [Comment::Process(process), Comment::Text(&what)];
        let comments = comments.into_iter().chain(self.ends.remark().map(Comment::Text));
        let (opener, other) = match self.ends.client() {
            Dir::Write => (Dir::Write, Dir::Read),
            Dir::Read => (Dir::Read, Dir::Write),
        };
        if pos > 0 {
            return self.write(opener, ACK, &[], comments, pen);
        }
        let opening = |dir: Dir| self.first[dir as usize];
        let (from, to) = (opening(opener), opening(other));
        self.packet(opener, (from, 0, SYN), &[], comments, pen);
        let answer = (to, from.wrapping_add(1), SYN | ACK);
        self.packet(other, answer, &[], iter::empty(), pen);
        self.write(opener, ACK, &[], iter::empty(), pen);
    }

    /// Keeps a sentence for the next packet.
    fn say(&mut self, dir: Dir, what: &str) {
        const NOTE_MAX: usize = 4096;
        let note = &mut self.note[dir as usize];
        if note.len() < NOTE_MAX {
            if !note.is_empty() {
                note.push_str("; ");
            }
            note.push_str(what);
        }
    }

    /// Confirms what was sent so far, if the sender would have to wait for that.
    fn confirm(&mut self, dir: Dir, pen: &mut Pen<'_>) {
        if self.next[dir as usize] - self.acked[dir as usize] >= UNCONFIRMED {
            let other = if dir == Dir::Write { Dir::Read } else { Dir::Write };
            self.send(other, ACK, &[], pen);
        }
    }

    /// Writes a segment that goes on where its direction stands, with what was to be said.
    fn send(&mut self, dir: Dir, flags: u8, payload: &[u8], pen: &mut Pen<'_>) {
        let note = std::mem::take(&mut self.note[dir as usize]);
        let noted = (!note.is_empty()).then_some(Comment::Text(&note));
        self.write(dir, flags, payload, noted.into_iter(), pen);
        let other = 1 - dir as usize;
        self.acked[other] = self.next[other];
    }

    fn write<'a>(
        &self,
        dir: Dir,
        flags: u8,
        payload: &[u8],
        comments: impl Iterator<Item = Comment<'a>>,
        pen: &mut Pen<'_>,
    ) {
        let number = |dir: usize| {
            // Sequence numbers go round, as TCP's do.
            self.first[dir].wrapping_add(1).wrapping_add(self.next[dir] as u32)
        };
        let numbers = (number(dir as usize), number(1 - dir as usize), flags);
        self.packet(dir, numbers, payload, comments, pen);
    }

    fn packet<'a>(
        &self,
        dir: Dir,
        (seq, ack, flags): (u32, u32, u8),
        payload: &[u8],
        comments: impl Iterator<Item = Comment<'a>>,
        pen: &mut Pen<'_>,
    ) {
        let (from, to) = (self.ends.sender(dir), self.ends.receiver(dir));
        Segment { from, to, seq, ack, flags, payload }.write(pen.packet);
        let len = pen.packet.len() as u32;
        let packet = Packet { interface: 0, time_ns: pen.time, len, bytes: pen.packet };
        pcapng::packet(pen.out, &packet, comments);
    }
}

//! What a decoder tells, kept for comparison, and a connection to feed it with.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, reason = "only tests call this")]

use std::fmt::Write as _;

use stream::event::Comm;
use stream::message::{Content, Flaw, Headers, Part, Problem, What};
use stream::proto::{Decoder, Options};
use stream::{
    AddrSource, Close, CloseReason, Conn, Dir, Gap, GapReason, Message, Messages, Output, Piece,
};

/// One thing that was told, without what most tests do not look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub conn: u64,
    pub dir: Dir,
    pub pos: u64,
    pub len: u64,
    pub begun: u64,
    pub ended: u64,
    pub exchange: u64,
    pub stream: Option<u32>,
    pub flaws: Vec<Flaw>,
    /// `GET https://host/path`, `-` for what is not known.
    pub request: Option<String>,
    pub status: Option<u16>,
    pub what: Is,
}

/// The content, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Is {
    Request(Has),
    Response(Part, Has, Option<u64>, Option<u64>),
    Unanswered,
    Loose(Vec<u8>),
    /// Bytes of no known protocol.
    Data(Vec<u8>),
    Gap,
    /// Anything else, as it prints.
    Other(String),
}

/// Headers, body and trailers; fields as `name: value`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Has {
    pub headers: Vec<String>,
    pub body: Vec<u8>,
    pub len: u64,
    pub wire_len: u64,
    pub holes: Vec<(usize, Option<u64>)>,
    pub problem: Option<Problem>,
    pub trailers: Vec<String>,
}

/// The stage after a decoder.
#[derive(Debug, Default)]
pub struct Ears {
    pub heard: Vec<Heard>,
}

impl Output for Ears {
    fn open(&mut self, _: &Conn, _: u64) {}

    fn data(&mut self, conn: &Conn, piece: &Piece<'_>) {
        let is = Is::Data(piece.bytes.to_vec());
        self.heard.push(plain(conn, piece.dir, piece.pos, piece.bytes.len() as u64, is));
    }

    fn gap(&mut self, conn: &Conn, gap: &Gap) {
        self.heard.push(plain(conn, gap.dir, gap.pos, gap.len, Is::Gap));
    }

    fn close(&mut self, _: &Conn, _: &Close) {}
}

fn plain(conn: &Conn, dir: Dir, pos: u64, len: u64, what: Is) -> Heard {
    Heard {
        conn: conn.id,
        dir,
        pos,
        len,
        begun: 0,
        ended: 0,
        exchange: 0,
        stream: None,
        flaws: Vec::new(),
        request: None,
        status: None,
        what,
    }
}

impl Messages for Ears {
    fn message(&mut self, conn: &Conn, message: &Message<'_>) {
        let what = match message.what {
            What::Request(content) => Is::Request(has(&content)),
            What::Response(response) => Is::Response(
                response.part,
                has(&response.content),
                response.first_byte,
                response.total,
            ),
            What::Unanswered => Is::Unanswered,
            What::Loose(bytes) => Is::Loose(bytes.to_vec()),
            other => Is::Other(format!("{other:?}")),
        };
        let request = message.request.map(|line| {
            let part = |part: Option<&[u8]>| text(part.unwrap_or(b"-"));
            let mut shown = part(line.method);
            let _ = write!(
                shown,
                " {} {} {}",
                part(line.scheme),
                part(line.authority),
                part(line.target)
            );
            shown
        });
        self.heard.push(Heard {
            conn: conn.id,
            dir: message.dir,
            pos: message.wire.pos,
            len: message.wire.len,
            begun: message.begun,
            ended: message.ended,
            exchange: message.exchange,
            stream: message.stream,
            flaws: message.flaws.iter().collect(),
            request,
            status: message.status,
            what,
        });
    }
}

fn has(content: &Content<'_>) -> Has {
    let body = &content.body;
    Has {
        headers: fields(content.headers),
        body: body.bytes.to_vec(),
        len: body.len,
        wire_len: body.wire_len,
        holes: body.holes.iter().map(|hole| (hole.at, hole.len)).collect(),
        problem: body.problem,
        trailers: fields(content.trailers),
    }
}

fn fields(headers: Headers<'_>) -> Vec<String> {
    let part = |part: Option<&[u8]>| part.map_or("<unknown>".to_owned(), text);
    headers.iter().map(|field| format!("{}: {}", part(field.name), part(field.value))).collect()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A decoder and one connection of it; time goes on by one with each call.
pub struct Line {
    pub decoder: Decoder,
    pub ears: Ears,
    pub conn: Conn,
    pub time: u64,
    pub pos: [u64; 2],
}

impl Line {
    pub fn new() -> Self {
        Self::with(Options::default())
    }

    pub fn with(options: Options) -> Self {
        let mut line = Self {
            decoder: Decoder::new(options),
            ears: Ears::default(),
            conn: conn(1),
            time: 0,
            pos: [0; 2],
        };
        line.decoder.onto(&mut line.ears).open(&line.conn, 0);
        line
    }

    pub fn moves(&mut self, dir: Dir, bytes: &[u8]) {
        self.time += 1;
        let pos = self.pos[dir as usize];
        self.pos[dir as usize] += bytes.len() as u64;
        let piece = Piece {
            time: self.time,
            tid: 8,
            comm: Comm::default(),
            uid: 9,
            dir,
            pos,
            bytes,
            peek: false,
            call_len: bytes.len() as u64,
            call_off: 0,
        };
        self.decoder.onto(&mut self.ears).data(&self.conn, &piece);
    }

    pub fn read(&mut self, bytes: impl AsRef<[u8]>) {
        self.moves(Dir::Read, bytes.as_ref());
    }

    pub fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.moves(Dir::Write, bytes.as_ref());
    }

    pub fn lose(&mut self, dir: Dir, len: u64) {
        self.time += 1;
        let pos = self.pos[dir as usize];
        self.pos[dir as usize] += len;
        let (time, comm) = (self.time, Comm::default());
        let reason = GapReason::RingFull;
        let gap = Gap { time, tid: None, comm, uid: 9, dir, pos, len, reason, peek: false };
        self.decoder.onto(&mut self.ears).gap(&self.conn, &gap);
    }

    pub fn close(&mut self, reason: CloseReason) {
        self.time += 1;
        let (captured, missing) = ([0; 2], [0; 2]);
        let close = Close { time: self.time, reason, captured, missing, unfinished: [None, None] };
        self.decoder.onto(&mut self.ears).close(&self.conn, &close);
    }

    /// What was told since the last time.
    pub fn heard(&mut self) -> Vec<Heard> {
        std::mem::take(&mut self.ears.heard)
    }

    /// The one thing that was told since the last time.
    pub fn one(&mut self) -> Heard {
        let mut heard = self.heard();
        assert_eq!(heard.len(), 1, "{heard:#?}");
        heard.remove(0)
    }
}

pub fn conn(id: u64) -> Conn {
    Conn {
        id,
        pid: 7,
        start_ns: 70,
        uid: 9,
        comm: Comm::default(),
        exe: "".into(),
        lib: "".into(),
        local: None,
        remote: None,
        addr_source: AddrSource::Unknown,
        cgroup: 0,
    }
}

impl Heard {
    /// Request or response content.
    pub fn has(&self) -> &Has {
        match &self.what {
            Is::Request(has) | Is::Response(_, has, ..) => has,
            other => panic!("{other:?}"),
        }
    }
}

/// Each byte is in one thing that was told. What streams in a response lies within its end, and
/// missing bytes may lie within a message.
pub fn check_spans(heard: &[Heard], dir: Dir, moved: u64) {
    let mut spans: Vec<(u64, u64, bool)> = heard
        .iter()
        .filter(|heard| heard.dir == dir && heard.len > 0)
        .filter(|heard| !matches!(heard.what, Is::Response(Part::Head, ..) | Is::Other(_)))
        .map(|heard| (heard.pos, heard.len, heard.what == Is::Gap))
        .collect();
    spans.sort_unstable();
    let (mut next, mut gaps) = (0, 0);
    for (pos, len, is_gap) in spans {
        if is_gap {
            assert!(pos <= next || pos == next, "hole before a gap at {pos}: {heard:#?}");
            gaps = gaps.max(pos + len);
            next = next.max(pos + len);
            continue;
        }
        assert!(pos == next || pos <= gaps, "at {pos}, not {next}: {heard:#?}");
        next = next.max(pos + len);
    }
    assert_eq!(next, moved, "{heard:#?}");
}

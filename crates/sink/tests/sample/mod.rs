//! A connection and what happens on it.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, reason = "only tests call this")]

use sink::{Left, LeftOut, Summary, Unhooked};
use stream::event::Comm;
use stream::message::{
    Body, By, Content, Flaws, Head, Part, Protocol, RequestLine, Response, What, Wire,
};
use stream::{
    AddrSource, Close, CloseReason, Conn, Dir, Gap, GapReason, GapTotal, InFlight, Message, Piece,
    Totals,
};

/// 2026-11-23T05:15:00.123456789Z.
pub const TIME: u64 = 1_795_410_900_123_456_789;

pub fn comm(name: &[u8]) -> Comm {
    let mut bytes = [0; 16];
    bytes[..name.len()].copy_from_slice(name);
    Comm::from(bytes)
}

pub fn conn() -> Conn {
    Conn {
        id: 1,
        pid: 1234,
        start_ns: 1_000,
        uid: 1000,
        comm: comm(b"curl"),
        exe: "/usr/bin/curl".into(),
        lib: "/usr/lib/x86_64-linux-gnu/libssl.so.3".into(),
        local: Some("127.0.0.1:40112".parse().unwrap()),
        remote: Some("127.0.0.1:443".parse().unwrap()),
        addr_source: AddrSource::CallSocket,
        cgroup: 5,
    }
}

/// The same without a socket or a known file.
pub fn unknown() -> Conn {
    Conn {
        id: 2,
        exe: "".into(),
        lib: "".into(),
        local: None,
        remote: None,
        addr_source: AddrSource::Unknown,
        ..conn()
    }
}

pub fn piece(dir: Dir, bytes: &[u8]) -> Piece<'_> {
    Piece {
        time: TIME,
        tid: 1235,
        comm: comm(b"curl"),
        uid: 1000,
        dir,
        pos: 0,
        bytes,
        peek: false,
        call_len: bytes.len() as u64,
        call_off: 0,
    }
}

pub fn gap() -> Gap {
    Gap {
        time: TIME,
        tid: None,
        comm: comm(b"curl"),
        uid: 1000,
        dir: Dir::Read,
        pos: 81_920,
        len: 4_096,
        reason: GapReason::RingFull,
        peek: false,
    }
}

pub fn close() -> Close {
    Close {
        time: TIME,
        reason: CloseReason::Exit,
        captured: [81_920, 78],
        missing: [4_096, 0],
        unfinished: [None, Some(InFlight { requested: 16_384 })],
    }
}

pub fn unhooked() -> Unhooked {
    let [comm, exe, lib, why] = [
        "curl",
        "/usr/bin/curl",
        "/opt/libssl.so.3",
        "it could not be held: process 1300 traces it",
    ]
    .map(ToOwned::to_owned);
    Unhooked { pid: 1299, comm, exe, lib, ns: Some(8_200_000), reason: "traced", why }
}

pub fn summary() -> Summary {
    let mut totals = Totals {
        connections: 2,
        captured: [81_920, 78],
        missing: [4_096, 0],
        peeked: 5,
        ..Totals::default()
    };
    totals.gaps[GapReason::RingFull.index()] = GapTotal { count: 1, bytes: 4_096 };
    let left_out = LeftOut { sample: Left { connections: 3, bytes: 300 }, ..LeftOut::default() };
    Summary {
        time: TIME,
        totals,
        lost_events: 1,
        unaccounted: 0,
        left_out,
        reduced: None,
        keyless: None,
        unhooked: vec![unhooked()],
    }
}

pub fn fields(fields: &[(&str, &str)]) -> Head {
    let mut head = Head::new();
    for (name, value) in fields {
        head.push(Some(name.as_bytes()), Some(value.as_bytes()));
    }
    head
}

pub const ASKED: RequestLine<'_> = RequestLine {
    method: Some(b"GET"),
    scheme: None,
    authority: Some(b"localhost"),
    target: Some(b"/hello.txt"),
};

/// A message that says this.
pub fn message<'a>(dir: Dir, what: What<'a>) -> Message<'a> {
    Message {
        begun: TIME,
        ended: TIME + 13_790_000,
        by: By { tid: Some(1235), comm: comm(b"curl"), uid: 1000 },
        dir,
        protocol: Protocol::Http11,
        stream: None,
        exchange: 1,
        wire: Wire { pos: 0, len: 60 },
        flaws: Flaws::NONE,
        request: Some(ASKED),
        status: None,
        what,
    }
}

pub fn request(headers: &Head) -> Message<'_> {
    let content = Content { headers: headers.headers(), ..Content::default() };
    message(Dir::Write, What::Request(content))
}

pub fn response<'a>(headers: &'a Head, body: Body<'a>) -> Message<'a> {
    let content = Content { headers: headers.headers(), body, ..Content::default() };
    let response = Response {
        part: Part::Whole,
        reason: b"ok",
        content,
        first_byte: Some(13_700_000),
        total: Some(13_790_000),
    };
    Message { status: Some(200), ..message(Dir::Read, What::Response(response)) }
}

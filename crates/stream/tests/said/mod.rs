//! Messages made by hand, and a stage that keeps what it was told.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]

use stream::event::Comm;
use stream::message::{
    Body, By, Content, Flaws, Frame, Head, Kept, Message, Messages, Part, Protocol, RequestLine,
    Response, ServerEvent, What, Wire,
};
use stream::{AddrSource, Close, CloseReason, Conn, Dir, Gap, Output, Piece};

/// Everything that a stage was told, each as a word or two, and the messages.
#[derive(Default)]
pub struct Said {
    pub words: Vec<String>,
    pub messages: Vec<Kept>,
    pub pieces: Vec<Vec<u8>>,
}

impl Said {
    /// The words since the last call.
    pub fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.words)
    }
}

impl Output for Said {
    fn open(&mut self, conn: &Conn, time: u64) {
        self.words.push(format!("open {} at {time}", conn.id));
    }

    fn data(&mut self, _: &Conn, piece: &Piece<'_>) {
        self.words.push("data".to_owned());
        self.pieces.push(piece.bytes.to_vec());
    }

    fn gap(&mut self, _: &Conn, _: &Gap) {
        self.words.push("gap".to_owned());
    }

    fn close(&mut self, conn: &Conn, _: &Close) {
        self.words.push(format!("close {}", conn.id));
    }
}

impl Messages for Said {
    fn message(&mut self, conn: &Conn, message: &Message<'_>) {
        let part = match &message.what {
            What::Response(response) if response.part == Part::Head => " head",
            What::Response(response) if response.part == Part::End => " end",
            _ => "",
        };
        let name = message.what.name();
        self.words.push(format!("{name} {}/{}{part}", conn.id, message.exchange));
        self.messages.push(Kept::from(message));
    }
}

/// A connection.
pub fn conn(id: u64) -> Conn {
    Conn {
        id,
        pid: 1234,
        start_ns: 1,
        uid: 1000,
        comm: comm("curl"),
        exe: "/usr/bin/curl".into(),
        lib: "/usr/lib/libssl.so.3".into(),
        local: Some("127.0.0.1:40112".parse().unwrap()),
        remote: Some("[::1]:443".parse().unwrap()),
        addr_source: AddrSource::CallSocket,
        cgroup: 0,
    }
}

/// A thread's name.
pub fn comm(name: &str) -> Comm {
    let mut bytes = [0; 16];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    Comm::from(bytes)
}

/// The end of a connection.
pub fn close() -> Close {
    let reason = CloseReason::Freed;
    Close { time: 9, reason, captured: [0; 2], missing: [0; 2], unfinished: [None; 2] }
}

/// Fields.
pub fn head(fields: &[(&str, &str)]) -> Head {
    let mut head = Head::new();
    for (name, value) in fields {
        head.push(Some(name.as_bytes()), Some(value.as_bytes()));
    }
    head
}

/// A request line.
pub fn line<'a>(method: &'a str, host: &'a str, target: &'a str) -> RequestLine<'a> {
    RequestLine {
        method: Some(method.as_bytes()),
        scheme: None,
        authority: Some(host.as_bytes()),
        target: Some(target.as_bytes()),
    }
}

/// A body that is all there.
pub fn body(bytes: &[u8]) -> Body<'_> {
    let len = bytes.len() as u64;
    Body { bytes, len, wire_len: len, ..Body::default() }
}

/// A message of an exchange.
pub fn message<'a>(exchange: u64, request: RequestLine<'a>, what: What<'a>) -> Message<'a> {
    let dir = match what {
        What::Request(_) => Dir::Write,
        _ => Dir::Read,
    };
    Message {
        begun: 1,
        ended: 2,
        by: By { tid: Some(1235), comm: comm("worker"), uid: 1001 },
        dir,
        protocol: Protocol::Http11,
        stream: None,
        exchange,
        wire: Wire { pos: 0, len: 100 },
        flaws: Flaws::NONE,
        request: Some(request),
        status: None,
        what,
    }
}

/// A response that took a millisecond to begin and `ms` in all.
pub fn response<'a>(
    exchange: u64,
    request: RequestLine<'a>,
    status: u16,
    part: Part,
    ms: u64,
    content: Content<'a>,
) -> Message<'a> {
    let (first_byte, total) = (Some(1_000_000), Some(ms * 1_000_000));
    let response = Response { part, reason: b"", content, first_byte, total };
    Message { status: Some(status), ..message(exchange, request, What::Response(response)) }
}

/// A server-sent event.
pub fn event<'a>(exchange: u64, request: RequestLine<'a>, data: &'a str) -> Message<'a> {
    let event = ServerEvent { data: data.as_bytes(), ..ServerEvent::default() };
    Message { status: Some(200), ..message(exchange, request, What::Event(event)) }
}

/// A WebSocket message.
pub fn frame<'a>(exchange: u64, request: RequestLine<'a>, text: &'a str) -> Message<'a> {
    let payload = body(text.as_bytes());
    let frame = Frame { opcode: 1, payload, fragments: 1, close: None };
    Message { status: Some(101), ..message(exchange, request, What::Frame(frame)) }
}

//! WebSocket against tungstenite: what it writes is fed in pieces and read back the same. And what
//! tungstenite has not: compressed messages, missing bytes, connections joined late.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

use std::io::{Cursor, Read, Write};

use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::*;
use stream::Dir;
use stream::message::{By, Flaw, Head, Line, Message, Problem, RequestLine, What};
use stream::proto::websocket::{WebSocket, recognise};
use stream::proto::{Chunk, Dialogue as _, End, Missing, Next, Start, Upgrade};
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};
use tungstenite::protocol::{Role, WebSocketConfig};

/// A message as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    opcode: u8,
    bytes: Vec<u8>,
    close: Option<u16>,
    problem: Option<Problem>,
    flaws: Vec<Flaw>,
}

fn seen(opcode: u8, bytes: &[u8]) -> Seen {
    Seen { opcode, bytes: bytes.to_vec(), close: None, problem: None, flaws: Vec::new() }
}

/// A connection and everything that it told.
struct Reader {
    socket: WebSocket,
    pos: [u64; 2],
    frames: Vec<Seen>,
    loose: Vec<u8>,
    /// Bytes of all messages.
    wire: u64,
}

impl Reader {
    fn new(extensions: &str) -> Self {
        let mut headers = Head::new();
        headers.push(Some(b"Sec-WebSocket-Extensions"), Some(extensions.as_bytes()));
        let line = RequestLine { target: Some(b"/chat"), ..RequestLine::default() };
        let upgrade = Upgrade {
            used: 0,
            requests: Dir::Write,
            exchange: 1,
            request: Line::from(&line),
            to: b"websocket".to_vec(),
            headers,
        };
        let start = Start { exchanges: 1, ..Start::default() };
        let socket = WebSocket::upgraded(start, &upgrade);
        Self { socket, pos: [0; 2], frames: Vec::new(), loose: Vec::new(), wire: 0 }
    }

    fn feed(&mut self, dir: Dir, bytes: &[u8]) -> bool {
        let pos = self.pos[dir as usize];
        self.pos[dir as usize] += bytes.len() as u64;
        let chunk = Chunk { time: 1, by: By::default(), dir, pos, bytes };
        let Self { socket, frames, loose, wire, .. } = self;
        let next = socket.data(&chunk, &mut |message| take(message, frames, loose, wire));
        matches!(next, Next::Stay)
    }

    fn miss(&mut self, dir: Dir, len: u64) {
        let pos = self.pos[dir as usize];
        self.pos[dir as usize] += len;
        let missing = Missing { time: 1, by: By::default(), dir, pos, len };
        let Self { socket, frames, loose, wire, .. } = self;
        socket.missing(&missing, &mut |message| take(message, frames, loose, wire));
    }

    fn end(mut self) -> Self {
        let Self { socket, frames, loose, wire, .. } = &mut self;
        let end = End { time: 2, closed: true, flaw: Flaw::Cut };
        socket.end(end, &mut |message| take(message, frames, loose, wire));
        self
    }
}

fn take(message: &Message<'_>, frames: &mut Vec<Seen>, loose: &mut Vec<u8>, wire: &mut u64) {
    *wire += message.wire.len;
    match message.what {
        What::Frame(frame) => {
            assert_eq!(message.request.unwrap().target, Some(&b"/chat"[..]));
            frames.push(Seen {
                opcode: frame.opcode,
                bytes: frame.payload.bytes.to_vec(),
                close: frame.close,
                problem: frame.payload.problem,
                flaws: message.flaws.iter().collect(),
            });
        }
        What::Loose(bytes) => loose.extend_from_slice(bytes),
        _ => panic!("{message:?}"),
    }
}

/// Where tungstenite writes, and from where it reads.
#[derive(Debug, Default)]
struct Pipe {
    input: Cursor<Vec<u8>>,
    output: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        self.input.read(room)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What one end sends.
#[derive(Debug, Clone)]
enum Sent {
    /// A message in fragments.
    Text(Vec<String>),
    Binary(Vec<Vec<u8>>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

fn sent() -> impl Strategy<Value = Sent> {
    let bytes = |max| prop::collection::vec(any::<u8>(), 0..max);
    prop_oneof![
        prop::collection::vec("[a-zé世]{0,40}", 1..4).prop_map(Sent::Text),
        prop::collection::vec(bytes(300), 1..4).prop_map(Sent::Binary),
        bytes(70_000).prop_map(|bytes| Sent::Binary(vec![bytes])),
        bytes(126).prop_map(Sent::Ping),
        bytes(126).prop_map(Sent::Pong),
    ]
}

/// The bytes that tungstenite makes of them.
fn written(role: Role, all: &[Sent]) -> Vec<u8> {
    let config = WebSocketConfig::default();
    let mut socket = tungstenite::WebSocket::from_raw_socket(Pipe::default(), role, Some(config));
    let mut fragments = |kind, parts: Vec<Vec<u8>>| {
        let last = parts.len() - 1;
        for (index, part) in parts.into_iter().enumerate() {
            let opcode = OpCode::Data(if index == 0 { kind } else { Data::Continue });
            let frame = Frame::message(part, opcode, index == last);
            socket.send(tungstenite::Message::Frame(frame)).unwrap();
        }
    };
    for one in all {
        match one.clone() {
            Sent::Text(parts) => {
                fragments(Data::Text, parts.into_iter().map(String::into_bytes).collect());
            }
            Sent::Binary(parts) => fragments(Data::Binary, parts),
            Sent::Ping(bytes) => fragments(Data::Reserved(9), vec![bytes]),
            Sent::Pong(bytes) => fragments(Data::Reserved(10), vec![bytes]),
        }
    }
    socket.get_mut().output.clone()
}

fn expected(all: &[Sent]) -> Vec<Seen> {
    let one = |sent: &Sent| match sent {
        Sent::Text(parts) => seen(1, parts.concat().as_bytes()),
        Sent::Binary(parts) => seen(2, &parts.concat()),
        Sent::Ping(bytes) => seen(9, bytes),
        Sent::Pong(bytes) => seen(10, bytes),
    };
    all.iter().map(one).collect()
}

/// Cuts at these places, as far as they are in it.
fn pieces<'b>(mut bytes: &'b [u8], lengths: &[usize]) -> Vec<&'b [u8]> {
    let mut pieces = Vec::new();
    for &len in lengths.iter().cycle() {
        if bytes.is_empty() || lengths.is_empty() {
            break;
        }
        let (piece, rest) = bytes.split_at(len.min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces.push(bytes);
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_tungstenite_writes_is_read_back(
        all in prop::collection::vec(sent(), 0..8),
        client in any::<bool>(),
        lengths in prop::collection::vec(1usize..5000, 1..6),
    ) {
        let (role, dir) = if client { (Role::Client, Dir::Write) } else { (Role::Server, Dir::Read) };
        let bytes = written(role, &all);
        let mut reader = Reader::new("");
        for piece in pieces(&bytes, &lengths) {
            reader.feed(dir, piece);
        }
        let reader = reader.end();
        prop_assert_eq!(reader.frames, expected(&all));
        prop_assert_eq!(reader.loose, b"");
        prop_assert_eq!(reader.wire, bytes.len() as u64);
    }

    #[test]
    fn gaps_cost_what_they_touch_and_nothing_is_invented(
        texts in prop::collection::vec("[a-z]{0,40}", 2..30),
        at in 0usize..600,
        len in 1usize..200,
    ) {
        // Letters and short lengths don't read as frames. Each message comes in a piece of its own,
        // as programs write them.
        let all: Vec<_> = texts.into_iter().map(|text| Sent::Text(vec![text])).collect();
        let mut reader = Reader::new("");
        let mut pos = 0;
        for one in &all {
            let bytes = written(Role::Server, std::slice::from_ref(one));
            let (from, to) = (pos, pos + bytes.len());
            pos = to;
            let (cut, end) = (at.clamp(from, to), (at + len).clamp(from, to));
            if cut > from {
                reader.feed(Dir::Read, &bytes[..cut - from]);
            }
            if end > cut {
                reader.miss(Dir::Read, (end - cut) as u64);
            }
            if to > end {
                reader.feed(Dir::Read, &bytes[end - from..]);
            }
        }
        let whole: Vec<_> = expected(&all);
        let reader = reader.end();
        for frame in reader.frames.iter().filter(|frame| frame.flaws.is_empty()) {
            prop_assert!(whole.contains(frame), "{:?}", frame);
        }
        // All but those that the gap touched, and what follows it in its piece.
        prop_assert!(reader.frames.len() + 2 + len / 2 >= whole.len());
        prop_assert!(reader.wire <= pos as u64);
    }

    #[test]
    fn any_bytes_are_read_without_harm(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        lengths in prop::collection::vec(1usize..80, 1..4),
        deflate in any::<bool>(),
    ) {
        let mut reader = Reader::new(if deflate { "permessage-deflate" } else { "" });
        for (index, piece) in pieces(&bytes, &lengths).into_iter().enumerate() {
            let dir = if index % 3 == 0 { Dir::Write } else { Dir::Read };
            reader.feed(dir, piece);
            if index % 7 == 6 {
                reader.miss(dir, 3);
            }
        }
        let gaps = reader.pos.iter().sum::<u64>() - bytes.len() as u64;
        let reader = reader.end();
        prop_assert!(reader.wire <= bytes.len() as u64 + gaps);
    }

    #[test]
    fn compressed_messages_are_read_back(
        texts in prop::collection::vec("[ab]{0,200}|[a-z ]{0,5000}", 1..6),
        fresh in any::<bool>(),
        lengths in prop::collection::vec(1usize..700, 1..4),
    ) {
        let mut deflate = Compress::new(Compression::default(), false);
        let mut bytes = Vec::new();
        for text in &texts {
            if fresh {
                deflate.reset();
            }
            frame(&mut bytes, 0xc1, &deflated(&mut deflate, text.as_bytes()));
        }
        let mut reader = Reader::new(if fresh {
            "permessage-deflate; server_no_context_takeover"
        } else {
            "permessage-deflate; client_no_context_takeover"
        });
        for piece in pieces(&bytes, &lengths) {
            reader.feed(Dir::Read, piece);
        }
        let expected: Vec<_> = texts.iter().map(|text| seen(1, text.as_bytes())).collect();
        prop_assert_eq!(reader.end().frames, expected);
    }
}

/// A frame of a server.
fn frame(out: &mut Vec<u8>, first: u8, payload: &[u8]) {
    out.push(first);
    match payload.len() {
        len @ 0..126 => out.push(len as u8),
        len => {
            out.push(126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

/// A message as RFC 7692, section 7.2.1 says.
fn deflated(deflate: &mut Compress, bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() {
        // Section 7.2.3.6; a second flush would say nothing.
        return vec![0];
    }
    let mut out = Vec::with_capacity(bytes.len() + 1000);
    let before = deflate.total_in();
    deflate.compress_vec(bytes, &mut out, FlushCompress::Sync).unwrap();
    assert_eq!(deflate.total_in() - before, bytes.len() as u64);
    out.truncate(out.len() - 4);
    out
}

#[test]
fn a_close_has_a_code_and_a_reason() {
    let mut socket = tungstenite::WebSocket::from_raw_socket(Pipe::default(), Role::Client, None);
    let code = 1001.into();
    socket.close(Some(CloseFrame { code, reason: "gone".into() })).unwrap();
    socket.flush().unwrap();
    let bytes = socket.get_mut().output.clone();
    let mut reader = Reader::new("");
    reader.feed(Dir::Write, &bytes);
    reader.feed(Dir::Read, &[0x88, 0]);
    let expected = [Seen { close: Some(1001), ..seen(8, b"gone") }, seen(8, b"")];
    assert_eq!(reader.end().frames, expected);
}

#[test]
fn a_control_frame_between_fragments_stands_for_itself() {
    let mut reader = Reader::new("");
    reader.feed(Dir::Read, &[0x01, 2, b'a', b'b', 0x89, 1, b'p', 0x80, 1, b'c']);
    assert_eq!(reader.end().frames, [seen(9, b"p"), seen(1, b"abc")]);
}

#[test]
fn a_gap_in_a_payload_is_a_hole_and_framing_goes_on() {
    let mut reader = Reader::new("");
    reader.feed(Dir::Read, &[0x81, 6, b'a', b'b']);
    reader.miss(Dir::Read, 2);
    reader.feed(Dir::Read, &[b'e', b'f', 0x81, 1, b'x']);
    let cut = Seen { flaws: vec![Flaw::Gap], ..seen(1, b"abef") };
    assert_eq!(reader.end().frames, [cut, seen(1, b"x")]);
}

#[test]
fn a_lost_window_shows_nothing_wrong() {
    let mut deflate = Compress::new(Compression::default(), false);
    let mut reader = Reader::new("permessage-deflate");
    let mut messages = [b"one two three", b"two three one", b"three one two"].map(|text| {
        let mut bytes = Vec::new();
        frame(&mut bytes, 0xc1, &deflated(&mut deflate, text));
        bytes
    });
    let plain = [0x81, 1, b'x'];
    reader.feed(Dir::Read, &messages[0]);
    reader.miss(Dir::Read, messages[1].len() as u64);
    messages[2].extend_from_slice(&plain);
    reader.feed(Dir::Read, &messages[2]);
    let [first, third, last] = &reader.frames[..] else { panic!("{:?}", reader.frames) };
    assert_eq!((first, last), (&seen(1, b"one two three"), &seen(1, b"x")));
    assert_eq!((third.problem, third.bytes.as_slice()), (Some(Problem::Gap), &b""[..]));
}

#[test]
fn what_ends_in_the_middle_is_told() {
    let mut reader = Reader::new("");
    reader.feed(Dir::Read, &[0x81, 6, b'a', b'b']);
    reader.feed(Dir::Write, &[0x81]);
    let reader = reader.end();
    assert_eq!(reader.frames, [Seen { flaws: vec![Flaw::Cut], ..seen(1, b"ab") }]);
    assert_eq!(reader.loose, [0x81]);
}

#[test]
fn after_garbage_the_next_piece_is_tried() {
    let mut reader = Reader::new("");
    reader.feed(Dir::Read, &[0x83, 0, 1, 2]);
    reader.feed(Dir::Read, &[0xff; 20]);
    reader.feed(Dir::Read, &[0x81, 1, b'x', 0x82, 1]);
    reader.feed(Dir::Read, b"y");
    assert_eq!(reader.loose.len(), 24);
    assert_eq!(reader.end().frames, [seen(1, b"x"), seen(2, b"y")]);
    let mut other = Reader::new("");
    let garbage = [0xff; 1000];
    assert!((0..100).any(|_| !other.feed(Dir::Read, &garbage)), "gives up");
}

#[test]
fn a_bomb_is_refused() {
    let mut deflate = Compress::new(Compression::best(), false);
    let payload = deflated(&mut deflate, &vec![0; 20 << 20]);
    assert!(payload.len() < 0xffff);
    let mut bytes = Vec::new();
    frame(&mut bytes, 0xc2, &payload);
    let mut reader = Reader::new("permessage-deflate");
    reader.feed(Dir::Read, &bytes);
    let [bomb] = &reader.frames[..] else { panic!("one message") };
    assert_eq!(bomb.problem, Some(Problem::Bomb));
    assert_eq!(bomb.bytes.len(), 1 << 20);
}

#[test]
fn a_connection_joined_late_is_recognised() {
    let text = written(Role::Client, &[Sent::Text(vec!["hello there".into()])]);
    assert_eq!(recognise(&text, Dir::Write), Some(Dir::Write));
    let two = written(Role::Server, &[Sent::Ping(vec![1]), Sent::Binary(vec![vec![0; 300]])]);
    assert_eq!(recognise(&two, Dir::Read), Some(Dir::Write));
    assert_eq!(recognise(&two[..two.len() - 1], Dir::Read), None);
    for other in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x16\x03\x01\x00\x05hello", b"\x81\x01a", b""] {
        assert_eq!(recognise(other, Dir::Read), None);
    }
    // A ServerHello of TLS reads like two fragments that end where it does.
    let hello = [&[2, 0, 0, 118, 3, 3][..], &[7; 116]].concat();
    assert_eq!(recognise(&hello, Dir::Read), None);
}

//! Server-sent events through the whole decoder: over HTTP/1 and HTTP/2, as they arrive.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod said;

use said::{Said, close, comm, conn};
use stream::message::{Flaw, Part, What};
use stream::proto::{Decoder, Options};
use stream::{Dir, Gap, GapReason, Output as _, Piece};

/// A connection that is fed bytes.
struct Fed {
    decoder: Decoder,
    said: Said,
    pos: [u64; 2],
}

impl Fed {
    fn new() -> Self {
        let (decoder, said) = (Decoder::new(Options::default()), Said::default());
        let mut fed = Self { decoder, said, pos: [0; 2] };
        fed.decoder.onto(&mut fed.said).open(&conn(1), 0);
        fed.said.take();
        fed
    }

    fn feed(&mut self, dir: Dir, bytes: &[u8]) -> Vec<String> {
        let len = bytes.len() as u64;
        let piece = Piece {
            time: 7,
            tid: 1,
            comm: comm("a"),
            uid: 0,
            dir,
            pos: self.pos[dir as usize],
            bytes,
            peek: false,
            call_len: len,
            call_off: 0,
        };
        self.pos[dir as usize] += len;
        self.decoder.onto(&mut self.said).data(&conn(1), &piece);
        self.said.take()
    }

    fn miss(&mut self, dir: Dir, len: u64) -> Vec<String> {
        let pos = self.pos[dir as usize];
        self.pos[dir as usize] += len;
        let (reason, comm) = (GapReason::RingFull, comm("a"));
        let gap = Gap { time: 8, tid: None, comm, uid: 0, dir, pos, len, reason, peek: false };
        self.decoder.onto(&mut self.said).gap(&conn(1), &gap);
        self.said.take()
    }

    fn close(&mut self) -> Vec<String> {
        self.decoder.onto(&mut self.said).close(&conn(1), &close());
        self.said.take()
    }

    /// Data of the events so far, with their flaws.
    fn events(&self) -> Vec<(String, Vec<Flaw>)> {
        let event = |kept: &stream::message::Kept| {
            let message = kept.message();
            let What::Event(event) = message.what else { return None };
            assert_eq!(message.status, Some(200));
            assert!(message.request.is_some() && message.exchange == 1);
            let data = String::from_utf8(event.data.to_vec()).unwrap();
            Some((data, message.flaws.iter().collect()))
        };
        self.said.messages.iter().filter_map(event).collect()
    }
}

const REQUEST: &[u8] = b"GET /events HTTP/1.1\r\nHost: h\r\n\r\n";
const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n";

#[test]
fn each_event_of_http1_is_told_as_it_arrives() {
    let mut fed = Fed::new();
    fed.feed(Dir::Write, REQUEST);
    let head = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n");
    assert_eq!(fed.feed(Dir::Read, head.as_bytes()), ["response 1/1 head"]);
    assert_eq!(fed.feed(Dir::Read, b"9\r\ndata: a\n\n\r\n"), ["event 1/1"]);
    assert_eq!(fed.feed(Dir::Read, b"5\r\ndata:\r\n"), [""; 0], "an event over two chunks");
    assert_eq!(fed.feed(Dir::Read, b"e\r\n b\n\ndata: c\n\n\n\r\n"), ["event 1/1", "event 1/1"]);
    assert_eq!(fed.feed(Dir::Read, b"0\r\n\r\n"), ["response 1/1 end"]);
    let data = ["a", "b", "c"].map(|data| (data.to_owned(), Vec::new()));
    assert_eq!(fed.events(), data);
    let last = fed.said.messages.last().unwrap().message();
    let What::Response(response) = last.what else { panic!("a response") };
    assert_eq!(response.part, Part::End);
    assert_eq!(response.content.body.bytes, b"data: a\n\ndata: b\n\ndata: c\n\n\n");
    // The connection goes on.
    fed.feed(Dir::Write, REQUEST);
    let next = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ndata: a\n\n";
    assert_eq!(fed.feed(Dir::Read, next), ["response 1/2"]);
}

#[test]
fn every_split_of_http1_tells_the_same() {
    let all = format!("{HEAD}\r\nid: 1\ndata: a\r\n\r\ndata: b\n\ndata: cut");
    for at in 1..all.len() {
        let mut fed = Fed::new();
        fed.feed(Dir::Write, REQUEST);
        fed.feed(Dir::Read, &all.as_bytes()[..at]);
        fed.feed(Dir::Read, &all.as_bytes()[at..]);
        assert_eq!(fed.close(), ["event 1/1", "response 1/1 end", "close 1"], "at {at}");
        let events = [("a", vec![]), ("b", vec![]), ("cut", vec![Flaw::Cut])];
        assert_eq!(fed.events(), events.map(|(data, flaws)| (data.to_owned(), flaws)), "at {at}");
    }
}

#[test]
fn a_gap_costs_the_event_that_it_is_in() {
    let mut fed = Fed::new();
    fed.feed(Dir::Write, REQUEST);
    fed.feed(Dir::Read, format!("{HEAD}\r\ndata: a\n\ndata: b").as_bytes());
    fed.miss(Dir::Read, 20);
    fed.feed(Dir::Read, b"st\n\ndata: d\n\n");
    fed.close();
    // Of the line that the gap is in nothing is told: it may be any.
    let events = fed.events();
    assert_eq!(events.first().unwrap(), &("a".to_owned(), vec![]));
    assert_eq!(events.last().unwrap(), &("d".to_owned(), vec![]));
    assert!(events.iter().all(|(data, flaws)| flaws.contains(&Flaw::Gap) || data.len() == 1));
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u32).to_be_bytes();
    [&len[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

#[test]
fn each_event_of_http2_is_told_as_it_arrives() {
    let mut fed = Fed::new();
    let request = [0x82, 0x87, 0x84, 0x01, 1, b'h'];
    let hello = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, b"")].concat();
    fed.feed(Dir::Write, &hello);
    fed.feed(Dir::Read, &frame(4, 0, 0, b""));
    fed.feed(Dir::Write, &frame(1, 5, 1, &request));
    let kind = b"text/event-stream";
    let head = [&[0x88, 0x0f, 0x10, kind.len() as u8], &kind[..]].concat();
    assert_eq!(fed.feed(Dir::Read, &frame(1, 4, 1, &head)), ["response 1/1 head"]);
    assert_eq!(fed.feed(Dir::Read, &frame(0, 0, 1, b"data: a\n\ndata")), ["event 1/1"]);
    assert_eq!(fed.feed(Dir::Read, &frame(0, 0, 1, b": b\n\n")), ["event 1/1"]);
    let end = fed.feed(Dir::Read, &frame(0, 1, 1, b"data: c\n"));
    assert_eq!(end, ["event 1/1", "response 1/1 end"]);
    let events = [("a", vec![]), ("b", vec![]), ("c", vec![Flaw::Cut])];
    assert_eq!(fed.events(), events.map(|(data, flaws)| (data.to_owned(), flaws)));
}

#[test]
fn a_websocket_follows_its_upgrade() {
    let mut fed = Fed::new();
    fed.feed(
        Dir::Write,
        b"GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    let both = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n\x81\x01a";
    assert_eq!(fed.feed(Dir::Read, both), ["response 1/1", "frame 1/1"]);
    assert_eq!(fed.feed(Dir::Write, &[0x81, 0x81, 0, 0, 0, 0, b'b']), ["frame 1/1"]);
    assert_eq!(fed.close(), ["close 1"]);
}

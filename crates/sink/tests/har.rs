//! HAR: an entry per exchange, and a file that is whole at every moment.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

use std::fs;

use serde_json::Value;
use sink::har::{EPILOGUE, Har, PROLOGUE};
use sink::{Lines, Place, Precision, Sink, TimeZone};
use stream::event::Comm;
use stream::message::{
    Body, By, Content, Flaws, Frame, Head, Message, Part, Protocol, Query, RequestLine, Response,
    SqlError, What, Wire,
};
use stream::{AddrSource, Close, CloseReason, Conn, Dir};

const START: u64 = 1_795_410_900_000_000_000;

fn conn() -> Conn {
    Conn {
        id: 3,
        pid: 12,
        start_ns: 1,
        uid: 0,
        comm: Comm::default(),
        exe: "/bin/a".into(),
        lib: "/lib/b".into(),
        local: Some("127.0.0.1:40112".parse().unwrap()),
        remote: Some("[::1]:443".parse().unwrap()),
        addr_source: AddrSource::CallSocket,
        cgroup: 0,
    }
}

fn message<'a>(exchange: u64, begun: u64, ended: u64, what: What<'a>) -> Message<'a> {
    let dir = if matches!(what, What::Request(_)) { Dir::Write } else { Dir::Read };
    let request = RequestLine {
        method: Some(b"POST"),
        scheme: None,
        authority: Some(b"h:8443"),
        target: Some(b"/a?b=c&d"),
    };
    let mut comm = [0; 16];
    comm[..4].copy_from_slice(b"curl");
    Message {
        begun: START + begun * 1_000_000,
        ended: START + ended * 1_000_000,
        by: By { tid: Some(13), comm: Comm::from(comm), uid: 0 },
        dir,
        protocol: Protocol::Http11,
        stream: None,
        exchange,
        wire: Wire::default(),
        flaws: Flaws::NONE,
        request: Some(request),
        status: None,
        what,
    }
}

fn response<'a>(exchange: u64, status: u16, content: Content<'a>) -> Message<'a> {
    let (first_byte, total) = (Some(30_000_000), Some(70_000_000));
    let response = Response { part: Part::Whole, reason: b"Fine", content, first_byte, total };
    Message { status: Some(status), ..message(exchange, 30, 70, What::Response(response)) }
}

fn close() -> Close {
    let reason = CloseReason::Freed;
    Close { time: 9, reason, captured: [0; 2], missing: [0; 2], unfinished: [None; 2] }
}

fn head(fields: &[(&str, &str)]) -> Head {
    let mut head = Head::new();
    for (name, value) in fields {
        head.push(Some(name.as_bytes()), Some(value.as_bytes()));
    }
    head
}

fn plain(bytes: &[u8]) -> Body<'_> {
    let len = bytes.len() as u64;
    Body { bytes, len, wire_len: len, ..Body::default() }
}

/// The entries of all that is told.
fn entries(tell: impl FnOnce(&mut Har, &mut Vec<u8>)) -> Vec<Value> {
    let (mut har, mut out) = (Har::new(), Vec::new());
    tell(&mut har, &mut out);
    let text = String::from_utf8(out).unwrap();
    let all = format!("{PROLOGUE}{}{EPILOGUE}", text.strip_prefix(',').unwrap_or(&text));
    let all: Value = serde_json::from_str(&all).unwrap();
    assert_eq!(all["log"]["version"], "1.2");
    all["log"]["entries"].as_array().unwrap().clone()
}

#[test]
fn an_exchange_is_an_entry() {
    let sent = head(&[("Content-Type", "text/plain"), ("Cookie", "a=1; b=2")]);
    let got =
        head(&[("Content-Type", "image/x"), ("Set-Cookie", "s=t; Path=/"), ("Location", "/l")]);
    let request = Content { headers: sent.headers(), body: plain(b"hi"), ..Content::default() };
    let answer = Content { headers: got.headers(), body: plain(b"\xff\0"), ..Content::default() };
    let all = entries(|har, out| {
        har.message(out, &conn(), &message(1, 0, 10, What::Request(request)));
        assert!(out.is_empty());
        har.message(out, &conn(), &response(1, 100, Content::default()));
        assert!(out.is_empty(), "an interim response is none");
        har.message(out, &conn(), &response(1, 302, answer));
        assert!(!out.is_empty(), "written at once");
    });
    let [entry] = &all[..] else { panic!("{all:?}") };
    assert_eq!(entry["startedDateTime"], "2026-11-23T05:15:00.000000000Z");
    assert_eq!(entry["time"], 70.0);
    let timings = &entry["timings"];
    assert_eq!(
        (&timings["send"], &timings["wait"], &timings["receive"]),
        (&10.0.into(), &20.0.into(), &40.0.into())
    );
    let request = &entry["request"];
    assert_eq!(
        (&request["method"], &request["url"]),
        (&"POST".into(), &"https://h:8443/a?b=c&d".into())
    );
    assert_eq!(request["cookies"][1]["value"], "2");
    assert_eq!(request["queryString"][0]["name"], "b");
    assert_eq!(request["postData"]["text"], "hi");
    let response = &entry["response"];
    assert_eq!((&response["status"], &response["redirectURL"]), (&302.into(), &"/l".into()));
    assert_eq!(response["cookies"][0]["name"], "s");
    assert_eq!(response["content"]["encoding"], "base64");
    assert_eq!((&entry["serverIPAddress"], &entry["_comm"]), (&"::1".into(), &"curl".into()));
}

#[test]
fn what_has_no_response_and_what_goes_on() {
    let all = entries(|har, out| {
        let conn = conn();
        har.message(out, &conn, &message(1, 0, 1, What::Request(Content::default())));
        har.message(out, &conn, &message(1, 0, 1, What::Unanswered));
        har.message(out, &conn, &message(2, 0, 1, What::Request(Content::default())));
        har.message(out, &conn, &response(2, 101, Content::default()));
        for (dir, opcode, bytes) in [(Dir::Write, 1, &b"a\"b"[..]), (Dir::Read, 2, b"\xff")] {
            let frame = Frame { opcode, payload: plain(bytes), fragments: 1, close: None };
            har.message(out, &conn, &Message { dir, ..message(2, 5, 5, What::Frame(frame)) });
        }
        har.message(out, &conn, &message(3, 0, 1, What::Request(Content::default())));
        har.close(out, &conn, &close());
    });
    let [none, socket, open] = &all[..] else { panic!("{all:?}") };
    assert_eq!((&none["response"]["status"], &none["_error"]), (&0.into(), &"no response".into()));
    assert_eq!(open["_error"], "no response");
    let frames = &socket["_webSocketMessages"];
    assert_eq!((&frames[0]["type"], &frames[0]["data"]), (&"send".into(), &"a\"b".into()));
    assert_eq!((&frames[1]["type"], &frames[1]["data"]), (&"receive".into(), &"/w==".into()));
    assert_eq!(socket["response"]["status"], 101);
}

#[test]
fn what_is_held_is_bounded() {
    let (mut har, mut out) = (Har::new(), Vec::new());
    let large = vec![b'x'; 1 << 20];
    let content = Content { body: plain(&large), ..Content::default() };
    for exchange in 1..=40 {
        har.message(&mut out, &conn(), &message(exchange, 0, 1, What::Request(content)));
    }
    assert!(out.len() > 5 << 20, "the oldest are written");
}

#[test]
fn the_file_is_whole_after_every_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.har");
    let place = Place::create(&path).unwrap();
    let mut place = place.between(PROLOGUE.as_bytes(), EPILOGUE.as_bytes()).unwrap();
    let entries = || -> usize {
        let all: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        all["log"]["entries"].as_array().unwrap().len()
    };
    assert_eq!(entries(), 0);
    place.write(b",\n{\"a\":1},\n{\"b\":2}").unwrap();
    assert_eq!(entries(), 2);
    place.write(b",\n{\"c\":3}").unwrap();
    place.finish().unwrap();
    assert_eq!(entries(), 3);
}

#[test]
fn one_line_each() {
    let mut lines = Lines::new(TimeZone::UTC, Precision::Millis);
    let mut out = Vec::new();
    let content = Content { body: plain(b"body"), ..Content::default() };
    lines.message(&mut out, &conn(), &message(1, 0, 1, What::Request(content)));
    lines.message(&mut out, &conn(), &response(1, 200, content));
    lines.message(&mut out, &conn(), &message(1, 0, 9, What::Unanswered));
    let error = SqlError { sqlstate: b"42P01", number: None, message: b"none" };
    let statement = plain(b"\n  SELECT 1\nFROM t");
    let total = Some(1_500_000);
    let query = Query { statement, error: Some(error), total, ..Query::default() };
    let query = Message { request: None, ..message(2, 0, 9, What::Query(query)) };
    lines.message(&mut out, &conn(), &query);
    let expected = "\
2026-11-23 05:15:00.030 curl[12]               POST    200         4 B     70.0 ms https://h:8443/a?b=c&d
2026-11-23 05:15:00.000 curl[12]               POST      -         -        9.0 ms https://h:8443/a?b=c&d
";
    let out = String::from_utf8(out).unwrap();
    assert_eq!(out.lines().take(2).collect::<Vec<_>>().join("\n") + "\n", expected);
    let last = out.lines().last().unwrap();
    assert!(last.ends_with(" query     -         0 B      1.5 ms 42P01 SELECT 1"), "{last}");
}

#[test]
fn statements_are_left_out_and_counted() {
    let (mut har, mut out) = (Har::new(), Vec::new());
    har.message(&mut out, &conn(), &message(1, 0, 1, What::Query(Query::default())));
    assert_eq!((out.len(), har.left_out()), (0, 1));
}

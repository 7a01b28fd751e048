//! What people see.
#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod sample;

use jiff::tz::TimeZone;
use sample::{TIME, close, comm, conn, fields, gap, piece, summary, unknown};
use sink::{Precision, Sink, Text, TextOptions};
use stream::message::{
    Body, Command, Control, Flaw, Hole, Outcome, Problem, Protocol, Query, ServerEvent, SqlError,
    What,
};
use stream::{Conn, Dir, Gap, GapReason, Message, Piece};

fn plain() -> TextOptions {
    TextOptions { zone: TimeZone::UTC, ..TextOptions::default() }
}

/// What a text sink with these options writes.
fn shown(options: TextOptions, write: impl FnOnce(&mut Text, &mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut Text::new(options), &mut out);
    String::from_utf8(out).unwrap()
}

fn data(conn: &Conn, piece: &Piece<'_>) -> String {
    shown(plain(), |text, out| text.data(out, conn, piece))
}

#[test]
fn a_piece_is_a_header_and_its_payload() {
    assert_eq!(
        data(&conn(), &piece(Dir::Write, b"GET / HTTP/1.1\r\n\r\n")),
        "2026-11-23 05:15:00.123456 curl[1234/1235] → 127.0.0.1:40112 > 127.0.0.1:443 \
         write 18 B libssl.so.3 #1\nGET / HTTP/1.1\n\n"
    );
    assert_eq!(
        data(&unknown(), &piece(Dir::Read, b"no line end")),
        "2026-11-23 05:15:00.123456 curl[1234/1235] ← ? < ? read 11 B ? #2\nno line end\n"
    );
}

#[test]
fn peeks_and_parts_of_calls_can_be_told() {
    let peek = Piece { peek: true, ..piece(Dir::Read, b"ab") };
    assert!(data(&conn(), &peek).contains(" < 127.0.0.1:443 peek 2 B libssl"));
    let part = Piece { call_len: 10, call_off: 4, ..piece(Dir::Write, b"ab") };
    assert!(data(&conn(), &part).contains(" write 2 B part 4..6 of 10 libssl"));
    let hostile = Piece { call_len: 1, call_off: u64::MAX, ..piece(Dir::Write, b"ab") };
    assert!(data(&conn(), &hostile).contains(" part 18446744073709551615..18446744073709551615"));
}

#[test]
fn names_and_payload_cannot_reach_the_terminal() {
    let evil = Piece { comm: comm(b"\x1b[31m\n"), ..piece(Dir::Write, b"\x1b]0;x\x07\xff") };
    let text = data(&Conn { lib: "/tmp/\u{202e}\x1b.so".into(), ..conn() }, &evil);
    assert!(text.contains(" \\x1b[31m\\n[1234/1235] "), "{text}");
    assert!(text.contains(" \\u{202e}\\x1b.so #1\n\\x1b]0;x\\x07\\xff\n"), "{text}");
}

#[test]
fn hex_offsets_are_stream_positions() {
    let text = shown(TextOptions { hex: true, ..plain() }, |text, out| {
        text.data(
            out,
            &conn(),
            &Piece { pos: 0x120, ..piece(Dir::Write, b"GET / HTTP/1.1\r\n\r\n") },
        );
    });
    let (_, dump) = text.split_once('\n').unwrap();
    let expected = "\
00000120  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  |GET / HTTP/1.1..|
00000130  0d 0a                                             |..|
";
    assert_eq!(dump, expected);
}

#[test]
fn gaps_say_how_many_where_and_why() {
    let line = |gap: &Gap| shown(plain(), |text, out| text.gap(out, &conn(), gap));
    assert_eq!(
        line(&gap()),
        "2026-11-23 05:15:00.123456 curl[1234] ← 127.0.0.1:40112 < 127.0.0.1:443 \
         read gap 4096 B ring-full at 81920 libssl.so.3 #1\n"
    );
    let known = Gap { tid: Some(7), reason: GapReason::Cap, peek: true, ..gap() };
    assert!(line(&known).contains("curl[1234/7] "));
    assert!(line(&known).contains(" peek gap 4096 B cap at "));
}

#[test]
fn the_end_has_the_books() {
    assert_eq!(
        shown(plain(), |text, out| text.close(out, &conn(), &close())),
        "2026-11-23 05:15:00.123456 curl[1234] × 127.0.0.1:40112 - 127.0.0.1:443 close exit \
         read 81920 B and 4096 B in gaps write 78 B and a call for 16384 B unfinished \
         libssl.so.3 #1\n"
    );
    assert_eq!(
        shown(plain(), |text, out| text.summary(out, &summary())),
        "2 connections, read 81920 B, write 78 B, in gaps 4096 B, ring-full 4096 B in 1, \
         lost events 1, unaccounted 0 B, left out by sample 3 connections with 300 B\n"
    );
}

#[test]
fn only_headers_are_coloured_and_only_if_wanted() {
    let text = shown(TextOptions { colour: true, ..plain() }, |text, out| {
        text.data(out, &conn(), &piece(Dir::Write, b"body"));
        text.gap(out, &conn(), &gap());
        text.close(out, &conn(), &close());
    });
    for line in text.lines().filter(|line| *line != "body") {
        assert!(line.starts_with("\x1b[") && line.ends_with("\x1b[0m"), "{line:?}");
    }
    assert!(text.contains("\nbody\n"));
    assert!(!data(&conn(), &piece(Dir::Write, b"body")).contains('\x1b'));
}

#[test]
fn times_are_those_of_the_zone() {
    let zone = TimeZone::posix("CET-1").unwrap();
    let options = TextOptions { zone, precision: Precision::Nanos, ..plain() };
    let text = shown(options, |text, out| {
        text.data(out, &conn(), &Piece { time: TIME, ..piece(Dir::Read, b"x") });
    });
    assert!(text.starts_with("2026-11-23 06:15:00.123456789 "), "{text}");
}

fn message(message: &Message<'_>) -> String {
    shown(plain(), |text, out| text.message(out, &conn(), message))
}

/// What follows the header.
fn content(message: &Message<'_>) -> String {
    self::message(message).split_once('\n').unwrap().1.to_owned()
}

#[test]
fn an_exchange_reads_like_a_transcript() {
    assert_eq!(
        message(&sample::request(&fields(&[("Host", "localhost"), ("Accept", "*/*")]))),
        "2026-11-23 05:15:00.123456 curl[1234/1235] \u{2192} 127.0.0.1:40112 > 127.0.0.1:443 \
         HTTP/1.1 request 60 B libssl.so.3 #1.1\n\
         GET /hello.txt HTTP/1.1\nHost: localhost\nAccept: */*\n\n"
    );
    let headers = fields(&[("Content-type", "text/plain")]);
    assert_eq!(
        message(&sample::response(&headers, Body::plain(b"hello over TLS\n"))),
        "2026-11-23 05:15:00.123456 curl[1234/1235] \u{2190} 127.0.0.1:40112 < 127.0.0.1:443 \
         HTTP/1.1 response 60 B to GET localhost/hello.txt after 13.7 ms, in 13.7 ms \
         libssl.so.3 #1.1\n\
         HTTP/1.1 200 ok\nContent-type: text/plain\n\nhello over TLS\n\n"
    );
}

#[test]
fn holes_are_marked_in_place_and_flaws_said_in_words() {
    let holes = [Hole { at: 2, len: Some(300) }, Hole { at: 4, len: None }];
    let body = Body { len: 310, holes: &holes, ..Body::plain(b"abcdef") };
    let headers = fields(&[]);
    let mut partial = sample::response(&headers, body);
    partial.flaws = partial.flaws.with(Flaw::Gap).with(Flaw::Cut);
    let text = message(&partial);
    assert!(text.contains(" (bytes are missing; cut off) libssl"), "{text}");
    assert!(
        text.ends_with("\nab\n[300 B missing]\ncd\n[some B missing]\nef\n[4 B more]\n\n"),
        "{text}"
    );
}

#[test]
fn what_is_not_known_is_said_to_be() {
    let mut head = fields(&[]);
    head.push(Some(b"x"), None);
    head.push(None, Some(b"y"));
    let mut request = sample::request(&head);
    request.protocol = Protocol::Http2;
    request.stream = Some(3);
    request.request.as_mut().unwrap().target = None;
    assert_eq!(
        content(&request),
        "GET <unknown>://localhost<unknown> HTTP/2\nx: <unknown>\n<unknown>: y\n\n"
    );
    let answer = Message { request: None, ..sample::response(&head, Body::default()) };
    assert!(message(&answer).contains(" to a request that was not seen "));
}

#[test]
fn binary_bodies_are_a_line_or_a_dump() {
    let png = b"\x89PNG\r\n\x1a\n\0\0\0";
    let headers = fields(&[("Content-Type", "image/png")]);
    let image = sample::response(&headers, Body { len: 5_000, ..Body::plain(png) });
    assert!(content(&image).ends_with("\n\n[image/png, 5000 B]\n\n"));
    let dump = shown(TextOptions { hex: true, ..plain() }, |text, out| {
        text.message(out, &conn(), &image);
    });
    assert!(dump.contains("\n00000000  89 50 4e 47 "), "{dump}");
    assert!(dump.ends_with("[4989 B more]\n\n"), "{dump}");
    let problem = Some(Problem::UnknownCoding);
    let odd = Body { coding: b"zip\x1b", problem, ..Body::plain(b"text") };
    assert!(
        content(&sample::response(&fields(&[]), odd))
            .ends_with("\ntext\n[zip\\x1b is not decoded: shown as it came]\n\n")
    );
}

#[test]
fn json_is_put_in_order_for_a_terminal() {
    let headers = fields(&[("Content-Type", "application/json")]);
    let answer = sample::response(&headers, Body::plain(b"{\"a\":[1]}"));
    assert!(content(&answer).ends_with("\n\n{\"a\":[1]}\n\n"));
    let pretty = shown(TextOptions { pretty: true, ..plain() }, |text, out| {
        text.message(out, &conn(), &answer);
    });
    assert!(pretty.ends_with("\n\n{\n  \"a\": [\n    1\n  ]\n}\n\n"), "{pretty}");
}

#[test]
fn other_kinds_have_a_word_each() {
    let event = ServerEvent { event: b"tick", data: b"a\nb", id: b"7", retry: Some(5) };
    let event = sample::message(Dir::Read, What::Event(event));
    assert!(message(&event).contains(" HTTP/1.1 event 60 B libssl"));
    assert_eq!(content(&event), "event: tick\nid: 7\nretry: 5\ndata: a\ndata: b\n\n");
    let control = Control { frame: "GOAWAY", error: Some("NO_ERROR"), detail: b"bye" };
    let control = sample::message(Dir::Read, What::Control(control));
    assert!(message(&control).contains(" GOAWAY NO_ERROR 60 B "));
    assert_eq!(content(&control), "bye\n\n");
    let mut none = sample::message(Dir::Read, What::Unanswered);
    none.wire.len = 0;
    let said = message(&none);
    assert!(said.contains(" no response to GET localhost/hello.txt in 13.7 ms libssl"), "{said}");
    let loose = sample::message(Dir::Read, What::Loose(b"\x1b[2J"));
    assert!(message(&loose).ends_with(" bytes of no message 60 B libssl.so.3 #1.1\n\\x1b[2J\n\n"));
}

#[test]
fn a_statement_has_its_result_before_it() {
    let mut params = fields(&[("int4", "7")]);
    params.push(None, None);
    let query = Query {
        command: Command::Execute,
        db: Some(b"shop"),
        user: Some(b"bob"),
        server_id: Some(42),
        statement: Body::plain(b"SELECT $1\x1b"),
        params: params.headers(),
        outcome: Outcome::Done,
        rows: Some(3),
        total: Some(1_250_000),
        ..Query::default()
    };
    let done = sample::message(Dir::Read, What::Query(query));
    let said = message(&done);
    let header = " execute 60 B in 1.25 ms, 3 rows, db shop, user bob, server id 42 libssl";
    assert!(said.contains(header), "{said}");
    assert_eq!(content(&done), "SELECT $1\\x1b\n  1: 7 (int4)\n  2: NULL\n\n");
    let error = SqlError { sqlstate: b"42S02", number: Some(1146), message: b"No such\ntable" };
    let failed = Query { outcome: Outcome::Error, error: Some(error), ..Query::default() };
    let failed = sample::message(Dir::Read, What::Query(failed));
    assert!(message(&failed).contains(" query 60 B failed libssl"), "{}", message(&failed));
    assert_eq!(content(&failed), "error 42S02 (1146): No such\\ntable\n\n");
}

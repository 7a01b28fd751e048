//! HTTP/2 as a decoder tells it: the frames of RFC 9113, and what is lost of them.
#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod frames;
mod heard;

use frames::*;
use heard::{Heard, Is, Line, text};
use stream::message::{Flaw, Message, Part};
use stream::proto::http2::Http2;
use stream::proto::{Chunk, Dialogue, End, Start};
use stream::{CloseReason, Dir};

/// A client's connection after its first bytes; they say nothing.
fn begun() -> Line {
    let mut line = Line::new();
    line.write([PREFACE, &frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0])].concat());
    line.read([frame(SETTINGS, 0, 0, &[]), frame(SETTINGS, 1, 0, &[])].concat());
    line.write(frame(SETTINGS, 1, 0, &[]));
    assert_eq!(line.heard(), []);
    line
}

fn asked(heard: &Heard) -> (u32, &str, String) {
    assert!(matches!(heard.what, Is::Request(_)), "{heard:#?}");
    (heard.stream.unwrap(), heard.request.as_deref().unwrap(), text(&heard.has().body))
}

fn answered(heard: &Heard) -> (u32, u16, &str, String) {
    assert!(matches!(heard.what, Is::Response(..)), "{heard:#?}");
    let request = heard.request.as_deref().unwrap_or("");
    (heard.stream.unwrap(), heard.status.unwrap(), request, text(&heard.has().body))
}

#[test]
fn a_request_and_its_response_wherever_they_are_split() {
    let request = [
        headers(1, &[&get("/a")[..], &[("accept", "*/*")]].concat()),
        frame(WINDOW_UPDATE, 0, 0, &[0, 1, 0, 0]),
        frame(DATA, PADDED, 1, b"\x03he\0\0\0"),
        data(1, b""),
        frame(DATA, PADDED | END_STREAM, 1, b"\x01llo\0"),
    ]
    .concat();
    let response = [
        frame(
            HEADERS,
            PADDED | PRIORITY,
            1,
            &[&[2, 0, 0, 0, 0, 16][..], &block(&[(":status", "200")]), &[0, 0]].concat(),
        ),
        frame(CONTINUATION, 0, 1, b"\x10"),
        frame(CONTINUATION, END_HEADERS, 1, b"\x04name\x05value"),
        frame(PING, 0, 0, &[7; 8]),
        frame(0x77, 0xff, 1, b"of an extension"),
        data(1, b"wor"),
        data(1, b"ld"),
        last_headers(1, &[("checksum", "7")]),
    ]
    .concat();
    for step in 1..request.len().max(response.len()) {
        let mut line = begun();
        request.chunks(step).for_each(|chunk| line.write(chunk));
        let one = line.one();
        assert_eq!(asked(&one), (1, "GET https h /a", "hello".to_owned()), "{step}");
        assert_eq!(one.has().headers, ["accept: */*"]);
        response.chunks(step).for_each(|chunk| line.read(chunk));
        let one = line.one();
        assert_eq!(answered(&one), (1, 200, "GET https h /a", "world".to_owned()), "{step}");
        assert_eq!(one.has().headers, ["name: value"]);
        assert_eq!(one.has().trailers, ["checksum: 7"]);
        assert_eq!((one.exchange, &one.flaws[..]), (1, &[][..]));
        line.close(CloseReason::Freed);
        assert_eq!(line.heard(), []);
    }
}

#[test]
fn streams_are_told_apart() {
    let mut line = begun();
    line.write([last_headers(1, &get("/a")), last_headers(3, &get("/b"))].concat());
    line.read([headers(3, &[(":status", "200")]), headers(1, &[(":status", "404")])].concat());
    line.read([data(1, b"a1"), data(3, b"b1"), last_data(1, b"a2"), last_data(3, b"b2")].concat());
    let heard = line.heard();
    assert_eq!(asked(&heard[0]).1, "GET https h /a");
    assert_eq!(asked(&heard[1]).1, "GET https h /b");
    assert_eq!(answered(&heard[2]), (1, 404, "GET https h /a", "a1a2".to_owned()));
    assert_eq!(answered(&heard[3]), (3, 200, "GET https h /b", "b1b2".to_owned()));
    let exchanges: Vec<_> = heard.iter().map(|heard| heard.exchange).collect();
    assert_eq!(exchanges, [1, 2, 1, 2]);
    let Is::Response(part, _, first_byte, total) = &heard[2].what else { panic!() };
    assert_eq!((*part, *first_byte, *total), (Part::Whole, Some(1), Some(2)));
}

#[test]
fn interim_responses_leave_the_request_open() {
    let mut line = begun();
    line.write(headers(1, &get("/a")));
    line.read(headers(1, &[(":status", "100")]));
    line.write(last_data(1, b"body"));
    line.read(
        [
            headers(1, &[(":status", "103"), ("link", "</x>")]),
            last_headers(1, &[(":status", "201")]),
        ]
        .concat(),
    );
    let statuses: Vec<_> = line.heard().iter().map(|heard| heard.status).collect();
    assert_eq!(statuses, [Some(100), None, Some(103), Some(201)]);
}

#[test]
fn a_promise_is_a_request() {
    let mut line = begun();
    line.write(last_headers(1, &get("/a")));
    let promise = [&[0, 0, 0, 2][..], &block(&get("/style.css"))].concat();
    line.read(frame(PUSH_PROMISE, END_HEADERS, 1, &promise));
    line.read([headers(2, &[(":status", "200")]), last_data(2, b"css")].concat());
    line.read(last_headers(1, &[(":status", "204")]));
    let heard = line.heard();
    assert!(matches!(&heard[1].what, Is::Other(what) if what.contains("PUSH_PROMISE")));
    assert_eq!(asked(&heard[2]), (2, "GET https h /style.css", String::new()));
    assert_eq!(heard[2].dir, Dir::Read);
    assert_eq!(answered(&heard[3]), (2, 200, "GET https h /style.css", "css".to_owned()));
    assert_eq!(answered(&heard[4]), (1, 204, "GET https h /a", String::new()));
}

#[test]
fn a_reset_ends_a_stream() {
    let mut line = begun();
    line.write([headers(1, &get("/a")), data(1, b"half")].concat());
    line.read(frame(RST_STREAM, 0, 1, &[0, 0, 0, 11]));
    let heard = line.heard();
    assert!(matches!(&heard[0].what, Is::Other(what) if what.contains("ENHANCE_YOUR_CALM")));
    assert_eq!(heard[0].request.as_deref(), Some("GET https h /a"));
    assert_eq!(asked(&heard[1]).2, "half");
    assert_eq!(heard[1].flaws, [Flaw::Cut]);
    assert_eq!((&heard[2].what, heard[2].dir), (&Is::Unanswered, Dir::Read));
    // What was on the way belongs to nothing.
    line.write(last_data(1, b"late"));
    assert_eq!(line.heard(), []);
}

#[test]
fn the_end_of_a_connection_leaves_nothing_untold() {
    let mut line = begun();
    line.write([last_headers(1, &get("/a")), headers(3, &get("/b"))].concat());
    line.read([headers(1, &[(":status", "200")]), data(1, b"half")].concat());
    line.read(frame(GOAWAY, 0, 0, b"\0\0\0\x01\0\0\0\0bye"));
    line.read(&data(1, b"more")[..11]);
    line.close(CloseReason::Freed);
    let heard = line.heard();
    assert_eq!(asked(&heard[0]).1, "GET https h /a");
    assert!(
        matches!(&heard[1].what, Is::Other(what) if what.contains("GOAWAY") && what.contains("NO_ERROR"))
    );
    assert_eq!(answered(&heard[2]), (1, 200, "GET https h /a", "halfmo".to_owned()));
    assert_eq!(heard[2].flaws, [Flaw::Cut]);
    assert_eq!(asked(&heard[3]).1, "GET https h /b");
    assert_eq!(heard[3].flaws, [Flaw::Cut]);
    assert_eq!(heard[4].what, Is::Unanswered);
    assert_eq!(heard.len(), 5);
}

#[test]
fn a_gap_within_a_body_costs_only_its_bytes() {
    let mut line = begun();
    line.write(last_headers(1, &get("/a")));
    line.heard();
    let answer = [headers(1, &[(":status", "200")]), last_data(1, b"0123456789")].concat();
    let (before, after) = answer.split_at(answer.len() - 7);
    line.read(before);
    line.lose(Dir::Read, 4);
    line.read(&after[4..]);
    line.read(last_headers(3, &[(":status", "204")]));
    let heard = line.heard();
    assert_eq!(heard[0].what, Is::Gap);
    assert_eq!(answered(&heard[1]), (1, 200, "GET https h /a", "012789".to_owned()));
    assert_eq!(heard[1].has().holes, [(3, Some(4))]);
    assert_eq!(heard[1].flaws, [Flaw::Gap]);
    assert_eq!(heard[1].len, answer.len() as u64);
    assert_eq!(answered(&heard[2]), (3, 204, "", String::new()), "frames are still in sight");
}

#[test]
fn a_gap_within_a_header_block_leaves_what_came_before() {
    let mut line = begun();
    let fields = [&get("/a")[..], &[("accept", "*/*")]].concat();
    let request = last_headers(1, &fields);
    line.write(&request[..request.len() - 5]);
    line.lose(Dir::Write, 5);
    line.write(last_headers(3, &get("/b")));
    let heard = line.heard();
    let told: Vec<_> = heard.iter().filter(|heard| heard.what != Is::Gap).collect();
    assert_eq!(asked(told[0]).1, "GET https h /a");
    assert_eq!((told[0].flaws.as_slice(), told[0].len), (&[Flaw::Gap][..], request.len() as u64));
    assert_eq!(asked(told[1]).1, "GET https h /b");
    assert!(told[1].flaws.is_empty());
}

#[test]
fn after_a_gap_that_hides_frames_the_next_ones_are_found() {
    let mut line = begun();
    line.write([last_headers(1, &get("/a")), last_headers(3, &get("/b"))].concat());
    line.heard();
    let added = [added("server", "x"), block(&[])].concat();
    line.read(frame(HEADERS, END_HEADERS, 1, &[block(&[(":status", "200")]), added].concat()));
    line.read(data(1, b"some"));
    line.lose(Dir::Read, 100);
    line.read(b"rest of something");
    line.read([headers(3, &[(":status", "200")]), last_data(3, b"three")].concat());
    line.read(last_data(1, b"end"));
    let heard = line.heard();
    assert_eq!(heard[0].what, Is::Gap);
    let loose: Vec<_> = heard.iter().filter(|heard| matches!(heard.what, Is::Loose(_))).collect();
    assert_eq!(loose.len(), 1);
    assert_eq!(loose[0].what, Is::Loose(b"rest of something".to_vec()));
    let whole = &heard[heard.len() - 2];
    assert_eq!(answered(whole), (3, 200, "GET https h /b", "three".to_owned()));
    let gap = &heard[heard.len() - 1];
    assert_eq!(answered(gap), (1, 200, "GET https h /a", "someend".to_owned()));
    assert_eq!(gap.flaws, [Flaw::Gap]);
    assert_eq!(gap.has().holes, [(4, None)]);
}

#[test]
fn joined_late_what_is_known_is_told() {
    let mut line = Line::new();
    // `:authority` is an entry that was added before.
    let request = [&[0x82, 0x87, 0xbe][..], &block(&[(":path", "/a")]), &added("x", "y")].concat();
    line.write(b"in the middle of a body");
    line.write(frame(HEADERS, END_HEADERS | END_STREAM, 9, &request));
    // The entry added above is the first now, and the old ones moved on.
    let again = [0x82, 0x87, 0x84, 0xbf, 0xbe];
    line.write(frame(HEADERS, END_HEADERS | END_STREAM, 11, &again));
    line.read(
        [data(9, b"in the "), data(9, b"middle"), frame(HEADERS, END_HEADERS, 11, &[0x88])]
            .concat(),
    );
    line.read([last_data(9, b"of it"), last_data(11, b"whole")].concat());
    let heard = line.heard();
    assert_eq!(heard[0].what, Is::Data(b"in the middle of a body".to_vec()));
    assert_eq!(asked(&heard[1]), (9, "GET https - /a", String::new()));
    assert_eq!(heard[1].has().headers, ["<unknown>: <unknown>", "x: y"]);
    assert_eq!(heard[2].has().headers, ["<unknown>: <unknown>", "x: y"]);
    let late = &heard[3];
    assert!(matches!(late.what, Is::Response(..)));
    assert_eq!((text(&late.has().body), late.status), ("in the middleof it".to_owned(), None));
    assert_eq!(late.flaws, [Flaw::Late]);
    assert_eq!(answered(&heard[4]), (11, 200, "GET https - /", "whole".to_owned()));
}

#[test]
fn what_breaks_the_rules_costs_little() {
    let mut line = begun();
    line.write(last_headers(1, &get("/a")));
    line.heard();
    // A `CONTINUATION` of nothing.
    line.read(frame(CONTINUATION, END_HEADERS, 1, &[0x88]));
    line.read([headers(1, &[(":status", "200")]), last_data(1, b"x")].concat());
    let heard = line.heard();
    let loose = |heard: &Heard| match &heard.what {
        Is::Loose(bytes) => bytes.clone(),
        _ => Vec::new(),
    };
    let passed: Vec<u8> = heard.iter().flat_map(loose).collect();
    assert_eq!(passed, frame(CONTINUATION, END_HEADERS, 1, &[0x88]));
    let last = heard.last().unwrap();
    assert_eq!(answered(last), (1, 200, "GET https h /a", "x".to_owned()));
}

#[test]
fn a_header_block_that_does_not_go_on_is_told() {
    let mut line = begun();
    let open = frame(HEADERS, END_STREAM, 1, &block(&get("/open")));
    line.write(&open);
    line.write(last_headers(3, &get("/next")));
    line.close(CloseReason::Freed);
    let heard = line.heard();
    let told = heard.iter().find(|heard| heard.stream == Some(1)).unwrap();
    assert_eq!(told.request.as_deref(), Some("GET https h /open"));
    assert_eq!((&told.flaws[..], told.len), (&[Flaw::Broken][..], open.len() as u64));
    let next = heard.iter().find(|heard| heard.stream == Some(3)).unwrap();
    assert_eq!((next.request.as_deref(), &next.flaws[..]), (Some("GET https h /next"), &[][..]));
}

#[test]
fn a_grpc_call_is_told_as_it_comes() {
    let mut line = begun();
    let post = [
        (":method", "POST"),
        (":scheme", "https"),
        (":path", "/pkg.Greeter/Hello"),
        (":authority", "h"),
        ("content-type", "application/grpc+proto"),
    ];
    line.write(headers(1, &post));
    assert_eq!(asked(&line.one()).1, "POST https h /pkg.Greeter/Hello");
    line.write(&data(1, b"\0\0\0\0\x05hello")[..16]);
    assert_eq!(line.heard(), []);
    line.write(
        [&data(1, b"\0\0\0\0\x05hello")[16..], &last_data(1, b"\0\0\0\0\0\0\0\0\0\x01x")].concat(),
    );
    let rpcs = line.heard();
    let has = |heard: &Heard, number: u64, payload: &[u8]| {
        let Is::Other(what) = &heard.what else { panic!("{heard:#?}") };
        let bytes = format!("bytes: {payload:?}");
        assert!(what.contains(&format!("number: {number}")) && what.contains(&bytes), "{what}");
    };
    assert_eq!(rpcs.len(), 3);
    has(&rpcs[0], 1, b"hello");
    has(&rpcs[1], 2, b"");
    has(&rpcs[2], 3, b"x");
    let lens: Vec<_> = rpcs.iter().map(|rpc| rpc.len).collect();
    assert_eq!(lens, [9 + 10, 9 + 5, 6]);
    line.read(headers(1, &[(":status", "200"), ("content-type", "application/grpc")]));
    assert!(matches!(line.one().what, Is::Response(Part::Head, ..)));
    line.read(data(1, b"\0\0\0\0\x02ok"));
    has(&line.one(), 1, b"ok");
    line.read(last_headers(1, &[("grpc-status", "0")]));
    let end = line.one();
    assert!(matches!(end.what, Is::Response(Part::End, ..)));
    assert_eq!(end.has().trailers, ["grpc-status: 0"]);
    assert_eq!(end.status, Some(200));
    line.close(CloseReason::Freed);
    assert_eq!(line.heard(), []);
}

#[test]
fn each_byte_is_in_one_place() {
    let frames: Vec<Vec<u8>> = vec![
        PREFACE.to_vec(),
        frame(SETTINGS, 0, 0, &[]),
        headers(1, &get("/a")),
        frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]),
        frame(DATA, PADDED, 1, b"\x03he\0\0\0"),
        frame(2, 0, 1, &[0; 5]),
        last_data(1, b"llo"),
        last_headers(3, &get("/b")),
        frame(RST_STREAM, 0, 3, &[0; 4]),
        data(3, b"too late"),
        frame(GOAWAY, 0, 0, &[0; 9]),
        frame(CONTINUATION, 4, 1, b"none"),
        last_headers(5, &get("/c")),
        headers(7, &get("/d"))[..20].to_vec(),
    ];
    let bytes = frames.concat();
    for step in 1..bytes.len() {
        let mut http2 = Http2::new(Start::default());
        let mut told = 0;
        let mut tell = |message: &Message<'_>| told += message.wire.len;
        let mut pos = 0;
        for bytes in bytes.chunks(step) {
            let chunk = Chunk { time: 1, by: Default::default(), dir: Dir::Write, pos, bytes };
            http2.data(&chunk, &mut tell);
            pos += bytes.len() as u64;
        }
        http2.end(End { time: 2, closed: true, flaw: Flaw::Cut }, &mut tell);
        assert_eq!(told + http2.overhead()[Dir::Write as usize], bytes.len() as u64, "{step}");
    }
}

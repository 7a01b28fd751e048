//! HTTP/1 as a decoder tells it: the cases of RFC 9112, and what is lost of them.
#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod heard;

use heard::{Heard, Is, Line, check_spans, text};
use stream::message::{Flaw, Part};
use stream::{CloseReason, Dir};

const GET: &str = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

fn body(heard: &Heard) -> String {
    text(&heard.has().body)
}

/// Status, exchange, request and body of a response.
fn response(heard: &Heard) -> (u16, u64, &str, String) {
    assert!(matches!(heard.what, Is::Response(..)), "{heard:#?}");
    let request = heard.request.as_deref().unwrap_or("");
    (heard.status.unwrap(), heard.exchange, request, body(heard))
}

#[test]
fn a_request_and_its_response() {
    let mut line = Line::new();
    line.write(GET);
    let request = line.one();
    assert_eq!(request.request.as_deref(), Some("GET - h /a"));
    assert_eq!(request.has().headers, ["Host: h"]);
    assert_eq!((request.pos, request.len, request.exchange), (0, GET.len() as u64, 1));
    line.read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
    line.read("lo");
    let answer = line.one();
    assert_eq!(response(&answer), (200, 1, "GET - h /a", "hello".to_owned()));
    let Is::Response(part, _, first_byte, total) = answer.what else { panic!() };
    assert_eq!((part, first_byte, total), (Part::Whole, Some(1), Some(2)));
    line.close(CloseReason::Freed);
    assert_eq!(line.heard(), []);
}

#[test]
fn a_server_reads_requests() {
    let mut line = Line::new();
    line.read(GET);
    line.write("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n");
    line.read("POST /b HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi");
    line.write("HTTP/1.0 200 OK\r\n\r\nuntil the end");
    line.close(CloseReason::Freed);
    let heard = line.heard();
    assert_eq!(response(&heard[1]), (204, 1, "GET - h /a", String::new()));
    assert_eq!((body(&heard[2]), heard[2].dir), ("hi".to_owned(), Dir::Read));
    assert_eq!(response(&heard[3]), (200, 2, "POST - - /b", "until the end".to_owned()));
    assert_eq!(heard[3].flaws, []);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mut line = Line::new();
    line.write(format!("{GET}\r\nHEAD /b HTTP/1.1\r\n\r\n{GET}"));
    line.read(
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\
         HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    let heard = line.heard();
    assert_eq!(heard.len(), 6);
    assert_eq!(response(&heard[3]), (200, 1, "GET - h /a", "x".to_owned()));
    assert_eq!(response(&heard[4]), (200, 2, "HEAD - - /b", String::new()));
    assert_eq!(response(&heard[5]), (304, 3, "GET - h /a", String::new()));
}

#[test]
fn chunks_and_trailers_wherever_they_are_split() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n\
        6\r\n world\r\n0\r\nExpires: never\r\nX: y\r\n\r\n";
    for step in 1..answer.len() {
        let mut line = Line::new();
        line.write(GET);
        line.heard();
        answer.as_bytes().chunks(step).for_each(|chunk| line.read(chunk));
        let answered = line.one();
        assert_eq!(response(&answered), (200, 1, "GET - h /a", "hello world".to_owned()));
        assert_eq!(answered.has().trailers, ["Expires: never", "X: y"]);
        assert_eq!((answered.pos, answered.len), (0, answer.len() as u64));
    }
}

#[test]
fn interim_responses_leave_the_request_open() {
    let mut line = Line::new();
    line.write("PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    line.read("HTTP/1.1 100 Continue\r\n\r\n");
    line.write("hi");
    line.read("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    let heard = line.heard();
    let statuses: Vec<_> = heard.iter().map(|heard| heard.status).collect();
    assert_eq!(statuses, [Some(100), None, Some(103), Some(201)]);
    assert!(heard.iter().all(|heard| heard.exchange == 1));
    assert!(heard.iter().all(|heard| heard.request.as_deref() == Some("PUT - - /a")));
}

#[test]
fn what_is_not_answered_is_told_at_the_end() {
    let mut line = Line::new();
    line.write(GET);
    line.heard();
    line.close(CloseReason::Exit);
    let end = line.one();
    assert_eq!((end.what, end.dir, end.exchange), (Is::Unanswered, Dir::Read, 1));
    assert_eq!(end.flaws, []);
}

#[test]
fn a_tunnel_is_looked_into() {
    let mut line = Line::new();
    line.write("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n");
    line.read("HTTP/1.1 200 Connection established\r\nContent-Length: 7\r\n\r\n");
    line.write("\x16\x03\x01");
    line.read("binary");
    line.write(GET);
    let heard = line.heard();
    assert_eq!(heard[0].request.as_deref(), Some("CONNECT - h:1 h:1"));
    assert_eq!(heard[2].what, Is::Data(b"\x16\x03\x01".to_vec()));
    assert_eq!(heard[3].what, Is::Data(b"binary".to_vec()));
    assert_eq!((heard[4].exchange, heard[4].request.as_deref()), (2, Some("GET - h /a")));
}

#[test]
fn missing_bytes_of_a_body_keep_their_place() {
    let mut line = Line::new();
    line.write(GET);
    line.read("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab");
    line.lose(Dir::Read, 3);
    line.read("fghijHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
    let heard = line.heard();
    assert_eq!(heard[1].what, Is::Gap);
    assert_eq!(response(&heard[2]), (200, 1, "GET - h /a", "abfghij".to_owned()));
    assert_eq!(heard[2].has().holes, [(2, Some(3))]);
    assert_eq!((heard[2].flaws.as_slice(), heard[2].has().len), (&[Flaw::Gap][..], 10));
    assert_eq!(response(&heard[3]).0, 404);
    check_spans(&heard, Dir::Read, line.pos[0]);
}

#[test]
fn the_next_start_is_found_after_a_gap() {
    let mut line = Line::new();
    line.write(GET);
    line.read("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab");
    line.lose(Dir::Read, 300);
    line.read("tail of something HTTP/1.1 ");
    line.write("GET /b HTTP/1.1\r\n\r\n");
    line.read("HTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx");
    let heard = line.heard();
    assert_eq!(response(&heard[1]), (200, 1, "GET - h /a", "ab".to_owned()));
    assert_eq!(heard[1].has().holes, [(2, Some(8))]);
    assert_eq!(heard[3].what, Is::Loose(b"tail of something HTTP/1.1 ".to_vec()));
    assert_eq!(response(&heard[5]), (201, 2, "GET - - /b", "x".to_owned()));
    check_spans(&heard, Dir::Read, line.pos[0]);
    line.close(CloseReason::Freed);
    assert_eq!(line.heard(), []);
}

#[test]
fn a_lost_response_is_not_given_to_the_next_request() {
    let mut line = Line::new();
    line.write(GET);
    line.lose(Dir::Read, 300);
    line.write("GET /b HTTP/1.1\r\n\r\n");
    line.read("HTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx");
    let heard = line.heard();
    assert_eq!((&heard[3].what, heard[3].exchange), (&Is::Unanswered, 1));
    assert_eq!(heard[3].flaws, [Flaw::Gap]);
    assert_eq!(response(&heard[4]), (201, 2, "GET - - /b", "x".to_owned()));
}

#[test]
fn a_head_that_is_cut_off_is_told_as_far_as_it_came() {
    let mut line = Line::new();
    line.write("GET /a HTTP/1.1\r\nHost: h\r\nCoo");
    line.lose(Dir::Write, 10);
    line.write("rest\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
    let heard = line.heard();
    assert_eq!(heard[0].request.as_deref(), Some("GET - h /a"));
    assert_eq!(
        (heard[0].has().headers.as_slice(), heard[0].len),
        (&["Host: h".to_owned()][..], 29)
    );
    assert_eq!(heard[0].flaws, [Flaw::Gap]);
    assert_eq!(heard[2].what, Is::Loose(b"rest\r\n\r\n".to_vec()));
    assert_eq!(heard[3].request.as_deref(), Some("GET - - /b"));
    check_spans(&heard, Dir::Write, line.pos[1]);
}

#[test]
fn a_connection_older_than_the_capture() {
    let mut line = Line::new();
    line.read("the end of a body");
    line.read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    line.write(GET);
    let heard = line.heard();
    assert_eq!(heard[0].what, Is::Data(b"the end of a body".to_vec()));
    assert_eq!(response(&heard[1]), (200, 1, "", "hi".to_owned()));
    assert_eq!(heard[2].exchange, 2);
}

#[test]
fn a_response_to_a_head_that_was_not_seen() {
    let mut line = Line::new();
    line.read("HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n");
    line.write(GET);
    line.read("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
    let heard = line.heard();
    assert_eq!(response(&heard[1]), (200, 1, "", String::new()));
    assert_eq!(response(&heard[2]), (404, 2, "GET - h /a", String::new()));
}

#[test]
fn rubbish_between_messages_is_loose() {
    let mut line = Line::new();
    line.write(format!("{GET}\0\0rubbish{GET}"));
    let heard = line.heard();
    assert_eq!(heard[1].what, Is::Loose(b"\0\0rubbish".to_vec()));
    assert_eq!(heard[2].exchange, 2);
    check_spans(&heard, Dir::Write, line.pos[1]);
}

#[test]
fn what_is_not_http_passes_as_it_came() {
    let mut line = Line::new();
    line.write("G");
    line.read("\x15\x03");
    line.write("IT\0");
    line.write("P");
    line.close(CloseReason::Freed);
    let said: Vec<_> = line.heard().into_iter().map(|heard| heard.what).collect();
    let data = |bytes: &[u8]| Is::Data(bytes.to_vec());
    assert_eq!(said, [data(b"\x15\x03"), data(b"G"), data(b"IT\0"), data(b"P")]);
}

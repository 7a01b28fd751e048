//! The examples that the standards give of whole messages, word for word.
#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod frames;
mod heard;

use frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, PRIORITY, SETTINGS, block, frame,
};
use heard::{Heard, Is, Line};
use stream::message::Part;
use stream::{CloseReason, Dir};

/// What a call of `curl` would write, and the answer of a server.
fn http1(request: &str, response: &str) -> (Heard, Heard) {
    let mut line = Line::new();
    line.write(request);
    line.read(response);
    line.close(CloseReason::Freed);
    let heard = line.heard();
    let [request, response] = &heard[..] else { panic!("{heard:#?}") };
    assert!(request.flaws.is_empty() && response.flaws.is_empty());
    (request.clone(), response.clone())
}

/// RFC 9110, section 3.9.
#[test]
fn an_exchange_of_http1() {
    let (asked, answered) = http1(
        "GET /hello.txt HTTP/1.1\r\nUser-Agent: curl/7.64.1\r\nHost: www.example.com\r\n\
         Accept-Language: en, mi\r\n\r\n",
        "HTTP/1.1 200 OK\r\nDate: Mon, 27 Jul 2009 12:28:53 GMT\r\nServer: Apache\r\n\
         Last-Modified: Wed, 22 Jul 2009 19:15:56 GMT\r\nETag: \"34aa387-d-1568eb00\"\r\n\
         Accept-Ranges: bytes\r\nContent-Length: 51\r\nVary: Accept-Encoding\r\n\
         Content-Type: text/plain\r\n\r\nHello World! My content includes a trailing CRLF.\r\n",
    );
    assert_eq!(asked.request.as_deref(), Some("GET - www.example.com /hello.txt"));
    assert_eq!(asked.has().headers[2], "Accept-Language: en, mi");
    assert_eq!(answered.has().body, b"Hello World! My content includes a trailing CRLF.\r\n");
    assert_eq!(answered.has().headers[3], "ETag: \"34aa387-d-1568eb00\"");
}

/// RFC 9112, section 3.2: the four forms of a target.
#[test]
fn targets_of_http1() {
    let target = |request: &str| {
        let mut line = Line::new();
        line.write(request);
        line.one().request.unwrap()
    };
    let origin = target("GET /where?q=now HTTP/1.1\r\nHost: www.example.org\r\n\r\n");
    assert_eq!(origin, "GET - www.example.org /where?q=now");
    let absolute = "GET http://www.example.org/pub/WWW/TheProject.html HTTP/1.1\r\n\
        Host: www.example.org\r\n\r\n";
    let expected = "GET http www.example.org http://www.example.org/pub/WWW/TheProject.html";
    assert_eq!(target(absolute), expected);
    let authority = "CONNECT www.example.com:80 HTTP/1.1\r\nHost: www.example.com\r\n\r\n";
    assert_eq!(target(authority), "CONNECT - www.example.com:80 www.example.com:80");
    let asterisk = target("OPTIONS * HTTP/1.1\r\nHost: www.example.org:8001\r\n\r\n");
    assert_eq!(asterisk, "OPTIONS - www.example.org:8001 *");
}

/// RFC 9112, section 7.1, with extensions (7.1.1) and trailers (7.1.2).
#[test]
fn chunks_of_http1() {
    let (_, answered) = http1(
        "GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Expires\r\n\r\n\
         4\r\nWiki\r\n6;name=\"value;\"\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\n\
         Expires: Wed, 21 Oct 2015 07:28:00 GMT\r\n\r\n",
    );
    assert_eq!(answered.has().body, b"Wikipedia in \r\n\r\nchunks.");
    assert_eq!(answered.has().trailers, ["Expires: Wed, 21 Oct 2015 07:28:00 GMT"]);
}

/// RFC 9112, sections 2.2 (empty lines before a request), 5.1 (blanks around a value) and 5.2
/// (lines that are folded).
#[test]
fn heads_of_http1_that_recipients_bear_with() {
    let (asked, answered) = http1(
        "GET / HTTP/1.1\r\nHost:  h \t\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-Long: one\r\n two\r\n\tthree\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(asked.has().headers, ["Host: h"]);
    let folded: Vec<_> = answered.has().headers[0].split_ascii_whitespace().collect();
    assert_eq!(folded, ["X-Long:", "one", "two", "three"]);
    let mut line = Line::new();
    line.write("GET /a HTTP/1.1\r\n\r\n\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
    let heard = line.heard();
    let asked: Vec<_> = heard.iter().map(|heard| heard.request.as_deref().unwrap()).collect();
    assert_eq!(asked, ["GET - - /a", "GET - - /b"]);
}

fn http2() -> Line {
    let mut line = Line::new();
    let settings = frame(SETTINGS, 0, 0, &[]);
    line.write([PREFACE, &settings].concat());
    line.read(settings);
    line
}

fn resource() -> Vec<(&'static str, &'static str)> {
    vec![(":scheme", "https"), (":authority", "example.org"), (":path", "/resource")]
}

/// RFC 9113, section 8.8.1: a request and its answer without content.
#[test]
fn a_simple_exchange_of_http2() {
    let mut line = http2();
    let fields = [&[(":method", "GET")], &resource()[..], &[("accept", "image/jpeg")]].concat();
    line.write(frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(&fields)));
    let fields = [(":status", "304"), ("etag", "\"xyzzy\""), ("expires", "Thu, 23 Jan ...")];
    line.read(frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(&fields)));
    let heard = line.heard();
    let [asked, answered] = &heard[..] else { panic!("{heard:#?}") };
    assert_eq!(asked.request.as_deref(), Some("GET https example.org /resource"));
    assert_eq!(asked.has().headers, ["accept: image/jpeg"]);
    assert_eq!((answered.status, answered.has().body.len()), (Some(304), 0));
    assert_eq!(answered.has().headers, ["etag: \"xyzzy\"", "expires: Thu, 23 Jan ..."]);
}

/// Sections 8.8.3 and 8.8.4: a request in two frames with content, and a response with content.
#[test]
fn content_of_http2() {
    let mut line = http2();
    let first = [&[(":method", "POST")], &resource()[..2], &[(":path", "/resource")]].concat();
    line.write(frame(HEADERS, 0, 1, &block(&first)));
    let more = [("content-type", "image/jpeg"), ("host", "example.org"), ("content-length", "123")];
    line.write(frame(CONTINUATION, END_HEADERS, 1, &block(&more)));
    line.write(frame(DATA, END_STREAM, 1, &[b'b'; 123]));
    line.read(frame(HEADERS, END_HEADERS, 1, &block(&[(":status", "200"), more[0], more[2]])));
    line.read(frame(DATA, END_STREAM, 1, &[b'c'; 123]));
    let heard = line.heard();
    let [asked, answered] = &heard[..] else { panic!("{heard:#?}") };
    assert_eq!(asked.request.as_deref(), Some("POST https example.org /resource"));
    assert_eq!((asked.has().body.len(), asked.has().headers.len()), (123, 3));
    assert_eq!((answered.status, &answered.has().body[..]), (Some(200), &[b'c'; 123][..]));
}

/// Section 8.8.5: an interim response before a response with trailers.
#[test]
fn an_interim_response_and_trailers_of_http2() {
    let mut line = http2();
    let post = [&[(":method", "POST")], &resource()[..], &[("expect", "100-continue")]].concat();
    line.write(frame(HEADERS, END_HEADERS, 1, &block(&post)));
    line.read(frame(HEADERS, END_HEADERS, 1, &block(&[(":status", "100")])));
    line.write(frame(DATA, END_STREAM, 1, b"content"));
    let head = [(":status", "200"), ("content-type", "image/jpeg"), ("trailer", "Foo")];
    line.read(frame(HEADERS, END_HEADERS, 1, &block(&head)));
    line.read(frame(DATA, 0, 1, b"content"));
    line.read(frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(&[("foo", "bar")])));
    let heard = line.heard();
    let statuses: Vec<_> = heard.iter().map(|heard| heard.status).collect();
    assert_eq!(statuses, [Some(100), None, Some(200)]);
    assert_eq!(heard[2].has().trailers, ["foo: bar"]);
    assert_eq!(heard[2].has().body, b"content");
}

/// Section 6.2: a head with a priority and padding, both of which are passed over.
#[test]
fn priority_and_padding_of_http2() {
    let mut line = http2();
    let fields = block(&[&[(":method", "GET")], &resource()[..]].concat());
    let payload = [&[3, 0x80, 0, 0, 0, 15][..], &fields, &[0; 3]].concat();
    let flags = END_STREAM | END_HEADERS | PRIORITY | frames::PADDED;
    line.write(frame(HEADERS, flags, 1, &payload));
    assert_eq!(line.one().request.as_deref(), Some("GET https example.org /resource"));
}

/// RFC 6455, section 1.2 and the frames of section 5.7, on one connection.
#[test]
fn frames_of_a_websocket() {
    let mut line = Line::new();
    line.write(
        "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Origin: http://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\n\
         Sec-WebSocket-Version: 13\r\n\r\n",
    );
    line.read(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n",
    );
    line.heard();
    let said = |heard: Heard| match heard.what {
        Is::Other(said) => said,
        other => panic!("{other:?}"),
    };
    // "Hello": in one frame, masked, and in two fragments; a ping, and its masked pong.
    line.read([0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
    let hello = said(line.one());
    assert!(hello.contains("opcode: 1") && hello.contains("[72, 101, 108, 108, 111]"), "{hello}");
    line.write([0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    assert_eq!(said(line.one()), hello);
    line.read([0x01, 0x03, 0x48, 0x65, 0x6c]);
    line.read([0x80, 0x02, 0x6c, 0x6f]);
    assert_eq!(said(line.one()), hello.replace("fragments: 1", "fragments: 2"));
    line.read([0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
    assert_eq!(said(line.one()), hello.replace("opcode: 1", "opcode: 9"));
    line.write([0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    assert_eq!(said(line.one()), hello.replace("opcode: 1", "opcode: 10"));
    // 256 bytes and 64 KiB of binary data.
    for (head, len) in
        [(&[0x82, 0x7e, 0x01, 0x00][..], 256), (&[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0], 65_536)]
    {
        line.read([head, &vec![7; len]].concat());
        let told = line.one();
        assert_eq!(told.len, (head.len() + len) as u64);
        let said = said(told);
        assert!(said.contains("opcode: 2") && said.contains(&format!(" len: {len}")), "{len}");
    }
}

/// The example of gRPC's specification: a call with a message each way, and one without a response.
#[test]
fn a_call_of_grpc() {
    let mut line = http2();
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/google.pubsub.v2.PublisherService/CreateTopic"),
        (":authority", "pubsub.googleapis.com"),
        ("grpc-timeout", "1S"),
        ("content-type", "application/grpc+proto"),
        ("grpc-encoding", "gzip"),
        ("authorization", "Bearer y235.wef315yfh138vh31hv93hv8h3v"),
    ];
    line.write(frame(HEADERS, END_HEADERS, 1, &block(&fields)));
    line.write(frame(DATA, END_STREAM, 1, b"\0\0\0\0\x04name"));
    let fields =
        [(":status", "200"), ("grpc-encoding", "gzip"), ("content-type", "application/grpc+proto")];
    line.read(frame(HEADERS, END_HEADERS, 1, &block(&fields)));
    line.read(frame(DATA, 0, 1, b"\0\0\0\0\x05topic"));
    let trailers = [("grpc-status", "0"), ("trace-proto-bin", "jher831yy13JHy3hc")];
    line.read(frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(&trailers)));
    let heard = line.heard();
    let line_of = "POST http pubsub.googleapis.com /google.pubsub.v2.PublisherService/CreateTopic";
    assert!(heard.iter().all(|heard| heard.request.as_deref() == Some(line_of)), "{heard:#?}");
    assert!(matches!(heard[0].what, Is::Request(_)));
    assert!(matches!(&heard[1].what, Is::Other(rpc) if rpc.contains("[110, 97, 109, 101]")));
    assert!(matches!(heard[2].what, Is::Response(Part::Head, ..)));
    assert!(matches!(&heard[3].what, Is::Other(rpc) if rpc.contains("[116, 111, 112, 105, 99]")));
    let Is::Response(Part::End, has, ..) = &heard[4].what else { panic!("{heard:#?}") };
    assert_eq!(has.trailers[0], "grpc-status: 0");
    let moved: u64 = heard.iter().filter(|h| h.dir == Dir::Write).map(|h| h.len).sum();
    assert!(moved > 0);
}

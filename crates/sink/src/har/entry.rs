//! One entry: request, response, timings, and the messages of a WebSocket.

use std::io::Write as _;

use stream::message::{Body, Content, Headers, RequestLine, What};
use stream::{Conn, Dir, Message};

use crate::address::push_number;
use crate::escape;
use crate::json::push_base64;
use crate::time::Stamp;

/// What is known of an exchange.
pub(super) struct Entry<'a> {
    pub(super) conn: &'a Conn,
    pub(super) request: Option<&'a Message<'a>>,
    /// The response, or that there is none.
    pub(super) response: Option<&'a Message<'a>>,
    /// A WebSocket's messages, and how many more there were.
    pub(super) frames: Option<(&'a [u8], u64)>,
}

impl Entry<'_> {
    /// Appends it, with the comma before it.
    pub(super) fn push(&self, stamp: &mut Stamp, out: &mut Vec<u8>) {
        let Some(first) = self.request.or(self.response) else { return };
        let line = first.request.or_else(|| self.response?.request).unwrap_or_default();
        out.extend_from_slice(b",\n{\"startedDateTime\":\"");
        stamp.push(out, first.begun);
        out.extend_from_slice(b"\",\"time\":");
        let timings = self.timings();
        push_millis(out, timings.iter().sum());
        self.push_request(out, first, &line);
        self.push_response(out);
        out.extend_from_slice(
            b",\"cache\":{},\"timings\":{\"blocked\":-1,\"dns\":-1,\"connect\":-1",
        );
        for (name, value) in [",\"send\":", ",\"wait\":", ",\"receive\":"].iter().zip(timings) {
            out.extend_from_slice(name.as_bytes());
            push_millis(out, value);
        }
        out.extend_from_slice(b",\"ssl\":-1}");
        self.push_rest(out, first);
        out.push(b'}');
    }

    /// Sending, waiting, receiving; nanoseconds. A response may begin before its request ends.
    fn timings(&self) -> [u64; 3] {
        let spent = |message: &Message<'_>| message.ended.saturating_sub(message.begun);
        let answered = self.response.filter(|message| matches!(message.what, What::Response(_)));
        let wait = self.request.zip(self.response).map_or(0, |(request, response)| {
            let until = if answered.is_some() { response.begun } else { response.ended };
            until.saturating_sub(request.ended)
        });
        [self.request.map_or(0, spent), wait, answered.map_or(0, spent)]
    }

    fn push_request(&self, out: &mut Vec<u8>, first: &Message<'_>, line: &RequestLine<'_>) {
        let content = match self.request.map(|request| request.what) {
            Some(What::Request(content)) => content,
            _ => Content::default(),
        };
        out.extend_from_slice(b",\"request\":{\"method\":");
        escape::json(out, line.method.unwrap_or_default());
        out.extend_from_slice(b",\"url\":");
        let mut url = Vec::new();
        line.push_url(&mut url);
        escape::json(out, &url);
        push_version(out, first);
        out.extend_from_slice(b",\"cookies\":[");
        push_pairs(out, content.headers.all(b"cookie"), b';');
        push_headers(out, content.headers);
        out.extend_from_slice(b",\"queryString\":[");
        push_pairs(out, line.query().into_iter(), b'&');
        out.extend_from_slice(b"]");
        if content.body.len > 0 {
            out.extend_from_slice(b",\"postData\":{\"mimeType\":");
            escape::json(out, content.headers.first(b"content-type").unwrap_or_default());
            out.extend_from_slice(b",\"params\":[]");
            push_text(out, &content.body, b",\"_encoding\":\"base64\"");
            out.push(b'}');
        }
        push_sizes(out, content.body.wire_len);
    }

    fn push_response(&self, out: &mut Vec<u8>) {
        let (content, reason) = match self.response.map(|message| message.what) {
            Some(What::Response(response)) => (response.content, response.reason),
            _ => (Content::default(), b"".as_slice()),
        };
        let header = |name: &[u8]| content.headers.first(name).unwrap_or_default();
        let status = self.response.and_then(|message| message.status).unwrap_or(0);
        out.extend_from_slice(b",\"response\":{\"status\":");
        push_number(out, status.into());
        out.extend_from_slice(b",\"statusText\":");
        escape::json(out, reason);
        // Without a response there is no version of it.
        match self.response.or(self.request) {
            Some(message) => push_version(out, message),
            None => out.extend_from_slice(b",\"httpVersion\":\"\""),
        }
        out.extend_from_slice(b",\"cookies\":[");
        let first = |value| <[u8]>::split(value, |&byte| byte == b';').next().unwrap_or_default();
        push_pairs(out, content.headers.all(b"set-cookie").map(first), b';');
        push_headers(out, content.headers);
        out.extend_from_slice(b",\"content\":{\"size\":");
        push_number(out, content.body.len);
        if content.body.len > content.body.wire_len {
            out.extend_from_slice(b",\"compression\":");
            push_number(out, content.body.len - content.body.wire_len);
        }
        out.extend_from_slice(b",\"mimeType\":");
        escape::json(out, header(b"content-type"));
        if !content.body.bytes.is_empty() {
            push_text(out, &content.body, b",\"encoding\":\"base64\"");
        }
        out.extend_from_slice(b"},\"redirectURL\":");
        escape::json(out, header(b"location"));
        push_sizes(out, content.body.wire_len);
    }

    /// Where it was seen, what is wrong with it, and a WebSocket's messages as Chrome writes them.
    fn push_rest(&self, out: &mut Vec<u8>, first: &Message<'_>) {
        let Self { conn, .. } = self;
        let asked = match first.what {
            What::Request(_) => first.dir == Dir::Write,
            _ => first.dir == Dir::Read,
        };
        let server = if asked { conn.remote } else { conn.local };
        if let Some(server) = server {
            // Writing to a Vec does not fail.
            let _ = write!(out, ",\"serverIPAddress\":\"{}\"", server.ip());
        }
        let _ = write!(out, ",\"connection\":\"{}\",\"_pid\":{},\"_comm\":", conn.id, conn.pid);
        escape::json(out, first.by.comm.as_bytes());
        let flaws = [self.request, self.response].into_iter().flatten();
        let flaws = flaws.flat_map(|message| message.flaws.iter().map(|flaw| flaw.name()));
        let mut flaws = flaws.peekable();
        if flaws.peek().is_some() {
            let all: Vec<_> = flaws.collect();
            let _ = write!(out, ",\"comment\":\"incomplete: {}\"", all.join(", "));
        }
        if self.response.is_none_or(|message| message.status.is_none()) {
            out.extend_from_slice(b",\"_error\":\"no response\"");
        }
        if let Some((frames, dropped)) = self.frames {
            out.extend_from_slice(b",\"_resourceType\":\"websocket\",\"_webSocketMessages\":[");
            out.extend_from_slice(frames.strip_prefix(b",").unwrap_or(frames));
            let _ = write!(out, "],\"_webSocketMessagesLeftOut\":{dropped}");
        }
    }
}

/// Appends a message of a WebSocket, with the comma before it. `asked`: the way of the upgrade's
/// request, which the client sent.
pub(super) fn push_frame(out: &mut Vec<u8>, message: &Message<'_>, asked: Option<Dir>) {
    let What::Frame(frame) = &message.what else { return };
    let sent = message.dir == asked.unwrap_or(Dir::Write);
    let kind = if sent { "send" } else { "receive" };
    let (second, nanos) = (message.begun / 1_000_000_000, message.begun % 1_000_000_000);
    let _ = write!(out, ",{{\"type\":\"{kind}\",\"time\":{second}.{nanos:09}");
    let _ = write!(out, ",\"opcode\":{},\"data\":", frame.opcode);
    match std::str::from_utf8(frame.payload.bytes) {
        Ok(_) if frame.opcode != 2 => escape::json(out, frame.payload.bytes),
        _ => {
            out.push(b'"');
            push_base64(out, frame.payload.bytes);
            out.push(b'"');
        }
    }
    out.push(b'}');
}

fn push_version(out: &mut Vec<u8>, message: &Message<'_>) {
    out.extend_from_slice(b",\"httpVersion\":");
    let version = match message.protocol.name() {
        "gRPC" => "HTTP/2",
        "WebSocket" => "HTTP/1.1",
        name => name,
    };
    escape::json(out, version.as_bytes());
}

/// Ends a list of cookies and appends the headers.
fn push_headers(out: &mut Vec<u8>, headers: Headers<'_>) {
    out.extend_from_slice(b"],\"headers\":[");
    let mut comma: &[u8] = b"";
    for field in headers.iter() {
        push_pair(out, comma, field.name.unwrap_or(UNKNOWN), field.value.unwrap_or(UNKNOWN));
        comma = b",";
    }
    out.push(b']');
}

/// What HPACK could not resolve.
const UNKNOWN: &[u8] = b"<unknown>";

/// `a=1; b=2`.
fn push_pairs<'a>(out: &mut Vec<u8>, values: impl Iterator<Item = &'a [u8]>, separator: u8) {
    let mut comma: &[u8] = b"";
    for pair in values.flat_map(|value| value.split(move |&byte| byte == separator)) {
        let pair = pair.trim_ascii();
        if pair.is_empty() {
            continue;
        }
        let equals = pair.iter().position(|&byte| byte == b'=');
        let (name, value) = pair.split_at(equals.unwrap_or(pair.len()));
        push_pair(out, comma, name, value.strip_prefix(b"=").unwrap_or(value));
        comma = b",";
    }
}

fn push_pair(out: &mut Vec<u8>, comma: &[u8], name: &[u8], value: &[u8]) {
    out.extend_from_slice(comma);
    out.extend_from_slice(b"{\"name\":");
    escape::json(out, name);
    out.extend_from_slice(b",\"value\":");
    escape::json(out, value);
    out.push(b'}');
}

/// Text as it is, all else in base64.
fn push_text(out: &mut Vec<u8>, body: &Body<'_>, encoded: &[u8]) {
    out.extend_from_slice(b",\"text\":");
    if std::str::from_utf8(body.bytes).is_ok() {
        escape::json(out, body.bytes);
    } else {
        out.push(b'"');
        push_base64(out, body.bytes);
        out.push(b'"');
        out.extend_from_slice(encoded);
    }
    if body.rest() > 0 {
        let _ = write!(out, ",\"comment\":\"{} bytes are left out\"", body.rest());
    }
}

fn push_sizes(out: &mut Vec<u8>, body: u64) {
    out.extend_from_slice(b",\"headersSize\":-1,\"bodySize\":");
    push_number(out, body);
    out.push(b'}');
}

/// Milliseconds with the digits of a microsecond.
fn push_millis(out: &mut Vec<u8>, nanoseconds: u64) {
    let _ = write!(out, "{}.{:03}", nanoseconds / 1_000_000, nanoseconds / 1_000 % 1_000);
}

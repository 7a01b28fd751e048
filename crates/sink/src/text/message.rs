//! A message as people read it: a header line, then what was said, like a transcript.

use stream::message::{
    Content, Control, Flaw, Flaws, Frame, Headers, Part, RequestLine, Response, Rpc, ServerEvent,
    What,
};
use stream::protobuf::Type;
use stream::{Conn, Dir, Message};

use super::body::{self, Look};
use super::{CYAN, GREEN, Text, YELLOW, push_flow, query};
use crate::address::push_number;
use crate::{escape, time};

/// What stands where a part could not be resolved.
const UNKNOWN: &[u8] = b"<unknown>";

/// Appends a message.
pub(super) fn push(text: &mut Text, out: &mut Vec<u8>, conn: &Conn, message: &Message<'_>) {
    let described = text.descriptors.of(message);
    header(text, out, conn, message, described.as_ref());
    let look = Look { hex: text.hex, pretty: text.pretty };
    match &message.what {
        What::Request(content) => {
            request_line(out, message);
            whole(out, content, look);
        }
        What::Response(response) => {
            status_line(out, message, response);
            match response.part {
                // The body follows as it arrives.
                Part::Head => fields(out, response.content.headers),
                Part::End => fields(out, response.content.trailers),
                Part::Whole => whole(out, &response.content, look),
            }
        }
        What::Event(event) => event_lines(out, event),
        What::Frame(Frame { payload, .. }) => body::push(out, payload, b"", look),
        What::Rpc(Rpc { payload, .. }) => body::rpc(out, payload, described.as_ref(), look),
        What::Control(Control { detail, .. }) => body::bytes(out, detail, look),
        What::Loose(bytes) => body::bytes(out, bytes, look),
        What::Query(query) => query::push(out, query, look),
        What::Unanswered => {}
    }
    out.push(b'\n');
}

/// Time, who, which way, protocol, kind and size, what is wrong, connection and exchange.
fn header(
    text: &mut Text,
    out: &mut Vec<u8>,
    conn: &Conn,
    message: &Message<'_>,
    described: Option<&Type>,
) {
    let colour = match (&message.what, message.dir) {
        (What::Unanswered, _) => YELLOW,
        _ if !message.flaws.is_empty() => YELLOW,
        (_, Dir::Write) => GREEN,
        (_, Dir::Read) => CYAN,
    };
    // What streamed in a response stands before its end, as it came.
    let time = match &message.what {
        What::Response(Response { part: Part::End, .. }) => message.ended,
        _ => message.begun,
    };
    text.begin(out, colour, time, &message.by.comm, conn, message.by.tid);
    push_flow(out, conn, message.dir);
    out.push(b' ');
    out.extend_from_slice(message.protocol.name().as_bytes());
    if let Some(stream) = message.stream {
        out.extend_from_slice(b" stream ");
        push_number(out, stream.into());
    }
    kind(out, message, described);
    flaws(out, message.flaws);
    text.end(out, conn, message.exchange);
}

fn kind(out: &mut Vec<u8>, message: &Message<'_>, described: Option<&Type>) {
    out.push(b' ');
    match &message.what {
        What::Request(_) => out.extend_from_slice(b"request"),
        What::Response(response) => {
            out.extend_from_slice(match response.part {
                Part::Whole => b"response",
                Part::Head => b"response begins",
                Part::End => b"response ends".as_slice(),
            });
        }
        What::Unanswered => out.extend_from_slice(b"no response"),
        What::Event(_) => out.extend_from_slice(b"event"),
        What::Frame(frame) => out.extend_from_slice(opcode(frame.opcode)),
        What::Rpc(rpc) => {
            out.extend_from_slice(b"message ");
            push_number(out, rpc.number);
            if let Some(of) = described {
                out.push(b' ');
                out.extend_from_slice(of.full_name().as_bytes());
            }
        }
        What::Control(control) => {
            out.extend_from_slice(control.frame.as_bytes());
            if let Some(error) = control.error {
                out.push(b' ');
                out.extend_from_slice(error.as_bytes());
            }
        }
        What::Query(query) => out.extend_from_slice(query.command.name().as_bytes()),
        What::Loose(_) => out.extend_from_slice(b"bytes of no message"),
    }
    if let What::Frame(Frame { close: Some(status), .. }) = message.what {
        out.push(b' ');
        push_number(out, status.into());
    }
    if message.wire.len > 0 {
        out.push(b' ');
        push_number(out, message.wire.len);
        out.extend_from_slice(b" B");
    }
    match &message.what {
        What::Response(response) => {
            answers(out, message.request.as_ref());
            if let Some(first) = response.first_byte {
                out.extend_from_slice(b" after ");
                time::push_duration(out, first);
            }
            if let Some(total) = response.total.filter(|&total| Some(total) != response.first_byte)
            {
                out.extend_from_slice(b", in ");
                time::push_duration(out, total);
            }
        }
        What::Unanswered => {
            answers(out, message.request.as_ref());
            out.extend_from_slice(b" in ");
            time::push_duration(out, message.ended.saturating_sub(message.begun));
        }
        What::Query(query) => query::push_result(out, query),
        _ => {}
    }
}

/// ` to GET localhost:8443/hello.txt`.
fn answers(out: &mut Vec<u8>, request: Option<&RequestLine<'_>>) {
    let Some(request) = request else {
        out.extend_from_slice(b" to a request that was not seen");
        return;
    };
    out.extend_from_slice(b" to ");
    part(out, request.method);
    out.push(b' ');
    url(out, request);
}

/// Where a request goes, as short as it is clear: host and path.
fn url(out: &mut Vec<u8>, request: &RequestLine<'_>) {
    let target = request.target.unwrap_or(UNKNOWN);
    let absolute = target.windows(3).take(8).any(|part| part == b"://");
    let authority = request.authority.filter(|&authority| !absolute && authority != target);
    escape::name(out, authority.unwrap_or_default());
    escape::name(out, target);
}

fn flaws(out: &mut Vec<u8>, flaws: Flaws) {
    for (index, flaw) in flaws.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b" (" } else { b"; " });
        out.extend_from_slice(match flaw {
            Flaw::Gap => b"bytes are missing",
            Flaw::Cut => b"cut off",
            Flaw::Late => b"its beginning was not seen",
            Flaw::Limit => b"a limit was reached",
            Flaw::Broken => b"breaks the protocol".as_slice(),
        });
    }
    if !flaws.is_empty() {
        out.push(b')');
    }
}

/// `GET /hello.txt HTTP/1.1`; without a header for it, the authority stands in the target.
fn request_line(out: &mut Vec<u8>, message: &Message<'_>) {
    let line = message.request.unwrap_or_default();
    part(out, line.method);
    out.push(b' ');
    if message.stream.is_some() && line.method != Some(b"CONNECT") {
        part(out, line.scheme);
        out.extend_from_slice(b"://");
        part(out, line.authority);
    }
    part(out, line.target);
    out.push(b' ');
    out.extend_from_slice(message.protocol.name().as_bytes());
    out.push(b'\n');
}

/// `HTTP/1.1 200 OK`.
fn status_line(out: &mut Vec<u8>, message: &Message<'_>, response: &Response<'_>) {
    out.extend_from_slice(message.protocol.name().as_bytes());
    out.push(b' ');
    match message.status {
        Some(status) => push_number(out, status.into()),
        None => out.extend_from_slice(UNKNOWN),
    }
    if !response.reason.is_empty() {
        out.push(b' ');
        escape::name(out, response.reason);
    }
    out.push(b'\n');
}

fn whole(out: &mut Vec<u8>, content: &Content<'_>, look: Look) {
    fields(out, content.headers);
    let kind = content.headers.first(b"content-type").unwrap_or_default();
    if content.body.len > 0 || content.body.wire_len > 0 {
        out.push(b'\n');
        body::push(out, &content.body, kind, look);
    }
    if !content.trailers.is_empty() {
        out.push(b'\n');
        fields(out, content.trailers);
    }
}

fn fields(out: &mut Vec<u8>, headers: Headers<'_>) {
    for field in headers.iter() {
        part(out, field.name);
        out.extend_from_slice(b": ");
        part(out, field.value);
        out.push(b'\n');
    }
}

/// The lines of an event, as WHATWG HTML, section 9.2.5 writes them.
fn event_lines(out: &mut Vec<u8>, event: &ServerEvent<'_>) {
    for (name, value) in [(b"event: ".as_slice(), event.event), (b"id: ", event.id)] {
        if !value.is_empty() {
            out.extend_from_slice(name);
            escape::name(out, value);
            out.push(b'\n');
        }
    }
    if let Some(retry) = event.retry {
        out.extend_from_slice(b"retry: ");
        push_number(out, retry);
        out.push(b'\n');
    }
    for line in event.data.split(|&byte| byte == b'\n') {
        out.extend_from_slice(b"data: ");
        escape::name(out, line);
        out.push(b'\n');
    }
}

fn part(out: &mut Vec<u8>, part: Option<&[u8]>) {
    match part {
        Some(part) => escape::name(out, part),
        None => out.extend_from_slice(UNKNOWN),
    }
}

/// The frame's name (RFC 6455, section 5.2).
fn opcode(opcode: u8) -> &'static [u8] {
    match opcode {
        1 => b"text",
        2 => b"binary",
        8 => b"close",
        9 => b"ping",
        10 => b"pong",
        _ => b"frame of an unknown kind",
    }
}

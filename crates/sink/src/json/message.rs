//! The line of a message.

use stream::message::{
    Body, Content, Control, Frame, Headers, Part, Query, RequestLine, Response, Rpc, ServerEvent,
    What,
};
use stream::protobuf::Descriptors;
use stream::{Conn, Message};

use super::{
    Json, Who, proto, push_addresses, push_base64, push_field, push_optional, push_span, push_who,
};
use crate::escape;

/// Appends a message.
pub(super) fn push(json: &mut Json, out: &mut Vec<u8>, conn: &Conn, message: &Message<'_>) {
    json.begin(out, "message", message.begun);
    let by = &message.by;
    push_who(out, conn, Who { tid: Some(by.tid), uid: by.uid, comm: &by.comm });
    push_span(out, message.dir, message.wire.pos, message.wire.len);
    push_addresses(out, conn);
    out.extend_from_slice(b",\"ended\":\"");
    json.stamp.push(out, message.ended);
    push_name(out, b"\",\"protocol\":", message.protocol.name());
    push_optional(out, b",\"stream\":", message.stream.map(u64::from));
    push_field(out, b",\"exchange\":", message.exchange);
    push_name(out, b",\"kind\":", kind(&message.what));
    out.extend_from_slice(b",\"flaws\":[");
    for (index, flaw) in message.flaws.iter().enumerate() {
        push_name(out, if index > 0 { b"," } else { b"" }, flaw.name());
    }
    out.push(b']');
    push_request(out, message.request.as_ref());
    push_optional(out, b",\"status\":", message.status.map(u64::from));
    push_what(out, message, &json.descriptors);
    out.extend_from_slice(b"}\n");
}

/// The name of the kind.
pub(crate) fn kind(what: &What<'_>) -> &'static str {
    match what {
        What::Request(_) => "request",
        What::Response(_) => "response",
        What::Unanswered => "unanswered",
        What::Event(_) => "event",
        What::Frame(_) => "frame",
        What::Rpc(_) => "rpc",
        What::Control(_) => "control",
        What::Query(_) => "query",
        What::Loose(_) => "loose",
    }
}

fn push_what(out: &mut Vec<u8>, message: &Message<'_>, descriptors: &Descriptors) {
    match &message.what {
        What::Request(content) => push_content(out, content),
        What::Response(response) => push_response(out, response),
        What::Unanswered => {}
        What::Event(event) => push_event(out, event),
        What::Frame(Frame { opcode, payload, fragments, close }) => {
            push_field(out, b",\"opcode\":", (*opcode).into());
            push_field(out, b",\"fragments\":", *fragments);
            push_optional(out, b",\"close\":", close.map(u64::from));
            push_body(out, payload);
        }
        What::Rpc(Rpc { number, payload, .. }) => {
            push_field(out, b",\"number\":", *number);
            push_body(out, payload);
            proto::push(out, payload, descriptors.of(message).as_ref());
        }
        What::Control(Control { frame, error, detail }) => {
            push_name(out, b",\"frame\":", frame);
            match error {
                Some(error) => push_name(out, b",\"error\":", error),
                None => out.extend_from_slice(b",\"error\":null"),
            }
            push_bytes(out, detail);
        }
        What::Query(query) => push_query(out, query),
        What::Loose(bytes) => push_bytes(out, bytes),
    }
}

fn push_response(out: &mut Vec<u8>, response: &Response<'_>) {
    let part = match response.part {
        Part::Whole => "whole",
        Part::Head => "head",
        Part::End => "end",
    };
    push_name(out, b",\"part\":", part);
    out.extend_from_slice(b",\"reason\":");
    escape::json(out, response.reason);
    push_optional(out, b",\"first_byte_ns\":", response.first_byte);
    push_optional(out, b",\"total_ns\":", response.total);
    push_content(out, &response.content);
}

fn push_query(out: &mut Vec<u8>, query: &Query<'_>) {
    push_name(out, b",\"command\":", query.command.name());
    push_part(out, b",\"db\":", query.db);
    push_part(out, b",\"user\":", query.user);
    push_optional(out, b",\"server_id\":", query.server_id);
    push_part(out, b",\"statement\":", Some(query.statement.bytes));
    push_field(out, b",\"statement_len\":", query.statement.len);
    push_optional(out, b",\"masked\":", query.statement.masked);
    push_fields(out, b",\"params\":[", query.params);
    push_name(out, b",\"outcome\":", query.outcome.name());
    push_optional(out, b",\"rows\":", query.rows);
    push_field(out, b",\"results\":", query.results);
    push_part(out, b",\"tag\":", Some(query.tag).filter(|tag| !tag.is_empty()));
    push_optional(out, b",\"copied\":", query.copied);
    match query.error {
        Some(error) => {
            push_part(out, b",\"error\":{\"sqlstate\":", Some(error.sqlstate));
            push_optional(out, b",\"number\":", error.number.map(u64::from));
            push_part(out, b",\"message\":", Some(error.message));
            out.push(b'}');
        }
        None => out.extend_from_slice(b",\"error\":null"),
    }
    push_field(out, b",\"answer\":{\"pos\":", query.answer.pos);
    push_field(out, b",\"len\":", query.answer.len);
    out.push(b'}');
    push_optional(out, b",\"first_byte_ns\":", query.first_byte);
    push_optional(out, b",\"total_ns\":", query.total);
}

fn push_event(out: &mut Vec<u8>, event: &ServerEvent<'_>) {
    for (name, value) in [
        (b",\"event\":".as_slice(), event.event),
        (b",\"data\":", event.data),
        (b",\"id\":", event.id),
    ] {
        out.extend_from_slice(name);
        escape::json(out, value);
    }
    push_optional(out, b",\"retry\":", event.retry);
}

fn push_request(out: &mut Vec<u8>, request: Option<&RequestLine<'_>>) {
    out.extend_from_slice(b",\"request\":");
    let Some(request) = request else {
        out.extend_from_slice(b"null");
        return;
    };
    push_part(out, b"{\"method\":", request.method);
    push_part(out, b",\"scheme\":", request.scheme);
    push_part(out, b",\"authority\":", request.authority);
    push_part(out, b",\"target\":", request.target);
    out.push(b'}');
}

fn push_content(out: &mut Vec<u8>, content: &Content<'_>) {
    push_fields(out, b",\"headers\":[", content.headers);
    push_body(out, &content.body);
    push_fields(out, b",\"trailers\":[", content.trailers);
}

fn push_fields(out: &mut Vec<u8>, name: &[u8], headers: Headers<'_>) {
    out.extend_from_slice(name);
    for (index, field) in headers.iter().enumerate() {
        push_part(out, if index > 0 { b",[" } else { b"[" }, field.name);
        push_part(out, b",", field.value);
        out.push(b']');
    }
    out.push(b']');
}

fn push_body(out: &mut Vec<u8>, body: &Body<'_>) {
    push_field(out, b",\"body\":{\"len\":", body.len);
    push_field(out, b",\"wire_len\":", body.wire_len);
    out.extend_from_slice(b",\"coding\":");
    escape::json(out, body.coding);
    if std::str::from_utf8(body.bytes).is_ok() {
        out.extend_from_slice(b",\"text\":");
        escape::json(out, body.bytes);
        out.extend_from_slice(b",\"base64\":null");
    } else {
        out.extend_from_slice(b",\"text\":null,\"base64\":\"");
        push_base64(out, body.bytes);
        out.push(b'"');
    }
    out.extend_from_slice(b",\"holes\":[");
    for (index, hole) in body.holes.iter().enumerate() {
        push_field(out, if index > 0 { b",{\"at\":" } else { b"{\"at\":" }, hole.at as u64);
        push_optional(out, b",\"len\":", hole.len);
        out.push(b'}');
    }
    out.push(b']');
    match body.problem {
        Some(problem) => push_name(out, b",\"problem\":", problem.name()),
        None => out.extend_from_slice(b",\"problem\":null"),
    }
    push_optional(out, b",\"masked\":", body.masked);
    out.push(b'}');
}

fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(b",\"bytes\":\"");
    push_base64(out, bytes);
    out.push(b'"');
}

fn push_part(out: &mut Vec<u8>, name: &[u8], part: Option<&[u8]>) {
    out.extend_from_slice(name);
    match part {
        Some(part) => escape::json(out, part),
        None => out.extend_from_slice(b"null"),
    }
}

/// A name that needs no escapes.
fn push_name(out: &mut Vec<u8>, before: &[u8], name: &str) {
    out.extend_from_slice(before);
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.push(b'"');
}

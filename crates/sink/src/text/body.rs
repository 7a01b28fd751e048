//! Bodies as people read them: text as text, JSON in order, the rest as one line or as hex.

use stream::message::{Body, Problem};
use stream::protobuf::Type;

use super::{pretty, proto};
use crate::address::push_number;
use crate::{escape, hex};

/// How bodies look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// As a hex dump.
    pub hex: bool,
    /// JSON with a line for each value.
    pub pretty: bool,
}

/// Bytes at the front that decide whether a body is text.
const TASTE: usize = 4 << 10;

/// Appends a body and what is wrong with it; `kind` is its media type.
pub(super) fn push(out: &mut Vec<u8>, body: &Body<'_>, kind: &[u8], look: Look) {
    if look.hex || is_text(body.bytes) {
        with_holes(out, body, kind, look);
    } else {
        summary(out, body, kind);
    }
    let rest = body.rest();
    if rest > 0 && (look.hex || is_text(body.bytes)) {
        note(out, |out| {
            push_number(out, rest);
            out.extend_from_slice(b" B more");
        });
    }
    if let Some(problem) = body.problem {
        note(out, |out| push_problem(out, body, problem));
    }
}

/// Appends a message of gRPC: as Protocol Buffers, if it reads like them.
pub(super) fn rpc(out: &mut Vec<u8>, body: &Body<'_>, described: Option<&Type>, look: Look) {
    let rest = body.rest();
    let plain = !look.hex && body.holes.is_empty() && body.problem.is_none();
    if !plain || !proto::push(out, body.bytes, rest > 0, described) {
        return push(out, body, b"", look);
    }
    if rest > 0 {
        note(out, |out| {
            push_number(out, rest);
            out.extend_from_slice(b" B more");
        });
    }
}

/// Appends bytes that have no kind.
pub(super) fn bytes(out: &mut Vec<u8>, bytes: &[u8], look: Look) {
    push(out, &Body { bytes, len: bytes.len() as u64, ..Body::default() }, b"", look);
}

fn with_holes(out: &mut Vec<u8>, body: &Body<'_>, kind: &[u8], look: Look) {
    if look.pretty && !look.hex && is_json(kind) && body.holes.is_empty() && body.rest() == 0 {
        let mut ordered = Vec::new();
        if pretty::json(&mut ordered, body.bytes) {
            escape::payload(out, &ordered);
            end_line(out);
            return;
        }
    }
    let mut done = 0;
    for hole in body.holes {
        let at = hole.at.clamp(done, body.bytes.len());
        run(out, &body.bytes[done..at], done, look);
        done = at;
        note(out, |out| {
            match hole.len {
                Some(len) => push_number(out, len),
                None => out.extend_from_slice(b"some"),
            }
            out.extend_from_slice(b" B missing");
        });
    }
    run(out, &body.bytes[done..], done, look);
}

fn run(out: &mut Vec<u8>, bytes: &[u8], at: usize, look: Look) {
    if bytes.is_empty() {
        return;
    }
    if look.hex {
        hex::dump(out, bytes, at as u64);
        return;
    }
    escape::payload(out, bytes);
    end_line(out);
}

/// `[image/png, 1234 B]`.
fn summary(out: &mut Vec<u8>, body: &Body<'_>, kind: &[u8]) {
    note(out, |out| {
        escape::name(out, if kind.is_empty() { b"binary" } else { kind });
        out.extend_from_slice(b", ");
        push_number(out, body.len);
        out.extend_from_slice(b" B");
        if holes_len(body) > 0 {
            out.extend_from_slice(b", of which missing ");
            push_number(out, holes_len(body));
        }
    });
}

fn push_problem(out: &mut Vec<u8>, body: &Body<'_>, problem: Problem) {
    escape::name(out, body.coding);
    out.extend_from_slice(match problem {
        Problem::UnknownCoding => b" is not decoded: shown as it came",
        Problem::Corrupt => b" breaks its format here: the rest is not decoded",
        Problem::Bomb => b" grows past all reason: the rest is not decoded",
        Problem::Gap => b" can't be decoded past the missing bytes".as_slice(),
    });
}

fn note(out: &mut Vec<u8>, say: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'[');
    say(out);
    out.extend_from_slice(b"]\n");
}

fn holes_len(body: &Body<'_>) -> u64 {
    body.holes.iter().filter_map(|hole| hole.len).fold(0, u64::saturating_add)
}

fn end_line(out: &mut Vec<u8>) {
    if out.last() != Some(&b'\n') {
        out.push(b'\n');
    }
}

fn is_json(kind: &[u8]) -> bool {
    let name = kind.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    let name = name.to_ascii_lowercase();
    name.ends_with(b"/json") || name.ends_with(b"+json")
}

/// Whether bytes read as text: no NUL, and next to nothing that is neither UTF-8 nor a line end.
fn is_text(bytes: &[u8]) -> bool {
    let taste = &bytes[..bytes.len().min(TASTE)];
    if escape::is_plain_text(taste) {
        return true;
    }
    let mut odd = 0;
    for chunk in taste.utf8_chunks() {
        // A character that the taste cut in two is none of the text's fault.
        odd += chunk.invalid().len();
        let controls = |&&byte: &&u8| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x1b);
        odd += chunk.valid().as_bytes().iter().filter(controls).count();
    }
    !taste.contains(&0) && odd.saturating_sub(3) * 20 <= taste.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_the_rest() {
        for text in ["", "héllo\n", "\x1b[1mbold", "{\"a\": 1}"] {
            assert!(is_text(text.as_bytes()), "{text}");
        }
        let cut = "é".repeat(TASTE);
        assert!(is_text(&cut.as_bytes()[1..]));
        for binary in [&b"\x89PNG\r\n\x1a\n\0"[..], &[0xff; 100], &[1; 50]] {
            assert!(!is_text(binary));
        }
    }

    #[test]
    fn json_is_known_by_its_type() {
        assert!(
            is_json(b"application/json; charset=utf-8") && is_json(b"application/Problem+JSON")
        );
        assert!(!is_json(b"text/html") && !is_json(b""));
    }
}

//! Finds secrets in text: parameters of URLs and forms, users in URLs, tokens that carry
//! their own mark.

use std::sync::LazyLock;

use memchr::{memchr2, memmem};

use super::json;
use super::mask::Ranges;
use super::names::{Bearer, Names};

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Anything.
    Free,
    /// `application/x-www-form-urlencoded`: a value ends at `&` only.
    Form,
    /// `multipart/form-data` (RFC 7578).
    Multipart,
    /// JSON, by its type or its first byte.
    Json,
}

impl Kind {
    /// What a body is.
    pub(super) fn of(content_type: Option<&[u8]>, body: &[u8]) -> Self {
        let typed = content_type.unwrap_or_default();
        let is = |part: &[u8]| typed.windows(part.len()).any(|w| w.eq_ignore_ascii_case(part));
        let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
        match first {
            _ if is(b"x-www-form-urlencoded") => Self::Form,
            _ if is(b"multipart/form-data") => Self::Multipart,
            Some(b'{' | b'[') => Self::Json,
            _ if is(b"json") => Self::Json,
            _ => Self::Free,
        }
    }
}

/// Searches that every text goes through; made once.
static URL: LazyLock<memmem::Finder<'_>> = LazyLock::new(|| memmem::Finder::new("://"));
static TOKEN: LazyLock<memmem::Finder<'_>> = LazyLock::new(|| memmem::Finder::new("eyJ"));

/// Bytes before a `=` that are looked at, encoded.
const NAME: usize = 256;

/// Adds every secret in `bytes[from..to]`.
pub(super) fn scan(
    bytes: &[u8],
    from: usize,
    to: usize,
    kind: Kind,
    names: &Names,
    ranges: &mut Ranges,
) {
    json::scan(bytes, from, to, names, ranges);
    params(&bytes[..to], from, kind, names, ranges);
    users(&bytes[..to], from, ranges);
    tokens(&bytes[..to], from, ranges);
    if kind == Kind::Multipart {
        parts(&bytes[..to], from, names, ranges);
    }
}

/// How many bytes at the front of a text may belong to a secret that began in bytes which are
/// missing.
pub(super) fn unsure(bytes: &[u8], from: usize, to: usize, kind: Kind) -> usize {
    let part = &bytes[from..to];
    let end = match kind {
        Kind::Json => json::first_key(bytes, from, to),
        Kind::Multipart => memmem::find(part, b"\n--").map(|end| from + end),
        Kind::Form => part.iter().position(|&byte| byte == b'&').map(|end| from + end),
        Kind::Free => part.iter().position(|&byte| ends_value(byte)).map(|end| from + end),
    };
    end.unwrap_or(to)
}

/// `name=value`, also with an encoded `=` in the value of another parameter.
fn params(bytes: &[u8], from: usize, kind: Kind, names: &Names, ranges: &mut Ranges) {
    let mut at = from;
    while let Some(found) = memchr2(b'=', b'%', &bytes[at..]) {
        let sign = at + found;
        at = sign + 1;
        let encoded = bytes[sign] == b'%';
        if encoded && !bytes[sign + 1..].get(..2).is_some_and(|d| d.eq_ignore_ascii_case(b"3d")) {
            continue;
        }
        if !is_secret(&bytes[from..sign], names) {
            continue;
        }
        let start = if encoded { sign + 3 } else { sign + 1 };
        let end = value_end(bytes, start, kind, encoded);
        ranges.push(start..end);
        at = end.max(at);
    }
}

/// Whether the name at the end is secret.
fn is_secret(before: &[u8], names: &Names) -> bool {
    let before = &before[before.len().saturating_sub(NAME)..];
    let start = before.iter().rposition(|&byte| !is_of_name(byte)).map_or(0, |at| at + 1);
    let name = &before[start..];
    if !name.contains(&b'%') {
        return names.is_secret(name, Bearer::Param);
    }
    let mut plain = [0; NAME];
    let (mut len, mut at) = (0, 0);
    while at < name.len() {
        let decoded = (name[at] == b'%').then(|| hex(name.get(at + 1..at + 3)?)).flatten();
        at += if decoded.is_some() { 3 } else { 1 };
        // Bytes of the name: never more than there is room for.
        plain[len] = decoded.unwrap_or(name[at - 1]);
        len += 1;
    }
    let plain = &plain[..len];
    // What is decoded may be a URL in which this is the last parameter's name.
    let start = plain.iter().rposition(|&byte| byte == b'%' || !is_of_name(byte));
    names.is_secret(&plain[start.map_or(0, |at| at + 1)..], Bearer::Param)
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.~%+[]$!".contains(&byte)
}

fn hex(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn value_end(bytes: &[u8], start: usize, kind: Kind, encoded: bool) -> usize {
    let rest = &bytes[start..];
    let quote = rest.first().filter(|byte| matches!(byte, b'"' | b'\''));
    let len = match quote {
        _ if kind == Kind::Form && !encoded => rest.iter().position(|&byte| byte == b'&'),
        Some(quote) => rest[1..].iter().position(|byte| byte == quote).map(|len| len + 2),
        None => rest.iter().enumerate().position(|(at, &byte)| {
            ends_value(byte) || encoded && byte == b'%' && ends_encoded(&rest[at + 1..])
        }),
    };
    start + len.unwrap_or(rest.len())
}

fn ends_value(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b"&#;,\"'<>\\)`".contains(&byte)
}

/// `%26` and `%23`: `&` and `#`.
fn ends_encoded(digits: &[u8]) -> bool {
    matches!(digits.get(..2), Some(b"26" | b"23"))
}

/// The content of secret parts of a form: from the empty line to the next boundary.
fn parts(bytes: &[u8], from: usize, names: &Names, ranges: &mut Ranges) {
    let mut at = from;
    while let Some(found) = memmem::find(&bytes[at..], b"name=") {
        let start = at + found + 5;
        let quoted = bytes.get(start) == Some(&b'"');
        let start = start + usize::from(quoted);
        let ends = |byte: &u8| if quoted { *byte == b'"' } else { b"; \r\n".contains(byte) };
        let rest = &bytes[start..];
        let name = &rest[..rest.iter().position(ends).unwrap_or(rest.len())];
        at = start + name.len();
        if !names.is_secret(name, Bearer::Param) {
            continue;
        }
        let rest = &bytes[at..];
        let [crlf, lf] = [b"\r\n\r\n".as_slice(), b"\n\n"]
            .map(|line| memmem::find(rest, line).map(|found| at + found + line.len()));
        let content = crlf.into_iter().chain(lf).min().unwrap_or(at);
        let end = memmem::find(&bytes[content..], b"\n--").map(|found| content + found);
        at = end.unwrap_or(bytes.len());
        ranges.push(content..at);
    }
}

/// `user:password@` in a URL.
fn users(bytes: &[u8], from: usize, ranges: &mut Ranges) {
    let mut at = from;
    while let Some(found) = URL.find(&bytes[at..]) {
        let start = at + found + 3;
        let rest = &bytes[start..];
        let end =
            rest.iter().position(|byte| b"/?#\"'<>\\ \t\r\n".contains(byte)).unwrap_or(rest.len());
        if let Some(user) = rest[..end].iter().rposition(|&byte| byte == b'@') {
            ranges.push(start..start + user);
        }
        at = start;
    }
}

/// JSON Web Tokens (RFC 7519): three parts in base64url, of which the first begins as `{"` does.
fn tokens(bytes: &[u8], from: usize, ranges: &mut Ranges) {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let mut at = from;
    while let Some(found) = TOKEN.find(&bytes[at..]) {
        let start = at + found;
        at = start + 3;
        if start > from && is_base64(&bytes[start - 1]) {
            continue;
        }
        let head = bytes[start..].iter().take_while(|byte| is_base64(byte)).count();
        if head < 10 || bytes.get(start + head) != Some(&b'.') {
            continue;
        }
        let rest = &bytes[start + head..];
        let end = rest.iter().take_while(|byte| is_base64(byte) || **byte == b'.').count();
        ranges.push(start..start + head + end);
        at = start + head + end;
    }
}

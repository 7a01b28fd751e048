//! Finds what is secret in a header's value.

use memchr::memchr2;

use super::mask::Ranges;
use super::names::{Bearer, Names};
use super::text::{self, Kind};

/// Schemes that stay visible before a secret (RFC 9110, section 11.1, and the registry of IANA).
const SCHEMES: [&[u8]; 14] = [
    b"apikey",
    b"aws4-hmac-sha256",
    b"basic",
    b"bearer",
    b"digest",
    b"dpop",
    b"gnap",
    b"hoba",
    b"mutual",
    b"negotiate",
    b"ntlm",
    b"scram-sha-1",
    b"scram-sha-256",
    b"token",
];

/// Attributes of Set-Cookie that stay visible (RFC 6265, section 4.1).
const ATTRIBUTES: [&[u8]; 9] = [
    b"domain",
    b"expires",
    b"httponly",
    b"max-age",
    b"partitioned",
    b"path",
    b"priority",
    b"samesite",
    b"secure",
];

/// Adds what is secret in the value. A name that is not known may be any.
pub(super) fn scan(name: Option<&[u8]>, value: &[u8], names: &Names, ranges: &mut Ranges) {
    let Some(name) = name else { return ranges.push(0..value.len()) };
    let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
    if is(b"cookie") {
        return cookies(value, false, ranges);
    }
    if is(b"set-cookie") || is(b"set-cookie2") {
        return cookies(value, true, ranges);
    }
    if names.is_secret(name, Bearer::Header) {
        return ranges.push(after_scheme(value)..value.len());
    }
    // Most values have nothing that any search begins with.
    if value.iter().any(|byte| matches!(byte, b':' | b'=' | b'%' | b'J' | b'b' | b'B')) {
        text::scan(value, 0, value.len(), Kind::Free, names, ranges);
        credentials(value, ranges);
    }
}

/// Whether all of a value is secret, judged by a name in plain bytes.
pub(super) fn is_secret(name: &[u8], names: &Names) -> bool {
    let name = name.trim_ascii();
    name.eq_ignore_ascii_case(b"cookie")
        || name.eq_ignore_ascii_case(b"set-cookie")
        || names.is_secret(name, Bearer::Header)
}

fn after_scheme(value: &[u8]) -> usize {
    let Some(blank) = value.iter().position(|&byte| byte == b' ') else { return 0 };
    let known = SCHEMES.iter().any(|scheme| value[..blank].eq_ignore_ascii_case(scheme));
    if known { blank + 1 } else { 0 }
}

/// `a=1; b=2`: names stay, values go; what has no name goes whole.
fn cookies(value: &[u8], set: bool, ranges: &mut Ranges) {
    let mut start = 0;
    for (index, part) in value.split(|&byte| byte == b';').enumerate() {
        let end = start + part.len();
        let first = start + part.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let equals = part.iter().position(|&byte| byte == b'=').map(|at| start + at);
        let name = value[first..equals.unwrap_or(end).max(first)].trim_ascii();
        let attribute = || ATTRIBUTES.iter().any(|known| name.eq_ignore_ascii_case(known));
        if !(set && index > 0 && attribute()) {
            ranges.push(equals.map_or(first, |at| at + 1)..end);
        }
        start = end + 1;
    }
}

/// What stands before a secret in a header of any name.
const MARKS: [&[u8]; 3] = [b"bearer ", b"basic ", b"bearer.authorization."];

/// `Bearer abc` and `Basic abc` in a header of any name, and Kubernetes' bearer in
/// Sec-WebSocket-Protocol.
fn credentials(value: &[u8], ranges: &mut Ranges) {
    let mut at = 0;
    while let Some(found) = memchr2(b'b', b'B', &value[at..]) {
        let rest = &value[at + found..];
        at += found + 1;
        let begins = |mark: &&&[u8]| {
            rest.get(..mark.len()).is_some_and(|part| part.eq_ignore_ascii_case(mark))
        };
        let Some(mark) = MARKS.iter().find(begins) else { continue };
        let (start, rest) = (at - 1 + mark.len(), &rest[mark.len()..]);
        let end = rest.iter().position(|byte| b" ,;\"".contains(byte)).unwrap_or(rest.len());
        ranges.push(start..start + end);
    }
}

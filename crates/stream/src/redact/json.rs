//! Finds the values of secret keys in JSON: whole or cut off, alone, in a line, in a script, or
//! in a string of other JSON.
//!
//! No tree is built. Each colon behind a quoted name is looked at, so bytes that are missing
//! elsewhere do no harm.

use memchr::{memchr, memchr_iter};

use super::mask::Ranges;
use super::names::{Bearer, Names};

/// Bytes of a key that are looked at.
const KEY: usize = 256;

/// How deep in strings of JSON a quote stands: backslashes before it are 0, 1, 3, 7.
const LEVELS: [usize; 4] = [0, 1, 3, 7];

/// Adds the values of secret keys in `bytes[from..to]`.
pub(super) fn scan(bytes: &[u8], from: usize, to: usize, names: &Names, ranges: &mut Ranges) {
    let part = &bytes[..to];
    let mut at = from;
    while let Some(colon) = memchr(b':', &part[at..]) {
        let colon = at + colon;
        at = colon + 1;
        let Some(key) = key_before(&part[from..colon]) else { continue };
        if !is_secret(key.name, names) {
            continue;
        }
        let start = skip_blank(part, colon + 1);
        let (value, end) = value(part, start, key.level);
        match &part[value..end] {
            b"null" | b"true" | b"false" => {}
            _ if value == start && key.level == 0 => ranges.push_quoted(value..end),
            _ => ranges.push(value..end),
        }
        at = end.max(at);
    }
}

/// Where the first key of `bytes[from..to]` begins.
pub(super) fn first_key(bytes: &[u8], from: usize, to: usize) -> Option<usize> {
    let part = &bytes[from..to];
    let mut colons = memchr_iter(b':', part);
    colons.find_map(|colon| key_before(&part[..colon])).map(|key| from + key.start)
}

struct Key<'a> {
    name: &'a [u8],
    /// Where its first quote, or the backslash before it, stands.
    start: usize,
    /// Backslashes before its quotes.
    level: usize,
}

/// The quoted name at the end.
fn key_before(bytes: &[u8]) -> Option<Key<'_>> {
    let end = bytes.iter().rposition(|byte| !byte.is_ascii_whitespace())?;
    if bytes[end] != b'"' {
        return None;
    }
    let level = backslashes(bytes, end);
    if !LEVELS.contains(&level) {
        return None;
    }
    let name_end = end - level;
    let lowest = name_end.saturating_sub(KEY);
    let mut at = name_end;
    loop {
        at = lowest + bytes[lowest..at].iter().rposition(|&byte| byte == b'"')?;
        if backslashes(bytes, at) == level {
            return Some(Key { name: &bytes[at + 1..name_end], start: at - level, level });
        }
    }
}

fn backslashes(bytes: &[u8], at: usize) -> usize {
    bytes[..at].iter().rev().take_while(|&&byte| byte == b'\\').count()
}

fn skip_blank(bytes: &[u8], from: usize) -> usize {
    let blank = bytes[from..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    from + blank
}

/// What is to be masked of the value at `start`, without its quotes, and where that ends; all that
/// is there if it has no end.
fn value(bytes: &[u8], start: usize, level: usize) -> (usize, usize) {
    let rest = &bytes[start..];
    let lead = rest.iter().take_while(|&&byte| byte == b'\\').count();
    match rest.get(lead) {
        Some(b'"') => {
            let inside = start + lead + 1;
            let end = closing_quote(bytes, inside, lead).map_or(bytes.len(), |end| end - lead);
            (inside, end.max(inside))
        }
        Some(b'{' | b'[') if lead == 0 => (start, closing_bracket(bytes, start, level)),
        _ => {
            let end = rest.iter().position(|byte| b",}]\"\\ \t\r\n".contains(byte));
            (start, end.map_or(bytes.len(), |end| start + end))
        }
    }
}

/// The quote that ends a string: in JSON one with an even number of backslashes before it, in a
/// string of JSON one with 1, 5, 9…
fn closing_quote(bytes: &[u8], from: usize, level: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr(b'"', &bytes[at..])?;
        let before = backslashes(&bytes[from..], at - from);
        if before % (2 * (level + 1)) == level {
            return Some(at);
        }
        at += 1;
    }
}

/// Where an object or an array ends.
fn closing_bracket(bytes: &[u8], start: usize, level: usize) -> usize {
    let (mut depth, mut at) = (0_usize, start);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b'"' => match closing_quote(bytes, at + 1, level) {
                Some(end) => at = end,
                None => return bytes.len(),
            },
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

/// A key may be written with escapes: `pass\u0077ord`.
fn is_secret(name: &[u8], names: &Names) -> bool {
    if !name.contains(&b'\\') {
        return names.is_secret(name, Bearer::Key);
    }
    let mut plain = [0; KEY];
    let (mut len, mut at) = (0, 0);
    while at < name.len() {
        let (letter, used) = match &name[at..] {
            [b'\\', b'u', digits @ ..] => (unicode(digits), 6),
            [b'\\', ..] => (None, 1),
            [letter, ..] => (Some(*letter), 1),
            [] => (None, 1),
        };
        at += used;
        if let (Some(letter), Some(place)) = (letter, plain.get_mut(len)) {
            *place = letter;
            len += 1;
        }
    }
    names.is_secret(&plain[..len], Bearer::Key)
}

/// Four hex digits of an ASCII character.
fn unicode(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits.get(..4)?).ok()?;
    u8::from_str_radix(digits, 16).ok()
}

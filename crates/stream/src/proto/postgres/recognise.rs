//! Whether bytes are PostgreSQL's, at a connection's beginning and in its middle.

use abi::Dir;

use super::parse::{self, Bind, CANCEL, CLIENT, GSS, SERVER, SSL, STARTUP_MAX};
use crate::proto::sql::fields::Fields;
use crate::proto::sql::lex::{Dialect, is_statement};
use crate::proto::{Parsed, Seen, other};

/// Bytes of a ReadyForQuery.
pub(super) const READY: usize = 6;

/// Whether a client's first unit begins here.
pub fn recognise(bytes: &[u8]) -> Seen {
    let mut fields = Fields(bytes);
    let Some(len) = fields.be32() else {
        // No length has more than 14 bits.
        return if bytes.iter().take(2).all(|&byte| byte == 0) { Seen::Perhaps } else { Seen::No };
    };
    if !(8..=STARTUP_MAX).contains(&len) {
        return Seen::No;
    }
    let Some(code) = fields.be32() else {
        let starts = |code: u32| code.to_be_bytes().starts_with(&bytes[4..]);
        let known = [CANCEL, SSL, GSS, 3 << 16, 3 << 16 | 2].into_iter().any(starts);
        return if known { Seen::Perhaps } else { Seen::No };
    };
    match (code, len) {
        (SSL | GSS, 8) | (CANCEL, 16..=268) => Seen::Yes,
        (0x3_0000..=0x3_ffff, _) => match fields.byte() {
            None => Seen::Perhaps,
            Some(b'a'..=b'z' | b'_') => Seen::Yes,
            Some(_) => Seen::No,
        },
        _ => Seen::No,
    }
}

/// Whether bytes in the middle of a connection are whole units, and the way in which requests go.
/// They must fill the piece, and say something that few other bytes do.
pub fn recognise_late(bytes: &[u8], dir: Dir) -> Option<Dir> {
    if asks(bytes) {
        return Some(dir);
    }
    let (first, whole) = chain(bytes, SERVER)?;
    let two = bytes.len() > READY && b"TDC1234nEtRI2NS".contains(&first);
    (whole && two && ends(bytes)).then(|| other(dir))
}

/// Whether units begin here again, after bytes that were not understood.
pub(super) fn resumes(bytes: &[u8], client: bool) -> bool {
    if client {
        return asks(bytes);
    }
    chain(bytes, SERVER).is_some_and(|(_, whole)| whole) && ends(bytes)
}

/// Whether the bytes end with a ReadyForQuery: then nothing is under way.
pub(super) fn ends(bytes: &[u8]) -> bool {
    matches!(bytes, [.., b'Z', 0, 0, 0, 5, b'I' | b'T' | b'E'])
}

/// Whether a client asks for something: one statement, or a batch that begins with its parts.
fn asks(bytes: &[u8]) -> bool {
    let Some((first, whole)) = chain(bytes, CLIENT) else { return false };
    let unit = Fields(&bytes[1..]).be32().and_then(|len| bytes.get(5..len as usize + 1));
    let Some(unit) = unit.filter(|_| whole) else { return false };
    match first {
        b'Q' => {
            unit.len() + 5 == bytes.len()
                && unit
                    .strip_suffix(b"\0")
                    .is_some_and(|text| !text.contains(&0) && is_statement(text, Dialect::Postgres))
        }
        b'P' => is_batch(bytes) && is_parse(unit),
        b'B' => is_batch(bytes) && parse::bind(unit).is_some_and(|bind| Bind::is_whole(&bind)),
        _ => false,
    }
}

fn is_parse(unit: &[u8]) -> bool {
    let mut fields = Fields(unit);
    let (Some(_), Some(text), Some(types)) = (fields.text(), fields.text(), fields.be16()) else {
        return false;
    };
    fields.0.len() == 4 * usize::from(types) && is_statement(text, Dialect::Postgres)
}

/// Whether the bytes end with a Sync or a Flush.
fn is_batch(bytes: &[u8]) -> bool {
    matches!(bytes, [.., b'S' | b'H', 0, 0, 0, 4])
}

/// The first type of a chain of units, and whether the last one ends where the bytes do.
fn chain(bytes: &[u8], types: &[u8]) -> Option<(u8, bool)> {
    let first = *bytes.first()?;
    let mut rest = bytes;
    while !rest.is_empty() {
        match parse::header(rest, types, |_| 0) {
            Parsed::Whole(header, used) => {
                let end = usize::try_from(header.len).ok()?.checked_add(used)?;
                match rest.get(end..) {
                    Some(next) => rest = next,
                    None => return Some((first, false)),
                }
            }
            Parsed::More => return Some((first, false)),
            Parsed::Broken(_) => return None,
        }
    }
    Some((first, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_unit_is_recognised_by_its_code() {
        let startup = b"\0\0\0\x10\0\x03\0\0user\0a\0\0";
        for len in 1..9 {
            assert_eq!(recognise(&startup[..len]), Seen::Perhaps, "{len}");
        }
        assert_eq!(recognise(startup), Seen::Yes);
        assert_eq!(recognise(b"\0\0\0\x08\x04\xd2\x16\x2f"), Seen::Yes);
        assert_eq!(recognise(b"\0\0\0\x10\x04\xd2\x16\x2e"), Seen::Yes);
        assert_eq!(recognise(b"\0\0\0\x08\x04\xd2\x16\x30"), Seen::Yes);
        assert_eq!(recognise(b"\0\0\0\x10\0\x03\0\x02_pq_.x\0"), Seen::Yes, "3.2");
        assert_eq!(recognise(b"\0\0\0\x10\0\x02\0\0user"), Seen::No);
        assert_eq!(recognise(b"\0\0\0\x04\x08\0\0\0"), Seen::No, "HTTP/2's settings");
        assert_eq!(recognise(b"\x01"), Seen::No);
    }

    #[test]
    fn the_middle_is_recognised_by_whole_units() {
        let ask = b"Q\0\0\0\x0dselect 1\0";
        assert_eq!(recognise_late(ask, Dir::Read), Some(Dir::Read));
        assert_eq!(recognise_late(&ask[..13], Dir::Read), None, "not whole");
        assert_eq!(recognise_late(b"Q\0\0\0\x0dgarbage 1\0", Dir::Read), None);
        let batch = b"P\0\0\0\x11\0select $1\0\0\0S\0\0\0\x04";
        assert_eq!(recognise_late(batch, Dir::Write), Some(Dir::Write));
        let answer = b"C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I";
        assert_eq!(recognise_late(answer, Dir::Write), Some(Dir::Read));
        assert_eq!(recognise_late(b"Z\0\0\0\x05I", Dir::Write), None, "too little");
    }
}

//! Whether bytes are MySQL's, at a connection's beginning and in its middle.

use super::parse::{self, caps, com};
use crate::proto::sql::fields::Fields;
use crate::proto::sql::lex::{Dialect, is_statement};
use crate::proto::{Parsed, Seen};

/// Where in a login the 19 zeros are, with the header.
const ZEROS: std::ops::Range<usize> = 13..32;

/// Whether a server's greeting stands here (protocol 10). Headers are moved in one call, alone or
/// with what follows, so fewer bytes are none.
pub fn recognise_greeting(bytes: &[u8]) -> Seen {
    let Parsed::Whole(header, used) = parse::header(bytes, 0) else { return Seen::No };
    if header.kind != 0 || !(40..=400).contains(&header.len) {
        return Seen::No;
    }
    let payload = &bytes[used..];
    match payload {
        [] => Seen::Perhaps,
        [10] => Seen::Perhaps,
        [10, version, ..] if version.is_ascii_digit() => {
            if (payload.len() as u64) < header.len {
                return Seen::Perhaps;
            }
            let whole = payload.len() as u64 == header.len && parse::greeting(payload).is_some();
            if whole { Seen::Yes } else { Seen::No }
        }
        _ => Seen::No,
    }
}

/// Whether a client's answer to a greeting stands here: what comes first within TLS.
pub fn recognise_login(bytes: &[u8]) -> Seen {
    let Parsed::Whole(header, used) = parse::header(bytes, 0) else { return Seen::No };
    if !matches!(header.kind, 1 | 2) || !(33..=0xffff).contains(&header.len) {
        return Seen::No;
    }
    if let Some(flags) = Fields(&bytes[used..]).le32()
        && flags & caps::PROTOCOL_41 == 0
    {
        return Seen::No;
    }
    let zeros = bytes.get(ZEROS.start..bytes.len().min(ZEROS.end)).unwrap_or_default();
    if zeros.iter().any(|&byte| byte != 0) {
        return Seen::No;
    }
    if bytes.len() < ZEROS.end { Seen::Perhaps } else { Seen::Yes }
}

/// Whether a statement fills the bytes, as in the middle of a connection. Servers read its header
/// alone.
pub fn recognise_late(bytes: &[u8]) -> Seen {
    match *bytes {
        [len, _, 0, 0] if len > 0 => Seen::Perhaps,
        _ if asks(bytes).is_some_and(|len| len == bytes.len()) => Seen::Yes,
        _ => Seen::No,
    }
}

/// How long a command is that begins here: one that few other bytes look like.
pub(super) fn asks(bytes: &[u8]) -> Option<usize> {
    let Parsed::Whole(header, used) = parse::header(bytes, 0) else { return None };
    let (&command, text) = bytes.get(used..)?.split_first()?;
    // With attributes, of which there are mostly none.
    let text = text.strip_prefix(b"\0\x01").unwrap_or(text);
    let is = header.kind == 0
        && matches!(command, com::QUERY | com::STMT_PREPARE)
        && is_statement(text, Dialect::MySql);
    is.then_some(used + header.len as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings() {
        let mut greeting = b"\x36\0\0\0\x0a8.0.36\0\x07\0\0\0".to_vec();
        for len in 4..greeting.len() {
            assert_eq!(recognise_greeting(&greeting[..len]), Seen::Perhaps, "{len}");
        }
        greeting.resize(4 + 0x36, 0);
        assert_eq!(recognise_greeting(&greeting), Seen::Yes);
        greeting.push(0);
        assert_eq!(recognise_greeting(&greeting), Seen::No, "more than one packet");
        let mut login = b"\x50\0\0\x02\0\x02\0\0\0\0\0\x01\x08".to_vec();
        for len in 4..login.len() {
            assert_eq!(recognise_login(&login[..len]), Seen::Perhaps, "{len}");
        }
        login.resize(32, 0);
        assert_eq!(recognise_login(&login), Seen::Yes);
        login[20] = 1;
        assert_eq!(recognise_login(&login), Seen::No);
    }

    #[test]
    fn the_middle_is_recognised_by_a_statement() {
        let ask = b"\x09\0\0\0\x03select 1";
        assert_eq!(recognise_late(ask), Seen::Yes);
        assert_eq!(recognise_late(&ask[..4]), Seen::Perhaps);
        assert_eq!(recognise_late(&ask[..12]), Seen::No);
        assert_eq!(recognise_late(b"\x0b\0\0\0\x03\0\x01select 1"), Seen::Yes);
        assert_eq!(recognise_late(b"\x09\0\0\0\x03garbage!"), Seen::No);
        assert_eq!(recognise_late(b"\x09\0\0\x01\x03select 1"), Seen::No);
    }
}

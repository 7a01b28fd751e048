//! What a packet of MySQL's protocol says (MySQL Internals, "Client/Server Protocol"; MariaDB's
//! documentation, "Clients & Utilities: protocol"). Everything here is pure.

use crate::limits;
use crate::proto::Parsed;
use crate::proto::sql::fields::Fields;
use crate::proto::sql::side::Header;

/// A payload of this length goes on in the next packet.
pub(super) const SPLIT: u64 = 0xff_ffff;

/// Capabilities that change how packets read.
pub(super) mod caps {
    pub(crate) const MYSQL: u32 = 1;
    pub(crate) const CONNECT_WITH_DB: u32 = 1 << 3;
    pub(crate) const COMPRESS: u32 = 1 << 5;
    pub(crate) const PROTOCOL_41: u32 = 1 << 9;
    pub(crate) const SSL: u32 = 1 << 11;
    pub(crate) const SECURE_CONNECTION: u32 = 1 << 15;
    pub(crate) const AUTH_LENENC: u32 = 1 << 21;
    pub(crate) const SESSION_TRACK: u32 = 1 << 23;
    pub(crate) const DEPRECATE_EOF: u32 = 1 << 24;
    pub(crate) const ZSTD: u32 = 1 << 26;
    pub(crate) const QUERY_ATTRIBUTES: u32 = 1 << 27;
    /// Of MariaDB's own: columns of a prepared statement are not told again.
    pub(crate) const CACHE_METADATA: u32 = 1 << 4;
}

/// Flags of a server's status.
pub(super) const MORE_RESULTS: u16 = 8;
pub(super) const CURSOR: u16 = 0x40;
const SESSION_CHANGED: u16 = 0x4000;

/// Commands.
pub(super) mod com {
    pub(crate) const QUIT: u8 = 0x01;
    pub(crate) const INIT_DB: u8 = 0x02;
    pub(crate) const QUERY: u8 = 0x03;
    pub(crate) const FIELD_LIST: u8 = 0x04;
    pub(crate) const STATISTICS: u8 = 0x09;
    pub(crate) const CHANGE_USER: u8 = 0x11;
    pub(crate) const BINLOG_DUMP: u8 = 0x12;
    pub(crate) const STMT_PREPARE: u8 = 0x16;
    pub(crate) const STMT_EXECUTE: u8 = 0x17;
    pub(crate) const STMT_SEND_LONG_DATA: u8 = 0x18;
    pub(crate) const STMT_CLOSE: u8 = 0x19;
    pub(crate) const STMT_FETCH: u8 = 0x1c;
    pub(crate) const BINLOG_DUMP_GTID: u8 = 0x1e;
    pub(crate) const RESET_CONNECTION: u8 = 0x1f;
    /// MariaDB's.
    pub(crate) const STMT_BULK_EXECUTE: u8 = 0xfa;
}

/// A packet's header: length and number in its sequence.
pub(super) fn header(bytes: &[u8], keep: usize) -> Parsed<Header> {
    match *bytes {
        [a, b, c, kind, ..] => {
            let len = u32::from_le_bytes([a, b, c, 0]).into();
            Parsed::Whole(Header { kind, len, keep }, 4)
        }
        _ => Parsed::More,
    }
}

/// The connection's number in a server's greeting (protocol 10).
pub(super) fn greeting(bytes: &[u8]) -> Option<u32> {
    let mut fields = Fields(bytes);
    fields.byte().filter(|&version| version == 10)?;
    fields.text()?;
    fields.le32()
}

/// A client's answer to the greeting.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Login<'a> {
    /// TLS follows.
    Tls,
    User {
        caps: u32,
        extended: u32,
        user: &'a [u8],
        db: Option<&'a [u8]>,
    },
}

/// Reads a client's answer to the greeting: SSLRequest or HandshakeResponse41. Passwords are passed
/// over.
pub(super) fn login(bytes: &[u8]) -> Option<Login<'_>> {
    let mut fields = Fields(bytes);
    let caps = fields.le32().filter(|caps| caps & caps::PROTOCOL_41 != 0)?;
    fields.bytes(4 + 1 + 19)?;
    let extended = fields.le32()?;
    if fields.0.is_empty() && caps & caps::SSL != 0 {
        return Some(Login::Tls);
    }
    let user = fields.text()?;
    let password = if caps & caps::AUTH_LENENC != 0 {
        fields.lenenc_bytes()
    } else if caps & caps::SECURE_CONNECTION != 0 {
        fields.byte().and_then(|len| fields.bytes(len.into()))
    } else {
        fields.text()
    };
    let named = caps & caps::CONNECT_WITH_DB != 0 && password.is_some();
    let db = named.then(|| fields.text()).flatten().filter(|db| !db.is_empty());
    let extended = if caps & caps::MYSQL == 0 { extended } else { 0 };
    Some(Login::User { caps, extended, user, db })
}

/// User and database of a COM_CHANGE_USER, after its first byte.
pub(super) fn change_user(bytes: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let mut fields = Fields(bytes);
    let user = fields.text()?;
    let len = fields.byte()?;
    fields.bytes(len.into())?;
    Some((user, fields.text().filter(|db| !db.is_empty())))
}

/// An OK packet, or the one that ends a result.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ok<'a> {
    pub(super) affected: u64,
    pub(super) status: u16,
    /// The database that is used from now on.
    pub(super) db: Option<&'a [u8]>,
}

/// Reads an OK packet, after its first byte.
pub(super) fn ok(bytes: &[u8], caps: u32) -> Option<Ok<'_>> {
    let mut fields = Fields(bytes);
    let affected = fields.lenenc()?;
    fields.lenenc()?;
    let status = fields.le16()?;
    let mut db = None;
    if caps & caps::SESSION_TRACK != 0 && status & SESSION_CHANGED != 0 {
        db = changed_db(fields);
    }
    Some(Ok { affected, status, db })
}

/// What an OK packet says of the session ("Session State Information").
fn changed_db(mut fields: Fields<'_>) -> Option<&[u8]> {
    fields.le16()?;
    fields.lenenc_bytes()?;
    let mut changes = Fields(fields.lenenc_bytes()?);
    while let (Some(kind), Some(data)) = (changes.byte(), changes.lenenc_bytes()) {
        if kind == 1 {
            return Fields(data).lenenc_bytes();
        }
    }
    None
}

/// An ERR packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failed<'a> {
    pub(super) number: u16,
    pub(super) sqlstate: &'a [u8],
    pub(super) message: &'a [u8],
}

/// Reads an ERR packet, after its first byte; 0xffff is MariaDB's report of progress.
pub(super) fn failed(bytes: &[u8]) -> Option<Failed<'_>> {
    let mut fields = Fields(bytes);
    let number = fields.le16()?;
    let sqlstate = match fields.0 {
        [b'#', rest @ ..] if rest.len() >= 5 => {
            fields.0 = &rest[5..];
            &rest[..5]
        }
        _ => b"",
    };
    let len = fields.0.len().min(limits::SQL_ERROR);
    Some(Failed { number, sqlstate, message: &fields.0[..len] })
}

/// The answer to a COM_STMT_PREPARE: number, columns, parameters.
pub(super) fn prepared(bytes: &[u8]) -> Option<(u32, u16, u16)> {
    let mut fields = Fields(bytes);
    fields.byte().filter(|&first| first == 0)?;
    Some((fields.le32()?, fields.le16()?, fields.le16()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From MySQL's documentation of the handshake, with a password of 20 bytes.
    pub(super) fn response(caps: u32, db: &[u8]) -> Vec<u8> {
        let mut bytes = caps.to_le_bytes().to_vec();
        bytes.extend_from_slice(&[0, 0, 0, 1, 8]);
        bytes.extend_from_slice(&[0; 23]);
        bytes.extend_from_slice(b"pam\0\x14");
        bytes.extend_from_slice(&[0xab; 20]);
        bytes.extend_from_slice(db);
        bytes.extend_from_slice(b"\0mysql_native_password\0");
        bytes
    }

    #[test]
    fn a_login_names_user_and_database() {
        let flags = caps::PROTOCOL_41 | caps::SECURE_CONNECTION | caps::MYSQL;
        let with = response(flags | caps::CONNECT_WITH_DB, b"test");
        let Some(Login::User { user, db, .. }) = login(&with) else { panic!() };
        assert_eq!((user, db), (&b"pam"[..], Some(&b"test"[..])));
        let Some(Login::User { db, .. }) = login(&with[..40]) else { panic!() };
        assert_eq!(db, None, "cut");
        let without = response(flags, b"");
        assert!(matches!(login(&without), Some(Login::User { db: None, .. })));
        assert_eq!(login(&response(caps::SSL | caps::PROTOCOL_41, b"")[..32]), Some(Login::Tls));
        assert_eq!(login(&response(caps::SSL, b"")), None, "an older protocol");
    }

    #[test]
    fn answers() {
        assert_eq!(greeting(b"\x0a5.5.5\0\x07\0\0\0rest"), Some(7));
        assert_eq!(greeting(b"\x095.5.5\0\x07\0\0\0"), None);
        let plain = ok(b"\x02\0\x08\0\0\0", 0).unwrap();
        assert_eq!((plain.affected, plain.status), (2, MORE_RESULTS));
        let tracked = b"\0\0\x02\x40\0\0\0\x07\x01\x05\x04shop";
        assert_eq!(ok(tracked, caps::SESSION_TRACK).unwrap().db, Some(&b"shop"[..]));
        assert_eq!(ok(tracked, 0).unwrap().db, None);
        let error = failed(b"\x7a\x04#42S02No such table").unwrap();
        assert_eq!((error.number, error.sqlstate), (1146, &b"42S02"[..]));
        assert_eq!(error.message, b"No such table");
        assert_eq!(prepared(b"\0\x01\0\0\0\x02\0\x03\0\0\0\0"), Some((1, 2, 3)));
        assert_eq!(change_user(b"bob\0\x02xyshop\0"), Some((&b"bob"[..], Some(&b"shop"[..]))));
    }
}

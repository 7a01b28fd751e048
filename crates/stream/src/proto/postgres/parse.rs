//! What a unit of PostgreSQL's protocol says (PostgreSQL documentation, chapter "Frontend/Backend
//! Protocol", section "Message Formats"). Everything here is pure.

use crate::limits;
use crate::proto::Parsed;
use crate::proto::sql::fields::Fields;
use crate::proto::sql::side::Header;

/// Codes of the first unit, which has no type.
pub(super) const CANCEL: u32 = 80_877_102;
pub(super) const SSL: u32 = 80_877_103;
pub(super) const GSS: u32 = 80_877_104;
/// A server takes no longer first unit.
pub(super) const STARTUP_MAX: u32 = 10_000;
/// No unit is longer, whatever it declares.
const UNIT_MAX: u32 = 0x4000_0000;

/// Types that a client sends.
pub(super) const CLIENT: &[u8] = b"QPBDECSHFdcfpX";
/// Types that a server sends.
pub(super) const SERVER: &[u8] = b"RSKZTDCEN1I23sntAGHWVdcv";

/// The header of a first unit: its length, which counts itself.
pub(super) fn startup_header(bytes: &[u8]) -> Parsed<Header> {
    let Some(len) = Fields(bytes).be32() else {
        return Parsed::More;
    };
    if !(8..=STARTUP_MAX).contains(&len) {
        return Parsed::Broken("a first message of this length");
    }
    let len = len - 4;
    Parsed::Whole(Header { kind: 0, len: len.into(), keep: len as usize }, 4)
}

/// The header of any other unit: type and length. `keep` says how much of one is to be read.
pub(super) fn header(bytes: &[u8], types: &[u8], keep: impl Fn(u8) -> usize) -> Parsed<Header> {
    let mut fields = Fields(bytes);
    let Some(kind) = fields.byte() else { return Parsed::More };
    if !types.contains(&kind) {
        return Parsed::Broken("an unknown type");
    }
    match fields.be32() {
        None => Parsed::More,
        Some(len @ 4..=UNIT_MAX) => {
            Parsed::Whole(Header { kind, len: (len - 4).into(), keep: keep(kind) }, 5)
        }
        Some(_) => Parsed::Broken("an impossible length"),
    }
}

/// Bytes of a client's unit that are read, if so many of a statement are.
pub(super) fn keep_client(kind: u8, max_body: usize) -> usize {
    match kind {
        b'Q' => max_body,
        b'P' => max_body.saturating_add(limits::SQL_NAME),
        b'B' => limits::PARAMS,
        b'D' | b'C' | b'E' => limits::SQL_NAME,
        _ => 0,
    }
}

/// Bytes of a server's unit that are read.
pub(super) fn keep_server(kind: u8) -> usize {
    match kind {
        b'E' => limits::SQL_ERROR,
        b't' => limits::SQL_ERROR,
        b'C' => limits::SQL_NAME,
        b'K' | b'R' => 4,
        _ => 0,
    }
}

/// Parameters of a startup message, after its version.
pub(super) fn startup(bytes: &[u8]) -> (Option<&[u8]>, Option<&[u8]>) {
    let (mut fields, mut user, mut db) = (Fields(bytes), None, None);
    while let (Some(name), Some(value)) = (fields.text(), fields.text()) {
        match name {
            b"" => break,
            b"user" => user = Some(value),
            b"database" => db = Some(value),
            _ => {}
        }
    }
    // Who names none gets the one named like the user.
    (user, db.or(user))
}

/// A Parse message: name, statement as far as it was kept, types of parameters.
pub(super) struct Parse<'a> {
    pub(super) name: &'a [u8],
    pub(super) text: &'a [u8],
    pub(super) types: Vec<u32>,
}

/// Reads a Parse message, of which the end may not have been kept.
pub(super) fn parse(bytes: &[u8]) -> Option<Parse<'_>> {
    let mut fields = Fields(bytes);
    let name = fields.text()?;
    let Some(text) = fields.text() else {
        return Some(Parse { name, text: fields.0, types: Vec::new() });
    };
    let count = fields.be16().unwrap_or(0).into();
    let types = (0..count).map_while(|_| fields.be32()).collect();
    Some(Parse { name, text, types })
}

/// A Bind message.
pub(super) struct Bind<'a> {
    pub(super) portal: &'a [u8],
    pub(super) statement: &'a [u8],
    formats: &'a [u8],
    count: u16,
    values: Fields<'a>,
}

/// A parameter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Null,
    Text(&'a [u8]),
    Binary(&'a [u8]),
    /// Not all of it was kept.
    Cut,
}

/// Reads a Bind message up to its parameters.
pub(super) fn bind(bytes: &[u8]) -> Option<Bind<'_>> {
    let mut fields = Fields(bytes);
    let (portal, statement) = (fields.text()?, fields.text()?);
    let formats = fields.be16()?;
    let formats = fields.bytes(2 * usize::from(formats))?;
    let count = fields.be16()?;
    Some(Bind { portal, statement, formats, count, values: fields })
}

impl<'a> Bind<'a> {
    /// Its values, up to the first one that was not kept.
    pub(super) fn values(&self) -> impl Iterator<Item = Value<'a>> {
        let (formats, mut values) = (self.formats, self.values);
        let one = |index: usize| formats.get(2 * index + 1).map(|&low| low == 1);
        let mut cut = false;
        (0..usize::from(self.count)).map_while(move |index| {
            if cut {
                return None;
            }
            let binary = match formats.len() {
                0 => false,
                2 => one(0)?,
                _ => one(index)?,
            };
            let Some(len) = values.be32() else {
                cut = true;
                return Some(Value::Cut);
            };
            if len == u32::MAX {
                return Some(Value::Null);
            }
            let Some(bytes) = values.bytes(len as usize) else {
                cut = true;
                return Some(Value::Cut);
            };
            Some(if binary { Value::Binary(bytes) } else { Value::Text(bytes) })
        })
    }

    /// Whether the bytes are a whole message and nothing else.
    pub(super) fn is_whole(&self) -> bool {
        let mut rest = self.values;
        for _ in 0..self.count {
            match rest.be32() {
                Some(u32::MAX) => {}
                Some(len) if rest.bytes(len as usize).is_some() => {}
                _ => return false,
            }
        }
        rest.be16().is_some_and(|formats| rest.0.len() == 2 * usize::from(formats))
    }
}

/// SQLSTATE and words of an ErrorResponse.
pub(super) fn error(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (mut fields, mut state, mut words) = (Fields(bytes), &b""[..], &b""[..]);
    while let Some(kind @ 1..) = fields.byte() {
        // The last one may not have been kept whole.
        let text = fields.text().unwrap_or_else(|| std::mem::take(&mut fields.0));
        match kind {
            b'C' => state = text,
            b'M' => words = text,
            _ => {}
        }
    }
    (state, words)
}

/// Rows of a CommandComplete: the last word of its tag, if that is a number.
pub(super) fn rows(tag: &[u8]) -> Option<u64> {
    let word = tag.rsplit(|&byte| byte == b' ').next()?;
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// Types of a ParameterDescription.
pub(super) fn types(bytes: &[u8]) -> Vec<u32> {
    let mut fields = Fields(bytes);
    let count = fields.be16().unwrap_or(0);
    (0..count).map_while(|_| fields.be32()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_count_their_length() {
        let head = |bytes| header(bytes, CLIENT, |_| 7);
        let whole = Header { kind: b'Q', len: 9, keep: 7 };
        assert_eq!(head(b"Q\0\0\0\x0d"), Parsed::Whole(whole, 5));
        assert_eq!(head(b"Q\0\0\0"), Parsed::More);
        assert!(matches!(head(b"Q\0\0\0\x03"), Parsed::Broken(_)));
        assert!(matches!(head(b"Q\x40\0\0\x01"), Parsed::Broken(_)), "past the limit");
        assert!(matches!(head(b"Q\x40\0\0\0"), Parsed::Whole(..)), "at the limit");
        assert!(matches!(head(b"Z"), Parsed::Broken(_)), "only servers send this");
        assert!(matches!(startup_header(b"\0\0\x27\x10"), Parsed::Whole(..)), "at the limit");
        assert!(matches!(startup_header(b"\0\0\x27\x11"), Parsed::Broken(_)));
    }

    #[test]
    fn a_database_is_named_like_its_user() {
        let all = b"user\0bob\0database\0shop\0options\0\0\0";
        assert_eq!(startup(all), (Some(&b"bob"[..]), Some(&b"shop"[..])));
        assert_eq!(startup(b"user\0bob\0\0").1, Some(&b"bob"[..]));
    }

    #[test]
    fn bind_has_formats_for_all_or_each() {
        let each = b"p\0s\0\0\x02\0\0\0\x01\0\x03\0\0\0\x01a\0\0\0\x01b\xff\xff\xff\xff\0\0";
        let bind = bind(each).unwrap();
        assert_eq!((bind.portal, bind.statement), (&b"p"[..], &b"s"[..]));
        assert!(bind.is_whole());
        let values: Vec<_> = bind.values().collect();
        assert_eq!(values, [Value::Text(b"a"), Value::Binary(b"b")], "no format for the third");
        let all = b"\0\0\0\x01\0\x01\0\x02\0\0\0\x01a\xff\xff\xff\xff\0\0";
        let values: Vec<_> = super::bind(all).unwrap().values().collect();
        assert_eq!(values, [Value::Binary(b"a"), Value::Null]);
        let cut = super::bind(&all[..12]).unwrap();
        assert_eq!(cut.values().collect::<Vec<_>>(), [Value::Cut]);
        assert!(!cut.is_whole());
    }

    #[test]
    fn errors_and_tags() {
        let bytes = b"SERROR\0VERROR\0C42P01\0Mno such\0\0";
        assert_eq!(error(bytes), (&b"42P01"[..], &b"no such"[..]));
        assert_eq!(error(b"C42P01\0Mno su"), (&b"42P01"[..], &b"no su"[..]));
        assert_eq!(rows(b"INSERT 0 5"), Some(5));
        assert_eq!(rows(b"CREATE TABLE"), None);
    }
}

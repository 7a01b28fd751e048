//! Values of parameters in the binary protocol, as text.

use std::io::Write as _;

use crate::limits;
use crate::message::Head;
use crate::proto::sql::fields::Fields;

/// A parameter's type: its number, and whether it has no sign.
pub(super) type Type = (u8, bool);

/// Names of types, by their numbers.
const TYPES: [(u8, &str); 25] = [
    (0x00, "decimal"),
    (0x01, "tinyint"),
    (0x02, "smallint"),
    (0x03, "int"),
    (0x04, "float"),
    (0x05, "double"),
    (0x06, "null"),
    (0x07, "timestamp"),
    (0x08, "bigint"),
    (0x09, "mediumint"),
    (0x0a, "date"),
    (0x0b, "time"),
    (0x0c, "datetime"),
    (0x0d, "year"),
    (0x0f, "varchar"),
    (0x10, "bit"),
    (0xf5, "json"),
    (0xf6, "decimal"),
    (0xf9, "tinyblob"),
    (0xfa, "mediumblob"),
    (0xfb, "longblob"),
    (0xfc, "blob"),
    (0xfd, "varchar"),
    (0xfe, "char"),
    (0xff, "geometry"),
];

/// Data that came before the execution, of the parameter with this place.
#[derive(Debug, Clone, Default)]
pub(super) struct Long {
    pub(super) param: u16,
    /// As far as it is kept.
    pub(super) bytes: Vec<u8>,
    pub(super) len: u64,
}

/// What is before the values of a COM_STMT_EXECUTE or a COM_QUERY with attributes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape<'a> {
    /// How many there are.
    pub(super) count: u16,
    /// Each type is followed by a name.
    pub(super) names: bool,
    pub(super) long: &'a [Long],
}

/// Reads parameters into `params`, and their types into `types`, which keeps those of the last time
/// if none are sent. Whether all were read.
pub(super) fn read(
    fields: &mut Fields<'_>,
    shape: Shape<'_>,
    types: &mut Vec<Type>,
    params: &mut Head,
) -> bool {
    let count = usize::from(shape.count);
    let Some(nulls) = fields.bytes(count.div_ceil(8)) else { return false };
    if fields.byte() == Some(1) {
        types.clear();
        for _ in 0..count {
            let Some([kind, flags]) = fields.array() else { return false };
            if shape.names && fields.lenenc_bytes().is_none() {
                return false;
            }
            types.push((kind, flags & 0x80 != 0));
        }
    }
    let mut room = Vec::new();
    for index in 0..count {
        let Some(&(kind, unsigned)) = types.get(index) else { return false };
        if params.len() > limits::PARAMS {
            return false;
        }
        let name = TYPES.iter().find(|(known, _)| *known == kind).map(|(_, name)| name.as_bytes());
        if let Some(long) = shape.long.iter().find(|long| usize::from(long.param) == index) {
            room.clear();
            push_bytes(&long.bytes, &mut room);
            params.push(name, Some(&room));
            if long.len > long.bytes.len() as u64 {
                return false;
            }
        } else if nulls[index / 8] & 1 << (index % 8) != 0 {
            params.push(name, None);
        } else {
            room.clear();
            if push(fields, kind, unsigned, &mut room).is_none() {
                return false;
            }
            params.push(name, Some(&room));
        }
    }
    true
}

/// Writes one value as MySQL would.
fn push(fields: &mut Fields<'_>, kind: u8, unsigned: bool, out: &mut Vec<u8>) -> Option<()> {
    // Writing to a Vec does not fail.
    let written = match (kind, unsigned) {
        (0x01, true) => write!(out, "{}", fields.byte()?),
        (0x01, false) => write!(out, "{}", i8::from_le_bytes(fields.array()?)),
        (0x02 | 0x0d, true) => write!(out, "{}", fields.le16()?),
        (0x02 | 0x0d, false) => write!(out, "{}", i16::from_le_bytes(fields.array()?)),
        (0x03 | 0x09, true) => write!(out, "{}", fields.le32()?),
        (0x03 | 0x09, false) => write!(out, "{}", i32::from_le_bytes(fields.array()?)),
        (0x08, true) => write!(out, "{}", u64::from_le_bytes(fields.array()?)),
        (0x08, false) => write!(out, "{}", i64::from_le_bytes(fields.array()?)),
        (0x04, _) => write!(out, "{}", f32::from_le_bytes(fields.array()?)),
        (0x05, _) => write!(out, "{}", f64::from_le_bytes(fields.array()?)),
        (0x07 | 0x0a | 0x0c, _) => return date(fields, kind == 0x0a, out),
        (0x0b, _) => return time(fields, out),
        (0x06, _) => Ok(()),
        (0x00 | 0x0f | 0x10 | 0xf5..=0xff, _) => {
            push_bytes(fields.lenenc_bytes()?, out);
            Ok(())
        }
        _ => return None,
    };
    written.ok()
}

/// Text as it is, anything else in hex.
fn push_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    if std::str::from_utf8(bytes).is_ok() {
        return out.extend_from_slice(bytes);
    }
    out.extend_from_slice(b"0x");
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
}

/// `ProtocolBinary::MYSQL_TYPE_DATETIME`: what is zero at the end is left out.
fn date(fields: &mut Fields<'_>, short: bool, out: &mut Vec<u8>) -> Option<()> {
    let len = fields.byte()?;
    let mut parts = Fields(fields.bytes(len.into())?);
    let (year, [month, day]) = (parts.le16().unwrap_or(0), parts.array().unwrap_or([0; 2]));
    let _ = write!(out, "{year:04}-{month:02}-{day:02}");
    if !short {
        out.push(b' ');
        clock(&mut parts, 0, out);
    }
    Some(())
}

/// `ProtocolBinary::MYSQL_TYPE_TIME`.
fn time(fields: &mut Fields<'_>, out: &mut Vec<u8>) -> Option<()> {
    let len = fields.byte()?;
    let mut parts = Fields(fields.bytes(len.into())?);
    if parts.byte() == Some(1) {
        out.push(b'-');
    }
    let days = parts.le32().unwrap_or(0);
    clock(&mut parts, u64::from(days) * 24, out);
    Some(())
}

fn clock(parts: &mut Fields<'_>, hours: u64, out: &mut Vec<u8>) {
    let [hour, minute, second] = parts.array().unwrap_or([0; 3]);
    let _ = write!(out, "{:02}:{minute:02}:{second:02}", hours + u64::from(hour));
    if let Some(micros) = parts.le32() {
        let _ = write!(out, ".{micros:06}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_look_like_mysqls() {
        let mut bytes = vec![0b0000_0010, 0, 1];
        let all: [(u8, u8, &[u8], Option<&str>); 10] = [
            (0x08, 0, &(-3i64).to_le_bytes(), Some("-3")),
            (0xfd, 0, b"", None),
            (0x01, 0x80, &[255], Some("255")),
            (0xfd, 0, b"\x03abc", Some("abc")),
            (0xfc, 0, b"\x02\xff\xad", Some("0xffad")),
            (0x05, 0, &2.5f64.to_le_bytes(), Some("2.5")),
            (0x0a, 0, b"\x04\xe7\x07\x0c\x01", Some("2023-12-01")),
            (0x0c, 0, b"\x00", Some("0000-00-00 00:00:00")),
            (0x0b, 0, b"\x0c\x01\x01\0\0\0\x02\x03\x04\x05\0\0\0", Some("-26:03:04.000005")),
            (0xf6, 0, b"\x041.25", Some("1.25")),
        ];
        all.iter().for_each(|(kind, flags, ..)| bytes.extend_from_slice(&[*kind, *flags]));
        all.iter().for_each(|(_, _, value, _)| bytes.extend_from_slice(value));
        let (mut types, mut params) = (Vec::new(), Head::new());
        let shape = Shape { count: 10, names: false, long: &[] };
        assert!(read(&mut Fields(&bytes), shape, &mut types, &mut params));
        for (field, (.., expected)) in params.headers().iter().zip(all) {
            assert_eq!(field.value, expected.map(str::as_bytes));
        }
        // The second time types are not sent.
        let again = [&[0b1111_1110u8, 0xff, 0][..], &7i64.to_le_bytes()].concat();
        let mut params = Head::new();
        assert!(read(&mut Fields(&again), shape, &mut types, &mut params));
        assert_eq!(params.headers().iter().next().unwrap().value, Some(&b"7"[..]));
        for len in 0..bytes.len() {
            let mut params = Head::new();
            assert!(!read(&mut Fields(&bytes[..len]), shape, &mut Vec::new(), &mut params));
        }
    }
}

//! Values of parameters as text: those of common types, others in hex.

use std::io::Write as _;

use super::parse::Value;
use crate::message::Head;
use crate::proto::sql::fields::Fields;

/// Types that are read, by their numbers (`pg_type.dat`).
const TYPES: [(u32, &str); 27] = [
    (16, "bool"),
    (17, "bytea"),
    (18, "char"),
    (19, "name"),
    (20, "int8"),
    (21, "int2"),
    (23, "int4"),
    (25, "text"),
    (26, "oid"),
    (114, "json"),
    (142, "xml"),
    (700, "float4"),
    (701, "float8"),
    (869, "inet"),
    (1005, "int2[]"),
    (1007, "int4[]"),
    (1009, "text[]"),
    (1016, "int8[]"),
    (1042, "bpchar"),
    (1043, "varchar"),
    (1082, "date"),
    (1083, "time"),
    (1114, "timestamp"),
    (1184, "timestamptz"),
    (1700, "numeric"),
    (2950, "uuid"),
    (3802, "jsonb"),
];

/// Days and microseconds between 1970 and 2000, from which PostgreSQL counts.
const EPOCH_DAYS: i64 = 10_957;
const DAY: i64 = 86_400_000_000;

/// Adds a value; whether it is whole.
pub(super) fn push(params: &mut Head, oid: u32, value: Value<'_>, room: &mut Vec<u8>) -> bool {
    let name = TYPES.iter().find(|(known, _)| *known == oid).map(|(_, name)| name.as_bytes());
    match value {
        Value::Null => params.push(name, None),
        Value::Text(text) => params.push(name, Some(text)),
        Value::Binary(bytes) => {
            room.clear();
            if text(oid, bytes, room).is_none() {
                room.clear();
                hex(bytes, room);
            }
            params.push(name, Some(room));
        }
        Value::Cut => return false,
    }
    true
}

/// Writes a value as PostgreSQL would, if its type and its length fit.
fn text(oid: u32, bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    // Writing to a Vec does not fail.
    let written = match (oid, bytes) {
        (16, [value]) => {
            out.push(if *value == 0 { b'f' } else { b't' });
            Ok(())
        }
        (18 | 19 | 25 | 114 | 142 | 1042 | 1043, text) => {
            out.extend_from_slice(text);
            Ok(())
        }
        (3802, [1, json @ ..]) => {
            out.extend_from_slice(json);
            Ok(())
        }
        (20, _) => write!(out, "{}", i64::from_be_bytes(bytes.try_into().ok()?)),
        (21, _) => write!(out, "{}", i16::from_be_bytes(bytes.try_into().ok()?)),
        (23, _) => write!(out, "{}", i32::from_be_bytes(bytes.try_into().ok()?)),
        (26, _) => write!(out, "{}", u32::from_be_bytes(bytes.try_into().ok()?)),
        (700, _) => write!(out, "{}", f32::from_be_bytes(bytes.try_into().ok()?)),
        (701, _) => write!(out, "{}", f64::from_be_bytes(bytes.try_into().ok()?)),
        (1082, _) => {
            date(i64::from(i32::from_be_bytes(bytes.try_into().ok()?)), out);
            Ok(())
        }
        (1083, _) => {
            time(i64::from_be_bytes(bytes.try_into().ok()?), out);
            Ok(())
        }
        (1114 | 1184, _) => {
            let micros = i64::from_be_bytes(bytes.try_into().ok()?);
            date(micros.div_euclid(DAY), out);
            out.push(b' ');
            time(micros.rem_euclid(DAY), out);
            if oid == 1184 {
                out.extend_from_slice(b"+00");
            }
            Ok(())
        }
        (1700, _) => return numeric(bytes, out),
        (2950, _) => {
            let bytes: [u8; 16] = bytes.try_into().ok()?;
            let number = u128::from_be_bytes(bytes);
            let (a, b, c) = (number >> 96, number >> 80 & 0xffff, number >> 64 & 0xffff);
            let (d, e) = (number >> 48 & 0xffff, number & 0xffff_ffff_ffff);
            write!(out, "{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
        }
        _ => return None,
    };
    written.ok()
}

/// Days since 2000 as a date (Howard Hinnant's `civil_from_days`).
fn date(days: i64, out: &mut Vec<u8>) {
    let days = days + EPOCH_DAYS + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let _ = write!(out, "{year:04}-{month:02}-{day:02}");
}

fn time(micros: i64, out: &mut Vec<u8>) {
    let seconds = micros.div_euclid(1_000_000);
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    let _ = write!(out, "{hours:02}:{minutes:02}:{:02}", seconds % 60);
    let rest = micros.rem_euclid(1_000_000);
    if rest > 0 {
        let _ = write!(out, ".{rest:06}");
    }
}

/// Digits in groups of four (`numeric_send`).
fn numeric(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut fields = Fields(bytes);
    let (count, weight) = (fields.be16()?, fields.be16()? as i16);
    let (sign, scale) = (fields.be16()?, fields.be16()?);
    let mut digits = Vec::with_capacity(count.min(64).into());
    for _ in 0..count {
        digits.push(fields.be16().filter(|&digit| digit < 10_000)?);
    }
    match sign {
        0 => {}
        0x4000 => out.push(b'-'),
        _ => return None,
    }
    if !(-64..=64).contains(&weight) || scale > 256 || !fields.0.is_empty() {
        return None;
    }
    let digit = |group: i16| -> u16 {
        let index = weight - group;
        usize::try_from(index).ok().and_then(|index| digits.get(index).copied()).unwrap_or(0)
    };
    let _ = write!(out, "{}", digit(weight.max(0)));
    for group in (0..weight.max(0)).rev() {
        let _ = write!(out, "{:04}", digit(group));
    }
    if scale > 0 {
        out.push(b'.');
        let start = out.len();
        for group in 1..=i16::try_from(scale.div_ceil(4)).ok()? {
            let _ = write!(out, "{:04}", digit(-group));
        }
        out.truncate(start + usize::from(scale));
    }
    Some(())
}

fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\x");
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(oid: u32, bytes: &[u8]) -> String {
        let (mut params, mut room) = (Head::new(), Vec::new());
        assert!(push(&mut params, oid, Value::Binary(bytes), &mut room));
        let field = params.headers().iter().next().unwrap();
        String::from_utf8(field.value.unwrap().to_vec()).unwrap()
    }

    #[test]
    fn values_look_like_postgresqls() {
        for (oid, bytes, expected) in [
            (16, &[1][..], "t"),
            (20, &(-5i64).to_be_bytes(), "-5"),
            (21, &[0x7f, 0xff], "32767"),
            (23, &42i32.to_be_bytes(), "42"),
            (25, b"text", "text"),
            (701, &1.5f64.to_be_bytes(), "1.5"),
            (1082, &8_735i32.to_be_bytes(), "2023-12-01"),
            (1082, &(-1i32).to_be_bytes(), "1999-12-31"),
            (1114, &754_747_323_000_004i64.to_be_bytes(), "2023-12-01 12:02:03.000004"),
            (1184, &0i64.to_be_bytes(), "2000-01-01 00:00:00+00"),
            (1700, &[0, 2, 0, 0, 0x40, 0, 0, 2, 0, 12, 0x0d, 0x7a], "-12.34"),
            (1700, &[0, 1, 0, 1, 0, 0, 0, 0, 0, 3], "30000"),
            (1700, &[0, 1, 0xff, 0xff, 0, 0, 0, 3, 0, 50], "0.005"),
            (2950, &[0x11; 16], "11111111-1111-1111-1111-111111111111"),
            (3802, b"\x01{}", "{}"),
            (17, &[0xde, 0xad], "\\xdead"),
            (23, &[1], "\\x01"),
            (99_999, b"a", "\\x61"),
        ] {
            assert_eq!(shown(oid, bytes), expected, "{oid}");
        }
    }
}

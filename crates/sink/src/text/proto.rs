//! Protocol Buffers as people read them: fields by name, as `protoc --decode` shows them, and those
//! that are not described by number, as `protoc --decode_raw` does. Without a description, bytes may
//! be text, a message or neither: what reads as text is shown as text, what parses to its end as a
//! message, anything else in hex.

use std::fmt::Write;

use stream::protobuf::{self, Field, Packed, Type, Value, Wire};

/// Messages within messages that are looked into.
const DEPTH: usize = 16;
/// Values that are shown of one message, those within it included.
const VALUES: usize = 10_000;
/// Bytes of one field that are shown in hex.
const HEX: usize = 32;

/// Appends a message, a field to a line. `cut`: more of it was not kept. Gives false, and appends
/// nothing, if it is none.
pub(super) fn push(out: &mut Vec<u8>, bytes: &[u8], cut: bool, described: Option<&Type>) -> bool {
    let some = protobuf::fields(bytes, None).next().is_some();
    if !(some && (cut || protobuf::is_whole(bytes))) {
        return false;
    }
    let mut shown = String::new();
    let mut left = VALUES;
    fields(&mut shown, bytes, described, 0, &mut left);
    if left == 0 {
        shown.push_str("[more fields]\n");
    }
    out.extend_from_slice(shown.as_bytes());
    true
}

fn fields(
    out: &mut String,
    bytes: &[u8],
    described: Option<&Type>,
    depth: usize,
    left: &mut usize,
) {
    for Field { number, described, value } in protobuf::fields(bytes, described) {
        if *left == 0 {
            return;
        }
        *left -= 1;
        (0..depth).for_each(|_| out.push_str("  "));
        // Writing to a string does not fail.
        let _ = match &described {
            Some(field) => out.write_str(field.name()),
            None => write!(out, "{number}"),
        };
        let within = match &value {
            Value::Message(bytes, of) if protobuf::is_whole(bytes) => Some((*bytes, Some(of))),
            Value::Plain(Wire::Bytes(bytes))
                if text(bytes).is_none() && protobuf::is_whole(bytes) =>
            {
                Some((*bytes, None))
            }
            _ => None,
        };
        match within.filter(|_| depth + 1 < DEPTH) {
            Some((bytes, of)) => {
                out.push_str(" {\n");
                fields(out, bytes, of, depth + 1, left);
                (0..depth).for_each(|_| out.push_str("  "));
                out.push('}');
            }
            None => {
                out.push_str(": ");
                scalar(out, value, left);
            }
        }
        out.push('\n');
    }
}

fn scalar(out: &mut String, value: Value<'_>, left: &mut usize) {
    let _ = match value {
        Value::I32(value) => write!(out, "{value}"),
        Value::I64(value) => write!(out, "{value}"),
        Value::U32(value) => write!(out, "{value}"),
        Value::U64(value) | Value::Plain(Wire::Varint(value)) => write!(out, "{value}"),
        Value::Bool(value) => write!(out, "{value}"),
        Value::Float(value) => write!(out, "{value:?}"),
        Value::Double(value) => write!(out, "{value:?}"),
        Value::Enum(number, names) => match names.get_value(number) {
            Some(value) => out.write_str(value.name()),
            None => write!(out, "{number}"),
        },
        Value::Text(text) => write!(out, "{text:?}"),
        Value::Packed(values) => return row(out, values, left),
        Value::Plain(Wire::Fixed64(value)) => write!(out, "{value:#018x}"),
        Value::Plain(Wire::Fixed32(value)) => write!(out, "{value:#010x}"),
        Value::Bytes(bytes) | Value::Plain(Wire::Bytes(bytes)) | Value::Message(bytes, _) => {
            match text(bytes) {
                Some(text) => write!(out, "{text:?}"),
                None => return hex(out, bytes),
            }
        }
    };
}

fn row(out: &mut String, values: Packed<'_>, left: &mut usize) {
    out.push('[');
    for (index, value) in values.enumerate() {
        if *left == 0 {
            break;
        }
        *left -= 1;
        out.push_str(if index > 0 { ", " } else { "" });
        scalar(out, value, left);
    }
    out.push(']');
}

fn hex(out: &mut String, bytes: &[u8]) {
    out.push('<');
    bytes.iter().take(HEX).for_each(|byte| {
        let _ = write!(out, "{byte:02x}");
    });
    let more = if bytes.len() > HEX { "…" } else { "" };
    let _ = write!(out, "{more}> {} B", bytes.len());
}

/// Bytes as text, if they read like it.
fn text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r');
    (!text.contains(odd)).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(bytes: &[u8], cut: bool) -> Option<String> {
        let mut out = Vec::new();
        push(&mut out, bytes, cut, None).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn fields_of_every_kind() {
        let inner = [&[0x08, 0x96, 0x01][..], &[0x12, 2, 0xff, 0xfe]].concat();
        let bytes = [
            &[0x08, 0x96, 0x01][..],
            &[0x12, 7],
            b"testing",
            &[0x1a, inner.len() as u8],
            &inner,
            &[0x25, 0xdb, 0x0f, 0x49, 0x40],
            &[0x29, 1, 0, 0, 0, 0, 0, 0, 0],
            &[0x32, 0],
        ]
        .concat();
        let expected = "1: 150\n2: \"testing\"\n3 {\n  1: 150\n  2: <fffe> 2 B\n}\n\
            4: 0x40490fdb\n5: 0x0000000000000001\n6: \"\"\n";
        assert_eq!(shown(&bytes, false).as_deref(), Some(expected));
    }

    #[test]
    fn what_is_none_is_left_to_others() {
        for bytes in [&b""[..], b"\x00\x01", b"\x0b\x0c", b"\x08", b"\x12\x05abc", b"{\"a\":1}"] {
            assert_eq!(shown(bytes, false), None, "{bytes:?}");
        }
        assert_eq!(
            shown(b"\x08\x01\x12\x05abc", true).as_deref(),
            Some("1: 1\n"),
            "the rest was not kept"
        );
    }

    #[test]
    fn its_bounds() {
        let mut deep = vec![0x08, 0xff, 0x01];
        for _ in 0..40 {
            deep = [&[0x0a, deep.len() as u8][..], &deep].concat();
        }
        let text = shown(&deep, false).unwrap();
        assert!(text.lines().count() < 3 * DEPTH && text.contains('<'));
        let many = shown(&[0x08, 1].repeat(VALUES + 5), false).unwrap();
        assert!(many.ends_with("[more fields]\n"));
        assert_eq!(many.lines().count(), VALUES + 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300), cut: bool) {
            if let Some(text) = shown(&bytes, cut) {
                prop_assert!(text.ends_with('\n'));
                prop_assert!(!text.contains(|c: char| c.is_control() && c != '\n'));
            }
        }
    }
}

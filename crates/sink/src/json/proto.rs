//! A described message of Protocol Buffers as an object, by the rules of ProtoJSON
//! (<https://protobuf.dev/programming-guides/json/>) with the names of the description: integers of
//! 64 bits are strings, bytes are base64. A field without a description has its number for a name;
//! its value is read as if it were `uint64`, `fixed32`, `fixed64` or `bytes`.

use std::collections::BTreeMap;
use std::io::Write as _;

use stream::message::Body;
use stream::protobuf::{self, Field, Kind, Type, Value, Wire};

use super::push_base64;
use crate::escape;

/// Messages within messages that are looked into; the bytes of deeper ones are base64.
const DEPTH: usize = 16;
/// Values that are shown of one message, those within it included.
const VALUES: usize = 10_000;

/// What an object is made with.
struct Maker<'a> {
    out: &'a mut Vec<u8>,
    left: usize,
}

/// Appends `,"proto":` and the message, or null if it is not described, has holes or is none.
pub(super) fn push(out: &mut Vec<u8>, body: &Body<'_>, described: Option<&Type>) {
    let kept = body.rest() == 0;
    let is_one = |_: &&Type| {
        let broken = body.problem.is_some() || kept && !protobuf::is_whole(body.bytes);
        body.holes.is_empty() && !broken
    };
    let Some(described) = described.filter(is_one) else {
        out.extend_from_slice(b",\"proto\":null");
        return;
    };
    out.extend_from_slice(b",\"proto\":{\"type\":");
    escape::json(out, described.full_name().as_bytes());
    out.extend_from_slice(b",\"fields\":");
    let mut maker = Maker { out, left: VALUES };
    maker.object(body.bytes, Some(described), 0);
    let whole = kept && maker.left > 0;
    out.extend_from_slice(if whole { b",\"whole\":true}" } else { b",\"whole\":false}" });
}

impl Maker<'_> {
    fn object(&mut self, bytes: &[u8], described: Option<&Type>, depth: usize) {
        let mut all: Vec<_> = protobuf::fields(bytes, described).take(self.left).collect();
        self.left -= all.len();
        all.sort_by_key(|field| (field.number, field.described.is_none()));
        self.out.push(b'{');
        let same = |a: &Field<'_>, b: &Field<'_>| {
            (a.number, a.described.is_some()) == (b.number, b.described.is_some())
        };
        for (index, same) in all.chunk_by(same).enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            match &same[0].described {
                Some(field) => escape::json(self.out, field.name().as_bytes()),
                // Writing to a Vec does not fail.
                None => drop(write!(self.out, "\"{}\"", same[0].number)),
            }
            self.out.push(b':');
            self.values(same, depth);
        }
        self.out.push(b'}');
    }

    /// All values of one field.
    fn values(&mut self, same: &[Field<'_>], depth: usize) {
        match &same[0].described {
            Some(field) if field.is_map() => self.map(same, depth),
            // One that may stand once only and does not is shown as it was sent.
            described if same.len() > 1 || described.as_ref().is_some_and(|it| it.is_list()) => {
                self.out.push(b'[');
                let mut first = true;
                for Field { value, .. } in same {
                    match value {
                        Value::Packed(values) => {
                            for value in values.clone().take(self.left) {
                                self.left -= 1;
                                self.next(&mut first);
                                self.value(&value, depth);
                            }
                        }
                        value => {
                            self.next(&mut first);
                            self.value(value, depth);
                        }
                    }
                }
                self.out.push(b']');
            }
            _ => self.value(&same[0].value, depth),
        }
    }

    fn next(&mut self, first: &mut bool) {
        if !std::mem::take(first) {
            self.out.push(b',');
        }
    }

    /// The entries of a map. Of two with the same key the last one counts, as for every reader.
    fn map(&mut self, entries: &[Field<'_>], depth: usize) {
        let (mut last, mut of) = (BTreeMap::new(), None);
        for Field { value, .. } in entries {
            let Value::Message(bytes, entry) = value else { continue };
            of = Some(entry.map_entry_value_field().kind());
            let (mut named, mut said) = (None, None);
            for Field { number, value, .. } in protobuf::fields(bytes, Some(entry)).take(self.left)
            {
                self.left -= 1;
                match number {
                    1 => named = Some(value),
                    2 => said = Some(value),
                    _ => {}
                }
            }
            last.insert(key(named, entry), said);
        }
        self.out.push(b'{');
        let mut first = true;
        for (key, value) in &last {
            self.next(&mut first);
            escape::json(self.out, key.as_bytes());
            self.out.push(b':');
            match value {
                Some(value) => self.value(value, depth),
                None => self.out.extend_from_slice(&unsent(of.as_ref())),
            }
        }
        self.out.push(b'}');
    }

    fn value(&mut self, value: &Value<'_>, depth: usize) {
        let out = &mut *self.out;
        // Writing to a Vec does not fail.
        let _ = match value {
            Value::I32(value) => write!(out, "{value}"),
            Value::U32(value) | Value::Plain(Wire::Fixed32(value)) => write!(out, "{value}"),
            Value::I64(value) => write!(out, "\"{value}\""),
            Value::U64(value) | Value::Plain(Wire::Varint(value) | Wire::Fixed64(value)) => {
                write!(out, "\"{value}\"")
            }
            Value::Bool(value) => write!(out, "{value}"),
            Value::Float(value) if value.is_finite() => write!(out, "{value:?}"),
            Value::Double(value) if value.is_finite() => write!(out, "{value:?}"),
            Value::Float(value) => write!(out, "\"{}\"", not_finite((*value).into())),
            Value::Double(value) => write!(out, "\"{}\"", not_finite(*value)),
            Value::Enum(number, names) => match names.get_value(*number) {
                Some(value) => return escape::json(out, value.name().as_bytes()),
                None => write!(out, "{number}"),
            },
            Value::Text(text) => return escape::json(out, text.as_bytes()),
            Value::Message(bytes, of) if depth + 1 < DEPTH && protobuf::is_whole(bytes) => {
                return self.object(bytes, Some(of), depth + 1);
            }
            Value::Bytes(bytes) | Value::Message(bytes, _) | Value::Plain(Wire::Bytes(bytes)) => {
                out.push(b'"');
                push_base64(out, bytes);
                write!(out, "\"")
            }
            // Told value by value.
            Value::Packed(_) => Ok(()),
        };
    }
}

/// The key of a map's entry as the name of a member; `None`: not sent, so it is what its type
/// begins with.
fn key(value: Option<Value<'_>>, entry: &Type) -> String {
    match value {
        Some(Value::I32(value)) => value.to_string(),
        Some(Value::I64(value)) => value.to_string(),
        Some(Value::U32(value)) => value.to_string(),
        Some(Value::U64(value)) => value.to_string(),
        Some(Value::Bool(value)) => value.to_string(),
        Some(Value::Text(text)) => text.to_owned(),
        Some(Value::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        _ => match entry.map_entry_key_field().kind() {
            Kind::String => String::new(),
            Kind::Bool => "false".to_owned(),
            _ => "0".to_owned(),
        },
    }
}

/// A value of a map that was not sent: what its type begins with.
fn unsent(kind: Option<&Kind>) -> Vec<u8> {
    let mut out = Vec::new();
    match kind {
        Some(Kind::Message(_)) => out.extend_from_slice(b"{}"),
        Some(Kind::String | Kind::Bytes) => out.extend_from_slice(b"\"\""),
        Some(Kind::Bool) => out.extend_from_slice(b"false"),
        Some(Kind::Float | Kind::Double) => out.extend_from_slice(b"0.0"),
        Some(Kind::Enum(names)) => escape::json(&mut out, names.default_value().name().as_bytes()),
        Some(Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64) => {
            out.extend_from_slice(b"\"0\"");
        }
        _ => out.push(b'0'),
    }
    out
}

fn not_finite(value: f64) -> &'static str {
    match value {
        _ if value.is_nan() => "NaN",
        _ if value > 0.0 => "Infinity",
        _ => "-Infinity",
    }
}

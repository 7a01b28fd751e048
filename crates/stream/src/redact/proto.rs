//! Finds the values of secret fields in a described message of Protocol Buffers.
//!
//! Every value keeps its length, since lengths stand before values: text becomes stars, a number 0.

use prost_reflect::{FieldDescriptor, Kind as Typed, MessageDescriptor};

use super::mask::Ranges;
use super::names::{Bearer, Names};
use super::text::{self, Kind};
use crate::protobuf::{Value, fields, tag, varint};

/// Messages within messages that are looked into; deeper ones are masked as a whole.
const DEPTH: usize = 64;

/// Where secrets are looked for, and where those that are found are noted.
pub(super) struct Search<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) names: &'a Names,
    pub(super) ranges: &'a mut Ranges,
}

impl Search<'_> {
    /// Adds the values of secret fields in `bytes[at..to]`, a message of this type. `hidden`: all of
    /// them are secret.
    pub(super) fn message(
        &mut self,
        mut at: usize,
        to: usize,
        of: &MessageDescriptor,
        hidden: bool,
        depth: usize,
    ) {
        let secret_value = of.is_map_entry() && self.is_secret_entry(at, to, of);
        while let Some((number, kind, rest)) = tag(&self.bytes[at..to]) {
            let start = to - rest.len();
            let field = of.get_field(number);
            let hidden = hidden
                || secret_value && number == 2
                || field.as_ref().is_some_and(|field| self.is_secret(field));
            let hides_number = hidden && field.as_ref().is_none_or(is_number);
            at = match kind {
                0 => {
                    // What is cut off within a number tells nothing of it.
                    let Some((_, after)) = varint(rest) else { return };
                    let end = to - after.len();
                    if hides_number {
                        self.ranges.push_varint(start..end);
                    }
                    end
                }
                1 | 5 => {
                    let end = to.min(start + if kind == 1 { 8 } else { 4 });
                    if hides_number {
                        self.ranges.push_zeros(start..end);
                    }
                    end
                }
                2 => {
                    let Some((len, after)) = varint(rest) else { return };
                    let begin = to - after.len();
                    // One that is cut off is as secret as a whole one.
                    let end =
                        usize::try_from(len).map_or(to, |len| to.min(begin.saturating_add(len)));
                    self.value(begin, end, field.as_ref(), hidden, depth);
                    end
                }
                _ => break,
            };
        }
        if at < to {
            text::scan(self.bytes, at, to, Kind::Free, self.names, self.ranges);
        }
    }

    fn value(
        &mut self,
        begin: usize,
        end: usize,
        field: Option<&FieldDescriptor>,
        hidden: bool,
        depth: usize,
    ) {
        match field.map(FieldDescriptor::kind) {
            Some(Typed::Message(of)) if depth < DEPTH => {
                self.message(begin, end, &of, hidden, depth + 1);
            }
            Some(Typed::Message(_)) => self.ranges.push(begin..end),
            Some(Typed::String | Typed::Bytes) | None if hidden => self.ranges.push(begin..end),
            Some(Typed::String | Typed::Bytes) | None => {
                let kind = Kind::of(None, &self.bytes[begin..end]);
                text::scan(self.bytes, begin, end, kind, self.names, self.ranges);
            }
            // Numbers in a row.
            Some(_) if hidden => self.ranges.push_zeros(begin..end),
            Some(_) => {}
        }
    }

    /// As in JSON, neither truth values nor names of an enumeration are secrets.
    fn is_secret(&self, field: &FieldDescriptor) -> bool {
        !matches!(field.kind(), Typed::Bool | Typed::Enum(_))
            && self.names.is_secret(field.name().as_bytes(), Bearer::Key)
    }

    /// Whether the key of a map's entry is a secret name.
    fn is_secret_entry(&self, begin: usize, end: usize, of: &MessageDescriptor) -> bool {
        fields(&self.bytes[begin..end], Some(of)).any(|field| {
            matches!(field.value, Value::Text(key)
                if field.number == 1 && self.names.is_secret(key.as_bytes(), Bearer::Key))
        })
    }
}

fn is_number(field: &FieldDescriptor) -> bool {
    !matches!(field.kind(), Typed::Bool | Typed::Enum(_))
}

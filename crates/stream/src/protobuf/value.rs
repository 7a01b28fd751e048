//! Values as a description reads them.

use prost_reflect::{Cardinality, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};

use super::wire::{self, Wire, varint};

/// A field of a message.
#[derive(Debug, Clone)]
pub struct Field<'a> {
    /// Its number.
    pub number: u32,
    /// Its description, if there is one that the value fits.
    pub described: Option<FieldDescriptor>,
    /// Its value.
    pub value: Value<'a>,
}

/// A value.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// `int32`, `sint32`, `sfixed32`.
    I32(i32),
    /// `int64`, `sint64`, `sfixed64`.
    I64(i64),
    /// `uint32`, `fixed32`.
    U32(u32),
    /// `uint64`, `fixed64`.
    U64(u64),
    /// `bool`.
    Bool(bool),
    /// `float`.
    Float(f32),
    /// `double`.
    Double(f64),
    /// A name of an enumeration, by its number.
    Enum(i32, EnumDescriptor),
    /// `string`.
    Text(&'a str),
    /// `bytes`, and a `string` that is not UTF-8.
    Bytes(&'a [u8]),
    /// A message, not looked into.
    Message(&'a [u8], MessageDescriptor),
    /// Numbers of a repeated field in a row.
    Packed(Packed<'a>),
    /// Not described.
    Plain(Wire<'a>),
}

/// Numbers of a repeated field in a row, one after the other.
#[derive(Debug, Clone)]
pub struct Packed<'a> {
    kind: Kind,
    bytes: &'a [u8],
}

/// The fields of a message in the order in which they were sent, up to the first that is not whole.
pub fn fields<'a>(
    mut bytes: &'a [u8],
    described: Option<&MessageDescriptor>,
) -> impl Iterator<Item = Field<'a>> {
    std::iter::from_fn(move || {
        let (number, wire, rest) = wire::field(bytes)?;
        bytes = rest;
        let described = described.and_then(|message| message.get_field(number));
        let read = described.as_ref().and_then(|field| read(field, wire));
        // A value of another kind than its description's is one of another version.
        let described = described.filter(|_| read.is_some());
        Some(Field { number, described, value: read.unwrap_or(Value::Plain(wire)) })
    })
}

fn read<'a>(field: &FieldDescriptor, wire: Wire<'a>) -> Option<Value<'a>> {
    let kind = field.kind();
    match wire {
        Wire::Bytes(bytes) => match kind {
            Kind::String => {
                Some(std::str::from_utf8(bytes).map_or(Value::Bytes(bytes), Value::Text))
            }
            Kind::Bytes => Some(Value::Bytes(bytes)),
            Kind::Message(message) => Some(Value::Message(bytes, message)),
            kind => {
                let packed = Packed { kind, bytes };
                let many = field.cardinality() == Cardinality::Repeated;
                (many && packed.is_whole()).then_some(Value::Packed(packed))
            }
        },
        _ => number(&kind, wire),
    }
}

/// A number (<https://protobuf.dev/programming-guides/encoding/#simple>).
fn number<'a>(kind: &Kind, wire: Wire<'_>) -> Option<Value<'a>> {
    Some(match (kind, wire) {
        (Kind::Int32, Wire::Varint(value)) => Value::I32(value as i32),
        (Kind::Int64, Wire::Varint(value)) => Value::I64(value as i64),
        (Kind::Uint32, Wire::Varint(value)) => Value::U32(value as u32),
        (Kind::Uint64, Wire::Varint(value)) => Value::U64(value),
        (Kind::Sint32, Wire::Varint(value)) => Value::I32(zigzag(value & 0xffff_ffff) as i32),
        (Kind::Sint64, Wire::Varint(value)) => Value::I64(zigzag(value)),
        (Kind::Bool, Wire::Varint(value)) => Value::Bool(value != 0),
        (Kind::Enum(names), Wire::Varint(value)) => Value::Enum(value as i32, names.clone()),
        (Kind::Fixed32, Wire::Fixed32(value)) => Value::U32(value),
        (Kind::Sfixed32, Wire::Fixed32(value)) => Value::I32(value as i32),
        (Kind::Float, Wire::Fixed32(value)) => Value::Float(f32::from_bits(value)),
        (Kind::Fixed64, Wire::Fixed64(value)) => Value::U64(value),
        (Kind::Sfixed64, Wire::Fixed64(value)) => Value::I64(value as i64),
        (Kind::Double, Wire::Fixed64(value)) => Value::Double(f64::from_bits(value)),
        _ => return None,
    })
}

fn zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

impl Packed<'_> {
    fn is_whole(&self) -> bool {
        let mut left = self.clone();
        left.by_ref().for_each(drop);
        left.bytes.is_empty()
    }
}

impl Iterator for Packed<'_> {
    type Item = Value<'static>;

    fn next(&mut self) -> Option<Self::Item> {
        let (wire, rest) = match self.kind {
            Kind::Fixed32 | Kind::Sfixed32 | Kind::Float => {
                let (value, rest) = self.bytes.split_first_chunk()?;
                (Wire::Fixed32(u32::from_le_bytes(*value)), rest)
            }
            Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => {
                let (value, rest) = self.bytes.split_first_chunk()?;
                (Wire::Fixed64(u64::from_le_bytes(*value)), rest)
            }
            _ => {
                let (value, rest) = varint(self.bytes)?;
                (Wire::Varint(value), rest)
            }
        };
        self.bytes = rest;
        number(&self.kind, wire)
    }
}

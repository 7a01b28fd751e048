//! What a message says of itself: numbers and values of four lengths.

/// A value as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire<'a> {
    /// An integer, a truth value or a name of an enumeration.
    Varint(u64),
    /// Eight bytes.
    Fixed64(u64),
    /// Four bytes.
    Fixed32(u32),
    /// Text, bytes, a message, or many numbers in a row.
    Bytes(&'a [u8]),
}

/// A field's number and type of value, and what follows; `None` if there is none.
pub(crate) fn tag(bytes: &[u8]) -> Option<(u32, u8, &[u8])> {
    let (tag, rest) = varint(bytes)?;
    let number = u32::try_from(tag >> 3).ok().filter(|number| (1..1 << 29).contains(number))?;
    Some((number, (tag & 7) as u8, rest))
}

/// The first field, and what follows it; `None` if there is no whole one.
pub(crate) fn field(bytes: &[u8]) -> Option<(u32, Wire<'_>, &[u8])> {
    let (number, kind, rest) = tag(bytes)?;
    let (value, rest) = match kind {
        0 => {
            let (value, rest) = varint(rest)?;
            (Wire::Varint(value), rest)
        }
        1 => {
            let (value, rest) = rest.split_first_chunk()?;
            (Wire::Fixed64(u64::from_le_bytes(*value)), rest)
        }
        2 => {
            let (len, rest) = varint(rest)?;
            let (value, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
            (Wire::Bytes(value), rest)
        }
        5 => {
            let (value, rest) = rest.split_first_chunk()?;
            (Wire::Fixed32(u32::from_le_bytes(*value)), rest)
        }
        // Groups are not written any more.
        _ => return None,
    };
    Some((number, value, rest))
}

/// A number of seven bits a byte, and what follows it.
pub(crate) fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (at, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

/// Whether bytes are fields up to their end.
pub fn is_whole(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match field(bytes) {
            Some((_, _, rest)) => bytes = rest,
            None => return false,
        }
    }
    true
}

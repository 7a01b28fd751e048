//! Header fields, kept in one buffer so that a message costs no allocation per field.

use crate::limits;

/// Fields that are being collected; its room is used again after [`clear`](Self::clear).
#[derive(Debug, Clone, Default)]
pub struct Head {
    bytes: Vec<u8>,
    fields: Vec<Place>,
}

/// Where a field stands; [`UNKNOWN`] for a part that could not be resolved.
#[derive(Debug, Clone, Copy)]
struct Place {
    name: (u32, u32),
    value: (u32, u32),
}

/// Ends before it begins, as no other range does.
const UNKNOWN: (u32, u32) = (1, 0);

/// One field. A part is `None` if it could not be resolved: the entry of HPACK's dynamic table
/// that it refers to was set before the capture saw the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name, as it was sent.
    pub name: Option<&'a [u8]>,
    /// Its value.
    pub value: Option<&'a [u8]>,
}

/// Fields in the order in which they were sent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Headers<'a> {
    bytes: &'a [u8],
    fields: &'a [Place],
}

impl Head {
    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the fields and keeps the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.fields.clear();
    }

    /// Gives back the room, if it is much.
    pub fn shrink(&mut self) {
        if self.held() > limits::ROOM {
            *self = Self::default();
        }
    }

    /// Bytes of memory that it takes.
    pub fn held(&self) -> usize {
        self.bytes.capacity() + self.fields.capacity() * size_of::<Place>()
    }

    /// Adds a field. Past 4 GiB in all a part counts as not resolved; the limits on what is
    /// buffered are far below.
    pub fn push(&mut self, name: Option<&[u8]>, value: Option<&[u8]>) {
        let name = self.keep(name);
        let value = self.keep(value);
        self.fields.push(Place { name, value });
    }

    /// Bytes of all names and values.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The fields.
    pub fn headers(&self) -> Headers<'_> {
        Headers { bytes: &self.bytes, fields: &self.fields }
    }

    fn keep(&mut self, part: Option<&[u8]>) -> (u32, u32) {
        let Some(part) = part else { return UNKNOWN };
        let start = self.bytes.len();
        match (u32::try_from(start), u32::try_from(start + part.len())) {
            (Ok(from), Ok(to)) => {
                self.bytes.extend_from_slice(part);
                (from, to)
            }
            _ => UNKNOWN,
        }
    }
}

impl From<&Headers<'_>> for Head {
    fn from(headers: &Headers<'_>) -> Self {
        Self { bytes: headers.bytes.to_vec(), fields: headers.fields.to_vec() }
    }
}

impl<'a> Headers<'a> {
    /// How many fields.
    pub fn count(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The fields in order.
    pub fn iter(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let bytes = self.bytes;
        let part = move |(from, to): (u32, u32)| bytes.get(from as usize..to as usize);
        self.fields
            .iter()
            .map(move |place| Field { name: part(place.name), value: part(place.value) })
    }

    /// The first value of a field, by its name in any case (RFC 9110, section 5.1).
    pub fn first(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// Every value of a field.
    pub fn all<'n>(&self, name: &'n [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.iter()
            .filter(|field| field.name.is_some_and(|known| known.eq_ignore_ascii_case(name)))
            .filter_map(|field| field.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back_in_order_and_by_name() {
        let mut head = Head::new();
        head.push(Some(b"Host"), Some(b"example.org"));
        head.push(Some(b"Set-Cookie"), Some(b"a=1"));
        head.push(Some(b"set-cookie"), Some(b"b=2"));
        head.push(Some(b"empty"), Some(b""));
        let headers = head.headers();
        assert_eq!(headers.count(), 4);
        assert_eq!(headers.first(b"host"), Some(&b"example.org"[..]));
        assert_eq!(headers.all(b"SET-COOKIE").collect::<Vec<_>>(), [b"a=1", b"b=2"]);
        assert_eq!(headers.first(b"empty"), Some(&b""[..]));
        assert_eq!(headers.first(b"other"), None);
    }

    #[test]
    fn what_is_unknown_is_not_empty() {
        let mut head = Head::new();
        head.push(Some(b"x"), None);
        head.push(None, Some(b"y"));
        let fields: Vec<_> = head.headers().iter().collect();
        assert_eq!(fields[0], Field { name: Some(b"x"), value: None });
        assert_eq!(fields[1], Field { name: None, value: Some(b"y") });
        assert_eq!(head.headers().first(b"x"), None);
        head.clear();
        assert!(head.is_empty() && head.headers().is_empty());
    }
}

//! One direction: units, each a header that declares a length, and as many bytes.

use crate::limits;
use crate::message::{By, Flaw, Flaws};
use crate::proto::{Chunk, Missing, Parsed, append};

/// A header as it was parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// The type, or the number in its sequence.
    pub(crate) kind: u8,
    /// Bytes after the header.
    pub(crate) len: u64,
    /// Of these, bytes that are kept to be read.
    pub(crate) keep: usize,
}

/// A unit.
#[derive(Debug, Default)]
pub(crate) struct Unit {
    pub(crate) kind: u8,
    /// The kind of the last one, if it was put together from several.
    pub(crate) last: u8,
    pub(crate) begun: u64,
    pub(crate) ended: u64,
    pub(crate) by: By,
    /// Where it stands in its direction.
    pub(crate) pos: u64,
    /// Bytes that it took, with its header and those that are missing.
    pub(crate) wire: u64,
    /// Bytes after the header, as they were declared.
    pub(crate) len: u64,
    /// The first of these.
    pub(crate) bytes: Vec<u8>,
    /// Where the first NULs stand in them, kept or not.
    pub(crate) nuls: [Option<u64>; 2],
    pub(crate) flaws: Flaws,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Header,
    /// So many bytes are left.
    Payload(u64),
    /// Where the next unit begins is not known, for this reason.
    Lost(Flaw),
}

/// What became of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Took {
    /// So many went into a unit that goes on.
    Part(usize),
    /// So many made the unit whole.
    Whole(usize),
    /// No header begins there.
    Broken,
}

/// The longest header.
const HEADER_MAX: usize = 5;

/// A direction.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) phase: Phase,
    head: [u8; HEADER_MAX],
    head_len: usize,
    keep: usize,
    pub(crate) unit: Unit,
    /// Bytes since the last unit that are in none.
    pub(crate) loose: u64,
}

impl Default for Side {
    fn default() -> Self {
        Self {
            phase: Phase::Header,
            head: [0; HEADER_MAX],
            head_len: 0,
            keep: 0,
            unit: Unit::default(),
            loose: 0,
        }
    }
}

impl Side {
    /// Takes bytes of a chunk, which is not empty, as far as one step goes.
    pub(crate) fn take(
        &mut self,
        chunk: &Chunk<'_>,
        parse: impl FnOnce(&[u8]) -> Parsed<Header>,
    ) -> Took {
        match self.phase {
            Phase::Header => self.take_header(chunk, parse),
            Phase::Payload(left) => {
                let len = left.min(chunk.bytes.len() as u64) as usize;
                self.take_payload(&chunk.bytes[..len], self.unit.len - left);
                self.unit.ended = chunk.time;
                self.passed(len as u64, left)
            }
            Phase::Lost(_) => Took::Broken,
        }
    }

    fn take_header(
        &mut self,
        chunk: &Chunk<'_>,
        parse: impl FnOnce(&[u8]) -> Parsed<Header>,
    ) -> Took {
        let before = self.head_len;
        if before == 0 {
            let mut bytes = std::mem::take(&mut self.unit.bytes);
            bytes.clear();
            let (begun, by, pos) = (chunk.time, chunk.by, chunk.pos);
            self.unit = Unit { begun, by, pos, bytes, ..Unit::default() };
        }
        let len = (HEADER_MAX - before).min(chunk.bytes.len());
        self.head[before..before + len].copy_from_slice(&chunk.bytes[..len]);
        self.head_len += len;
        match parse(&self.head[..self.head_len]) {
            Parsed::Whole(header, used) if used > before => {
                self.head_len = 0;
                self.loose = 0;
                self.keep = header.keep;
                self.unit.kind = header.kind;
                self.unit.last = header.kind;
                self.unit.len = header.len;
                self.unit.wire = used as u64;
                self.unit.ended = chunk.time;
                match self.passed(0, header.len) {
                    Took::Part(_) => Took::Part(used - before),
                    _ => Took::Whole(used - before),
                }
            }
            Parsed::More if self.head_len < HEADER_MAX => Took::Part(len),
            _ => {
                self.head_len = before;
                Took::Broken
            }
        }
    }

    fn take_payload(&mut self, bytes: &[u8], at: u64) {
        if !self.unit.flaws.is_empty() {
            return;
        }
        if self.keep > 0 && self.unit.nuls[1].is_none() {
            for found in memchr::memchr_iter(0, bytes).take(2) {
                let place = self.unit.nuls.iter_mut().find(|nul| nul.is_none());
                let Some(place) = place else { break };
                *place = Some(at + found as u64);
            }
        }
        let room = self.keep.saturating_sub(self.unit.bytes.len()).min(bytes.len());
        append(&mut self.unit.bytes, &bytes[..room], self.keep);
    }

    /// So many bytes of the payload went by.
    fn passed(&mut self, len: u64, left: u64) -> Took {
        self.unit.wire += len;
        if len < left {
            self.phase = Phase::Payload(left - len);
            return Took::Part(len as usize);
        }
        self.phase = Phase::Header;
        Took::Whole(len as usize)
    }

    /// Bytes are missing: how many of them are within the unit under way, and whether it ends
    /// there.
    pub(crate) fn missing(&mut self, missing: &Missing) -> (u64, bool) {
        let Phase::Payload(left) = self.phase else { return (0, false) };
        let within = left.min(missing.len);
        self.unit.flaws.add(Flaw::Gap);
        self.unit.ended = missing.time;
        (within, matches!(self.passed(within, left), Took::Whole(_)))
    }

    /// Whether a unit is under way, past its header.
    pub(crate) fn is_within(&self) -> bool {
        matches!(self.phase, Phase::Payload(_))
    }

    /// Gives back the bytes of a header that did not become whole, and where they stood.
    pub(crate) fn give_up(&mut self, flaw: Flaw) -> ([u8; HEADER_MAX], usize) {
        self.phase = Phase::Lost(flaw);
        (self.head, std::mem::take(&mut self.head_len))
    }

    /// The unit under way, or the whole one.
    pub(crate) fn take_unit(&mut self) -> Unit {
        std::mem::take(&mut self.unit)
    }

    /// Keeps the room of a unit for the next one, unless it is much.
    pub(crate) fn reuse(&mut self, mut bytes: Vec<u8>) {
        if bytes.capacity() <= limits::ROOM {
            bytes.clear();
            self.unit.bytes = bytes;
        }
    }

    /// Bytes that it keeps.
    pub(crate) fn held(&self) -> usize {
        self.unit.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dir;

    /// A header of two bytes: a type and a length, of which 0xff is none.
    fn parse(bytes: &[u8]) -> Parsed<Header> {
        match *bytes {
            [kind, len, ..] if len < 0xff => {
                Parsed::Whole(Header { kind, len: len.into(), keep: 3 }, 2)
            }
            [_, _, ..] => Parsed::Broken("no length"),
            _ => Parsed::More,
        }
    }

    fn chunk(bytes: &[u8]) -> Chunk<'_> {
        Chunk { time: 1, by: By::default(), dir: Dir::Read, pos: 7, bytes }
    }

    #[test]
    fn units_come_in_any_pieces() {
        for len in 1..8 {
            let mut side = Side::default();
            let mut whole = Vec::new();
            for piece in b"a\x05he\0l\0b\0c\x01x".chunks(len) {
                let mut rest = piece;
                while !rest.is_empty() {
                    match side.take(&chunk(rest), parse) {
                        Took::Part(used) => rest = &rest[used..],
                        Took::Whole(used) => {
                            rest = &rest[used..];
                            let unit = side.take_unit();
                            whole.push((unit.kind, unit.wire, unit.bytes.clone(), unit.nuls));
                            side.reuse(unit.bytes);
                        }
                        Took::Broken => panic!("broken"),
                    }
                }
            }
            let expected = [
                (b'a', 7, b"he\0".to_vec(), [Some(2), Some(4)]),
                (b'b', 2, Vec::new(), [None; 2]),
                (b'c', 3, b"x".to_vec(), [None; 2]),
            ];
            assert_eq!(whole, expected, "in pieces of {len}");
        }
    }

    #[test]
    fn missing_bytes_may_end_a_unit() {
        let mut side = Side::default();
        assert_eq!(side.take(&chunk(b"a\x05h"), parse), Took::Part(2));
        assert_eq!(side.take(&chunk(b"h"), parse), Took::Part(1));
        let missing = |len| Missing { time: 2, by: By::default(), dir: Dir::Read, pos: 10, len };
        assert_eq!(side.missing(&missing(3)), (3, false));
        assert_eq!(side.missing(&missing(3)), (1, true));
        assert_eq!(side.missing(&missing(3)), (0, false), "between units");
        let unit = side.take_unit();
        assert!(unit.flaws.has(Flaw::Gap));
        assert_eq!((unit.wire, unit.bytes.as_slice()), (7, &b"h"[..]));
    }

    #[test]
    fn what_is_no_header_is_given_back() {
        let mut side = Side::default();
        assert_eq!(side.take(&chunk(b"a"), parse), Took::Part(1));
        assert_eq!(side.take(&chunk(b"\xff"), parse), Took::Broken);
        let (head, len) = side.give_up(Flaw::Broken);
        assert_eq!(&head[..len], b"a");
    }
}

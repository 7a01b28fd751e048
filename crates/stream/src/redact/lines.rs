//! Finds headers in bytes that no decoder took: the end of a line, and the line itself, may come
//! with later bytes.

use super::header;
use super::mask::Ranges;
use super::names::Names;

/// Where in a line the bytes of one direction stand.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    at: At,
    /// Position of the byte that is expected next.
    next: u64,
    /// The line's name so far.
    name: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In the name, or what may become one.
    Name,
    /// In a secret value.
    Secret,
    /// At the start of the line after a secret value, which may continue it (RFC 9112, section 5.2).
    Fold,
    /// In something that may be the rest of a secret value: what was before is not known.
    Unsure,
    /// In something else.
    Other,
}

/// Bytes of a name that are kept.
const NAME: usize = 128;

impl Default for Lines {
    fn default() -> Self {
        Self { at: At::Name, next: 0, name: Vec::new() }
    }
}

impl Lines {
    /// Takes the bytes at this position and adds what is secret.
    pub(super) fn scan(&mut self, pos: u64, bytes: &[u8], names: &Names, ranges: &mut Ranges) {
        if pos != self.next {
            self.at = At::Unsure;
            self.name.clear();
        }
        self.next = pos.saturating_add(bytes.len() as u64);
        let mut start = 0;
        for (index, &byte) in bytes.iter().enumerate() {
            let before = self.at;
            self.step(byte, names);
            let hidden = |at| matches!(at, At::Secret | At::Unsure);
            if hidden(before) && !hidden(self.at) {
                ranges.push(start..index);
            } else if !hidden(before) && hidden(self.at) {
                // The blank that continues a value is no secret; the byte behind a colon is.
                start = index + 1;
            }
        }
        if matches!(self.at, At::Secret | At::Unsure) {
            ranges.push(start.min(bytes.len())..bytes.len());
        }
    }

    fn step(&mut self, byte: u8, names: &Names) {
        self.at = match (self.at, byte) {
            (At::Secret, b'\n') => At::Fold,
            (At::Secret, _) => At::Secret,
            (At::Unsure, b'\n') => At::Fold,
            (At::Unsure, b' '..=b'~' | b'\t' | b'\r') => At::Unsure,
            (At::Fold, b' ' | b'\t') => At::Secret,
            (At::Name | At::Fold | At::Other, b'\n') => At::Name,
            (At::Name, b':') if header::is_secret(&self.name, names) => At::Secret,
            (At::Name, b':') => At::Other,
            (At::Name, _) if self.name.len() == NAME => At::Other,
            (At::Name | At::Fold, _) => At::Name,
            (At::Unsure | At::Other, _) => At::Other,
        };
        match self.at {
            At::Name if byte != b'\n' => self.name.push(byte),
            _ => self.name.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::mask::Style;
    use super::*;

    /// Masks pieces that follow each other, the first at a position.
    fn masked(pos: u64, pieces: &[&str]) -> String {
        let (mut lines, names) = (Lines::default(), Names::default());
        let (mut all, mut out, mut pos) = (Vec::new(), Vec::new(), pos);
        for piece in pieces {
            let mut ranges = Ranges::default();
            lines.scan(pos, piece.as_bytes(), &names, &mut ranges);
            ranges.apply(piece.as_bytes(), Style::SameLength, &mut out, None);
            all.extend_from_slice(&out);
            pos += piece.len() as u64;
        }
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn secret_lines_are_masked_however_they_are_split() {
        let text = "GET / HTTP/1.1\r\nHost: h:1\r\nauthorization:Basic abc\r\n\t def\r\nA: b\r\n";
        let expected = "GET / HTTP/1.1\r\nHost: h:1\r\nauthorization:**********\n\t*****\nA: b\r\n";
        assert_eq!(masked(0, &[text]), expected);
        for at in 0..text.len() {
            let (left, right) = text.split_at(at);
            assert_eq!(masked(0, &[left, right]), expected, "at {at}");
        }
        let bytes: Vec<&str> = text.split_inclusive(|_| true).collect();
        assert_eq!(masked(0, &bytes), expected);
    }

    #[test]
    fn after_a_gap_the_rest_of_a_line_may_be_a_secret() {
        assert_eq!(masked(5, &["cret\r\nHost: h\r\n"]), "*****\nHost: h\r\n");
        assert_eq!(masked(5, &["cret\n too\nHost: h\n"]), "****\n ***\nHost: h\n");
        assert_eq!(masked(5, &["ab\0cd\n"]), "**\0cd\n");
    }

    #[test]
    fn other_bytes_pass() {
        for text in ["\0\x01\x02:\n", ": \n\n", "x: y\n z\n", &"a".repeat(500), "GET cookie\n"] {
            assert_eq!(masked(0, &[text]), text);
        }
    }
}

//! Ranges of bytes, and what stands in their place.

use std::ops::Range;

use crate::message::Hole;

/// What stands in place of a secret: never its length, unless bytes must keep their places.
pub(super) const MASK: &[u8] = b"***";

/// What a mask looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// [`MASK`], however long the secret is.
    Fixed,
    /// A star per byte: for binary formats with lengths in them, and where positions are promised.
    SameLength,
}

/// Ranges that are to be masked, in any order until they are applied.
#[derive(Debug, Default)]
pub(super) struct Ranges(Vec<Secret>);

#[derive(Debug)]
struct Secret {
    range: Range<usize>,
    fill: Fill,
}

/// What a secret is replaced with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fill {
    /// Stars.
    Stars,
    /// The same with quotes: a number or an object of JSON becomes a string.
    Quoted,
    /// The number 0, in as many bytes, seven bits each (Protocol Buffers).
    Varint,
    /// Zero bytes.
    Zeros,
}

/// [`MASK`] as a string of JSON.
const QUOTED: &[u8] = b"\"***\"";

impl Ranges {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds a range; an empty one hides nothing.
    pub(super) fn push(&mut self, range: Range<usize>) {
        self.fill(range, Fill::Stars);
    }

    /// The same for a value of JSON that is no string.
    pub(super) fn push_quoted(&mut self, range: Range<usize>) {
        self.fill(range, Fill::Quoted);
    }

    /// The same for a number of seven bits a byte, where lengths stay.
    pub(super) fn push_varint(&mut self, range: Range<usize>) {
        self.fill(range, Fill::Varint);
    }

    /// The same for numbers of fixed length, where lengths stay.
    pub(super) fn push_zeros(&mut self, range: Range<usize>) {
        self.fill(range, Fill::Zeros);
    }

    fn fill(&mut self, range: Range<usize>, fill: Fill) {
        if !range.is_empty() {
            self.0.push(Secret { range, fill });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes `bytes` with masks; what stood at a hole's place moves with it. The ranges are used
    /// up.
    pub(super) fn apply(
        &mut self,
        bytes: &[u8],
        style: Style,
        out: &mut Vec<u8>,
        mut holes: Option<&mut Vec<Hole>>,
    ) {
        self.0.sort_unstable_by_key(|secret| secret.range.start);
        out.clear();
        let (mut done, mut next_hole) = (0, 0);
        for Secret { range, fill } in self.0.drain(..) {
            // Overlapping or touching ranges are one secret; holes in it are part of it.
            let start = range.start.min(bytes.len()).max(done);
            let end = range.end.min(bytes.len());
            if end <= start {
                continue;
            }
            let joined = start == done && done > 0;
            let moved = out.len();
            out.extend_from_slice(&bytes[done..start]);
            if let Some(holes) = holes.as_deref_mut() {
                next_hole = shift(holes, next_hole, done..start, moved);
            }
            let at = out.len();
            match style {
                Style::SameLength => {
                    let (most, last) = match fill {
                        Fill::Stars | Fill::Quoted => (b'*', b'*'),
                        Fill::Varint => (0x80, 0),
                        Fill::Zeros => (0, 0),
                    };
                    out.resize(at + (end - start) - 1, most);
                    out.push(last);
                }
                Style::Fixed if joined => {}
                Style::Fixed if fill == Fill::Quoted => out.extend_from_slice(QUOTED),
                Style::Fixed => out.extend_from_slice(MASK),
            }
            if let Some(holes) = holes.as_deref_mut() {
                next_hole = settle(holes, next_hole, end, out.len());
            }
            done = end;
        }
        let moved = out.len();
        out.extend_from_slice(&bytes[done..]);
        if let Some(holes) = holes {
            shift(holes, next_hole, done..bytes.len() + 1, moved);
        }
    }
}

/// Moves holes that stand in a range that was copied to `to`.
fn shift(holes: &mut [Hole], mut next: usize, from: Range<usize>, to: usize) -> usize {
    while let Some(hole) = holes.get_mut(next).filter(|hole| hole.at < from.end) {
        hole.at = to + hole.at.saturating_sub(from.start);
        next += 1;
    }
    next
}

/// Moves holes that stand in a masked range to its end.
fn settle(holes: &mut [Hole], mut next: usize, end: usize, to: usize) -> usize {
    while let Some(hole) = holes.get_mut(next).filter(|hole| hole.at < end) {
        hole.at = to;
        next += 1;
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(bytes: &str, ranges: &[Range<usize>], style: Style) -> String {
        let (mut all, mut out) = (Ranges::default(), Vec::new());
        ranges.iter().for_each(|range| all.push(range.clone()));
        all.apply(bytes.as_bytes(), style, &mut out, None);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn ranges_may_overlap_and_touch() {
        assert_eq!(masked("abcdefgh", &[5..7, 1..3], Style::Fixed), "a***de***h");
        assert_eq!(masked("abcdefgh", &[1..4, 2..6, 6..7], Style::Fixed), "a***h");
        assert_eq!(masked("abcdefgh", &[0..2, 2..4, 6..99], Style::Fixed), "***ef***");
        assert_eq!(masked("abcdefgh", &[0..2, 1..4, 6..99], Style::SameLength), "****ef**");
        assert_eq!(masked("abc", &[1..1, 3..3], Style::Fixed), "abc");
    }

    #[test]
    fn holes_move_with_the_bytes_around_them() {
        let hole = |at| Hole { at, len: Some(9) };
        let mut holes = vec![hole(0), hole(2), hole(4), hole(7), hole(8)];
        let (mut ranges, mut out) = (Ranges::default(), Vec::new());
        ranges.push(3..6);
        ranges.apply(b"abcdefgh", Style::Fixed, &mut out, Some(&mut holes));
        assert_eq!(out, b"abc***gh");
        let places: Vec<_> = holes.iter().map(|hole| hole.at).collect();
        assert_eq!(places, [0, 2, 6, 7, 8]);
    }
}

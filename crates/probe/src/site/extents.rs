//! Where functions begin and end, from `.eh_frame_hdr`: the one table of functions that stays in
//! stripped libraries, made so that exceptions and profilers can unwind.

use std::ops::Range;

/// The version, then how the three fields and the table are encoded: a 4-byte pointer relative to
/// itself, a 4-byte count, pairs of 4-byte offsets from the section. Linkers write nothing else.
const HEAD: [u8; 4] = [1, 0x1b, 0x03, 0x3b];

/// The functions of one file, by their beginnings. A function that the compiler split (`.cold`)
/// has several.
#[derive(Clone, Copy, Debug)]
pub struct Extents<'a> {
    /// Pairs of a function's first address and its unwind entry, sorted.
    table: &'a [[u8; 8]],
    base: u64,
}

impl<'a> Extents<'a> {
    /// Reads the section, which the program finds at `va`.
    pub fn parse(section: &'a [u8], va: u64) -> Option<Extents<'a>> {
        let (head, rest) = section.split_first_chunk::<4>()?;
        let (_frames, rest) = rest.split_first_chunk::<4>()?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        let table = rest.as_chunks::<8>().0.get(..count)?;
        (*head == HEAD).then_some(Extents { table, base: va })
    }

    /// From the beginning of the function that holds `va` to the next one's.
    pub fn of(&self, va: u64) -> Option<Range<u64>> {
        let after = self.table.partition_point(|entry| self.start(entry) <= va);
        let start = self.start(self.table.get(after.checked_sub(1)?)?);
        let end = self.start(self.table.get(after)?);
        (start <= va && va < end).then_some(start..end)
    }

    fn start(&self, [a, b, c, d, ..]: &[u8; 8]) -> u64 {
        self.base.wrapping_add_signed(i64::from(i32::from_le_bytes([*a, *b, *c, *d])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(starts: &[i32]) -> Vec<u8> {
        let mut bytes = HEAD.to_vec();
        bytes.extend([0; 4]);
        bytes.extend((starts.len() as u32).to_le_bytes());
        for start in starts {
            bytes.extend(start.to_le_bytes());
            bytes.extend([0; 4]);
        }
        bytes
    }

    #[test]
    fn finds_the_function_around_an_address() {
        let bytes = section(&[-0x300, -0x200, -0x100]);
        let extents = Extents::parse(&bytes, 0x1000).unwrap();
        assert_eq!(extents.of(0xcff), None);
        assert_eq!(extents.of(0xd00), Some(0xd00..0xe00));
        assert_eq!(extents.of(0xdff), Some(0xd00..0xe00));
        assert_eq!(extents.of(0xe00), Some(0xe00..0xf00));
        // Nothing says where the last one ends.
        assert_eq!(extents.of(0xf00), None);
    }

    #[test]
    fn refuses_what_is_cut_short_or_encoded_otherwise() {
        let whole = section(&[-0x300, -0x200]);
        for len in 0..whole.len() {
            assert!(Extents::parse(&whole[..len], 0).is_none(), "{len}");
        }
        for at in 0..HEAD.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            assert!(Extents::parse(&bytes, 0).is_none(), "{at}");
        }
        let mut bytes = whole;
        bytes[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(Extents::parse(&bytes, 0).is_none());
    }

    #[test]
    fn an_unsorted_table_gives_no_extent_that_misses_the_address() {
        let bytes = section(&[0x500, -0x200, 0x100, 0x50]);
        let extents = Extents::parse(&bytes, 0x1000).unwrap();
        for va in 0..0x2000 {
            assert!(extents.of(va).is_none_or(|range| range.contains(&va)), "{va:#x}");
        }
    }
}

//! Passes over all bytes of a file's segments, in pieces, by as many threads as help.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::elf::{Segment, Source};

/// Bytes that a thread reads at once; they stay in its cache while it looks at them.
const PIECE: u64 = 1 << 20;
/// Threads, at most. The disk cache is no faster than a few of them.
const THREADS: usize = 4;
/// Bytes of one file that are looked at: ten times the largest program that is known.
const LARGEST: u64 = 4 << 30;
/// Segments that are looked at.
const SEGMENTS: usize = 256;

/// Calls `look` with the address and the bytes of piece after piece of the segments. Pieces overlap
/// by `margin` bytes on both sides, so that nothing of that length is cut in two; what lies there
/// is seen twice. What `look` finds is collected, in no order and no more than `most`.
///
/// A piece that can't be read, since the file was cut short meanwhile, is left out.
pub(super) fn sweep<T: Send>(
    source: &dyn Source,
    segments: &[Segment],
    margin: usize,
    most: usize,
    look: impl Fn(u64, &[u8], &mut Vec<T>) + Sync,
) -> Vec<T> {
    let segments = within(segments, source.size().unwrap_or(0));
    let pieces: u64 = segments.iter().map(pieces_of).sum();
    let next = AtomicU64::new(0);
    let found = Mutex::new(Vec::new());
    let work = || {
        let (mut buffer, mut own) = (Vec::new(), Vec::new());
        while let Some((va, offset, size)) = piece(segments, &next, pieces, margin as u64) {
            buffer.resize(size, 0);
            if source.pass(&mut buffer, offset).is_ok() {
                look(va, &buffer, &mut own);
            }
            own.truncate(most);
        }
        let Ok(mut found) = found.lock() else { return };
        let room = most.saturating_sub(found.len());
        found.extend(own.into_iter().take(room));
    };
    // A thread costs as much as looking at a few pieces.
    let helpers = (pieces / 8).min(THREADS as u64 - 1) as usize;
    let helpers = helpers.min(thread::available_parallelism().map_or(0, |n| n.get() - 1));
    thread::scope(|scope| {
        for _ in 0..helpers {
            scope.spawn(work);
        }
        work();
    });
    found.into_inner().unwrap_or_default()
}

/// As many segments as a file of this size has without overlaps, and as are worth the time.
fn within(segments: &[Segment], size: u64) -> &[Segment] {
    let sums = segments.iter().take(SEGMENTS).scan(0u64, |sum, segment| {
        *sum = sum.checked_add(segment.size)?;
        Some(*sum)
    });
    let count = sums.take_while(|sum| *sum <= size.min(LARGEST)).count();
    segments.get(..count).unwrap_or_default()
}

fn pieces_of(segment: &Segment) -> u64 {
    segment.size.div_ceil(PIECE)
}

/// The next piece that nobody has taken: its address, offset in the file and size.
fn piece(
    segments: &[Segment],
    next: &AtomicU64,
    pieces: u64,
    margin: u64,
) -> Option<(u64, u64, usize)> {
    let mut number = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|n| *n < pieces)?;
    let segment = segments.iter().find(|segment| {
        let inside = number < pieces_of(segment);
        number = if inside { number } else { number - pieces_of(segment) };
        inside
    })?;
    let start = (number * PIECE).saturating_sub(margin);
    let end = (number * PIECE + PIECE + margin).min(segment.size);
    let va = segment.address.checked_add(start)?;
    Some((va, segment.offset + start, usize::try_from(end - start).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_seen_with_its_address() {
        let bytes: Vec<u8> = (0..PIECE * 11 + 17).map(|n| (n % 251) as u8).collect();
        let segments = [
            Segment { address: 0x1000, offset: 0, size: PIECE * 2 + 3 },
            Segment { address: 0x90_0000, offset: PIECE * 3, size: PIECE * 8 + 17 },
        ];
        let source = bytes.as_slice();
        let pieces = sweep(&source, &segments, 8, 100, |va, bytes, found: &mut Vec<_>| {
            found.push((va, bytes.to_vec()));
        });
        assert_eq!(pieces.len(), 12);
        for segment in &segments {
            for at in [0, 1, PIECE - 1, PIECE, 2 * PIECE, segment.size - 1] {
                let wanted = bytes[(segment.offset + at) as usize];
                let holds = |va: u64, bytes: &[u8]| {
                    let inside = (segment.address + at).checked_sub(va)?;
                    bytes.get(inside as usize).copied()
                };
                assert!(pieces.iter().any(|(va, piece)| holds(*va, piece) == Some(wanted)));
            }
        }
    }

    /// Says that it is longer than it turns out to be.
    #[derive(Debug)]
    struct Shrunk<'a>(&'a [u8]);

    impl Source for Shrunk<'_> {
        fn size(&self) -> std::io::Result<u64> {
            Ok(4 * PIECE)
        }

        fn read(&self, into: &mut [u8], offset: u64) -> std::io::Result<()> {
            self.0.read(into, offset)
        }
    }

    #[test]
    fn what_is_looked_at_is_no_larger_than_the_file() {
        let segment = Segment { address: 0, offset: 0, size: 600 };
        assert_eq!(within(&[segment; 3], 1000).len(), 1);
        assert_eq!(within(&[segment; 3], 1800).len(), 3);
        assert_eq!(within(&[Segment { size: 0, ..segment }; 1000], 1800).len(), SEGMENTS);
    }

    #[test]
    fn finds_are_bounded_and_a_shrunk_file_is_no_error() {
        let bytes = vec![7; PIECE as usize];
        let segments = [Segment { address: 0, offset: 0, size: 4 * PIECE }];
        let source = Shrunk(&bytes);
        let count = |margin| {
            sweep(&source, &segments, margin, 10, |_, bytes, found: &mut Vec<u8>| {
                found.extend(bytes);
            })
            .len()
        };
        assert_eq!(count(0), 10);
        // With a margin the first piece reaches past the end too.
        assert_eq!(count(1), 0);
    }
}

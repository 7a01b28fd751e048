//! What a result rests on: the parts of the file that were looked at, so that a copy of it can be
//! told from a file that only claims to be one.

use std::io;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::elf::{self, Source};

/// Parts of a file, at most. A search looks at some fifty.
pub(super) const MOST_PARTS: usize = 1024;
/// Their bytes, at most: what takes longer to compare is searched as fast.
const MOST_BYTES: u64 = 16 << 20;

/// The parts of a file that were looked at, and their digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The file's build ID: where to look for evidence.
    pub(super) build_id: Vec<u8>,
    /// Offset and length, in the order in which they were read.
    pub(super) parts: Vec<(u64, u32)>,
    pub(super) digest: [u8; 32],
}

impl Evidence {
    /// Whether a file has the same bytes there.
    pub fn holds(&self, file: &dyn Source) -> bool {
        let (mut seen, mut bytes) = (Seen::default(), Vec::new());
        let same = self.parts.iter().all(|&(offset, len)| {
            bytes.resize(len as usize, 0);
            let read = file.read(&mut bytes, offset);
            read.is_ok() && seen.part(&bytes, offset)
        });
        same && seen.digest() == self.digest
    }
}

/// A file while it is searched: notes what is looked at. What is swept over is not; a search looks
/// at all that it finds there.
#[derive(Debug)]
pub struct Witness<'a> {
    file: &'a dyn Source,
    /// Nothing, if it was too much or could not be read.
    seen: Mutex<Option<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    parts: Vec<(u64, u32)>,
    bytes: u64,
    hash: Sha256,
}

impl<'a> Witness<'a> {
    /// Of a file that nothing was looked at yet.
    pub fn of(file: &'a dyn Source) -> Self {
        Self { file, seen: Mutex::new(Some(Seen::default())) }
    }

    /// What was seen of a file that has a build ID.
    pub fn evidence(self) -> Option<Evidence> {
        let build_id = elf::build_id(self.file)?;
        let seen = self.seen.into_inner().unwrap_or_else(PoisonError::into_inner)?;
        Some(Evidence { build_id, digest: seen.digest(), parts: seen.parts })
    }
}

impl Source for Witness<'_> {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn read(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let read = self.file.read(into, offset);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = read.is_ok() && seen.as_mut().is_some_and(|seen| seen.part(into, offset));
        if !whole {
            *seen = None;
        }
        read
    }

    fn pass(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.pass(into, offset)
    }
}

impl Seen {
    /// Notes a part. False: it is too much.
    fn part(&mut self, bytes: &[u8], offset: u64) -> bool {
        let Ok(len) = u32::try_from(bytes.len()) else { return false };
        self.bytes += u64::from(len);
        if self.bytes > MOST_BYTES || self.parts.len() == MOST_PARTS {
            return false;
        }
        self.parts.push((offset, len));
        self.hash.update(offset.to_le_bytes());
        self.hash.update(len.to_le_bytes());
        self.hash.update(bytes);
        true
    }

    fn digest(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_differs_is_seen() {
        let bytes: Vec<u8> = (0..200).collect();
        let file = bytes.as_slice();
        let witness = Witness::of(&file);
        let mut into = [0; 10];
        witness.read(&mut into, 50).unwrap();
        witness.read(&mut into, 20).unwrap();
        witness.pass(&mut into, 100).unwrap();
        let seen = witness.seen.into_inner().unwrap().unwrap();
        assert_eq!(seen.parts, [(50, 10), (20, 10)]);
        let digest = seen.digest();
        let evidence = Evidence { build_id: vec![1], parts: seen.parts, digest };
        assert!(evidence.holds(&file));
        for (at, same) in
            [(19, true), (20, false), (29, false), (30, true), (59, false), (100, true)]
        {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert_eq!(evidence.holds(&other.as_slice()), same, "at {at}");
        }
        assert!(!evidence.holds(&&bytes[..55]));
    }

    #[test]
    fn too_much_is_no_evidence() {
        let bytes = vec![0; 1 << 20];
        let file = bytes.as_slice();
        let witness = Witness::of(&file);
        let mut into = vec![0; 1 << 20];
        for _ in 0..16 {
            witness.read(&mut into, 0).unwrap();
        }
        assert!(witness.seen.lock().unwrap().is_some());
        witness.read(&mut into[..1], 0).unwrap();
        assert!(witness.seen.lock().unwrap().is_none());
        let witness = Witness::of(&file);
        assert!(witness.read(&mut into, 1).is_err());
        assert!(witness.seen.lock().unwrap().is_none());
    }
}

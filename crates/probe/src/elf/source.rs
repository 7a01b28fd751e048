//! Where a file's bytes come from.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// A file's bytes, read where they are asked for. A file of another program is never mapped: if it
/// were cut short meanwhile, the next look at it would kill us.
pub trait Source: Debug + Sync {
    /// How many there are.
    fn size(&self) -> io::Result<u64>;

    /// Fills `into` with those that begin at `offset`.
    fn read(&self, into: &mut [u8], offset: u64) -> io::Result<()>;

    /// The same of bytes that a search only passes on its way.
    fn pass(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        self.read(into, offset)
    }
}

impl Source for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(into, offset)
    }
}

impl Source for &[u8] {
    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).ok();
        let range = start.and_then(|start| Some(start..start.checked_add(into.len())?));
        let bytes = range.and_then(|range| self.get(range)).ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(bytes);
        Ok(())
    }
}

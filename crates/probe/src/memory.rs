//! Files and kernel buffers as memory.

use std::fs::File;
use std::io;

use memmap2::{Mmap, MmapOptions};

/// A file as a mapping that nobody reads through: it exists to be seen in our own `maps`.
pub(crate) fn placed(file: &File) -> io::Result<Mmap> {
    // SAFETY: the map is private and read-only, and no byte of it is touched, so that a file
    // cut short meanwhile does no harm.
    unsafe { MmapOptions::new().map(file) }
}

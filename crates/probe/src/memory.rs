//! Files as memory, and the memory of other processes.

use std::fs::File;
use std::io;

use memmap2::{Mmap, MmapOptions};

/// A file as a mapping that nobody reads through: it exists to be seen in our own `maps`.
pub(crate) fn placed(file: &File) -> io::Result<Mmap> {
    // SAFETY: the map is private and read-only, and no byte of it is touched, so that a file
    // cut short meanwhile does no harm.
    unsafe { MmapOptions::new().map(file) }
}

/// Copies from another process's memory, as far as it can be read: returns how many bytes that
/// were. `tid` is any thread of it. Needs the right to trace it.
pub fn read_memory(tid: u32, address: u64, into: &mut [u8]) -> usize {
    let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: into.len() };
    // SAFETY: `local` is `into`, which the call may write; `remote` is an address in the other
    // process, which the kernel checks.
    let read = unsafe {
        libc::process_vm_readv(tid as libc::pid_t, &raw const local, 1, &raw const remote, 1, 0)
    };
    usize::try_from(read).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_as_far_as_it_goes() {
        let (bytes, own) = (*b"in memory", std::process::id());
        let mut into = [0; 9];
        assert_eq!(read_memory(own, bytes.as_ptr() as u64, &mut into), 9);
        assert_eq!(into, bytes);
        assert_eq!(read_memory(own, 8, &mut into), 0);
        assert_eq!(read_memory(u32::MAX, bytes.as_ptr() as u64, &mut into), 0);
    }
}

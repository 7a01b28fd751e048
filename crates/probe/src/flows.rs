//! The sockets that are there already: every one of every process, listed by the kernel half.

use std::io::Read;
use std::os::fd::{AsFd, AsRawFd};

use libbpf_rs::{Iter, ProgramMut};

use crate::load::{Kernel, LoadError, bpf};
use crate::programs::LIST_SOCKETS;

/// Records that are read at once.
const BATCH: usize = 512;

impl Kernel {
    /// Hands a record of each TCP and UDP socket that a process has to `each`. A kernel half that
    /// was not loaded for flows has none.
    pub fn list_sockets(&self, mut each: impl FnMut(&[u8])) -> Result<(), LoadError> {
        let list = |program: &ProgramMut<'_>| {
            program.name() == LIST_SOCKETS && program.as_fd().as_raw_fd() >= 0
        };
        let Some(program) = self.main.progs_mut().find(list) else { return Ok(()) };
        let link = program.attach().map_err(bpf("attaching the list of sockets"))?;
        let mut sockets = Iter::new(&link).map_err(bpf("reading the list of sockets"))?;
        let mut bytes = vec![0; BATCH * abi::Flow::SIZE];
        let mut held = 0;
        loop {
            let read = sockets.read(&mut bytes[held..]);
            let read = read.map_err(|error| bpf("reading the list of sockets")(error.into()))?;
            if read == 0 {
                return Ok(());
            }
            held += read;
            let whole = held - held % abi::Flow::SIZE;
            bytes[..whole].chunks_exact(abi::Flow::SIZE).for_each(&mut each);
            bytes.copy_within(whole..held, 0);
            held -= whole;
        }
    }
}

//! What the capture costs: CPU time of this process, and of its programs in the kernel.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use libbpf_rs::{Object, libbpf_sys};
use rustix::time::{ClockId, clock_gettime};

/// Reads both clocks. While it exists, the kernel counts the time of every BPF program on the
/// machine (BPF_ENABLE_STATS), which costs each run some 20 ns.
#[derive(Debug)]
pub struct Cost {
    programs: Vec<OwnedFd>,
    _counting: OwnedFd,
}

/// CPU time so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Of all threads of this process.
    pub own: Duration,
    /// Within the programs; not the breakpoints that lead to them.
    pub programs: Duration,
}

impl Cost {
    pub(crate) fn of(object: &Object) -> io::Result<Self> {
        // SAFETY: a plain number goes in, and a descriptor that nobody else owns comes out.
        let counting = unsafe { libbpf_sys::bpf_enable_stats(libbpf_sys::BPF_STATS_RUN_TIME) };
        if counting < 0 {
            return Err(io::Error::from_raw_os_error(-counting));
        }
        // SAFETY: as above.
        let counting = unsafe { OwnedFd::from_raw_fd(counting) };
        // One that was not chosen for this run was not loaded and has no descriptor.
        let loaded = object.progs().filter(|program| program.as_fd().as_raw_fd() >= 0);
        let programs = loaded.map(|program| program.as_fd().try_clone_to_owned());
        Ok(Self { programs: programs.collect::<io::Result<_>>()?, _counting: counting })
    }

    /// Both clocks, now.
    pub fn spent(&self) -> Spent {
        let own = clock_gettime(ClockId::ProcessCPUTime);
        let programs = self.programs.iter().map(run_time_ns).sum();
        Spent {
            own: Duration::new(own.tv_sec as u64, own.tv_nsec as u32),
            programs: Duration::from_nanos(programs),
        }
    }
}

fn run_time_ns(program: &OwnedFd) -> u64 {
    let mut info = libbpf_sys::bpf_prog_info::default();
    let mut len = size_of_val(&info) as u32;
    // SAFETY: `info` is a bpf_prog_info of `len` bytes that the call may write. Its pointers are
    // null and their lengths 0, so that nothing is written elsewhere.
    let done = unsafe {
        libbpf_sys::bpf_prog_get_info_by_fd(program.as_raw_fd(), &raw mut info, &raw mut len)
    };
    if done == 0 { info.run_time_ns } else { 0 }
}

//! What ends a run: signals, processes that were named, an output that nobody reads.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use signal_hook::consts::{SIGINT, SIGTERM};
use tracing::info;

use crate::exit::{FAILED, Failure};

/// Something that happens once and that threads can wait for.
#[derive(Debug, Clone)]
pub(super) struct Latch(Arc<OwnedFd>);

impl Latch {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?)))
    }

    /// Lets everyone who waits go on, and everyone who will.
    pub(super) fn set(&self) {
        // An eventfd takes 2^64-2 of these.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    /// Readable once it is set.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Why a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// SIGINT or SIGTERM.
    Signal,
    /// Every process that was named has ended.
    Processes,
    /// Nothing can be written any more.
    Output,
}

/// Waits for the end.
#[derive(Debug)]
pub(super) struct Stop {
    signal: std::os::unix::net::UnixStream,
    output: Latch,
}

impl Stop {
    /// Takes the signals over. The second one ends the process at once, whatever it is doing.
    pub(super) fn install() -> Result<Self, Failure> {
        let (signal, waker) = std::os::unix::net::UnixStream::pair()?;
        let again = Arc::new(AtomicBool::new(false));
        for number in [SIGINT, SIGTERM] {
            let code = i32::from(FAILED);
            signal_hook::flag::register_conditional_shutdown(number, code, Arc::clone(&again))?;
            signal_hook::flag::register(number, Arc::clone(&again))?;
            signal_hook::low_level::pipe::register(number, waker.try_clone()?)?;
        }
        Ok(Self { signal, output: Latch::new()? })
    }

    /// To be set when nothing can be written any more.
    pub(super) fn broken_output(&self) -> Result<Latch, Failure> {
        Ok(self.output.clone())
    }

    /// Waits. The end of each named process is said.
    pub(super) fn wait(&self, pids: &[u32]) -> Result<End, Failure> {
        let mut processes = open(pids);
        loop {
            if processes.is_empty() && !pids.is_empty() {
                return Ok(End::Processes);
            }
            let mut fds = vec![
                PollFd::new(&self.signal, PollFlags::IN),
                PollFd::from_borrowed_fd(self.output.fd(), PollFlags::IN),
            ];
            fds.extend(processes.iter().map(|process| PollFd::new(&process.fd, PollFlags::IN)));
            match poll(&mut fds, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(io::Error::from(error).into()),
            }
            let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
            if ready[0] {
                return Ok(End::Signal);
            }
            if ready[1] {
                return Ok(End::Output);
            }
            let mut ended = ready[2..].iter();
            processes.retain(|process| {
                let ended = ended.next() == Some(&true);
                if ended {
                    info!("process {} ({}) has ended", process.pid, process.comm);
                }
                !ended
            });
        }
    }
}

struct Process {
    pid: u32,
    comm: String,
    fd: OwnedFd,
}

/// The named processes that are still there.
fn open(pids: &[u32]) -> Vec<Process> {
    let open = |pid: &u32| {
        let number = Pid::from_raw(i32::try_from(*pid).ok()?)?;
        let comm = probe::comm(*pid);
        match pidfd_open(number, PidfdFlags::empty()) {
            Ok(fd) => Some(Process { pid: *pid, comm, fd }),
            Err(_) => {
                info!("process {pid} has ended");
                None
            }
        }
    };
    pids.iter().filter_map(open).collect()
}

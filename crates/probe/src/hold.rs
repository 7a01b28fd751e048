//! Keeps a program from running ahead while the library that it just loaded is hooked.
//!
//! The thread that mapped the library is stopped with `ptrace(2)`, which its parent does not
//! notice and which ends by itself, even if we are killed: a thread of ours does the tracing, and
//! the kernel lets a tracee go when its tracer ends. Who is traced already is left alone.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::stay::now_ns;

/// How long a thread waits at most, should the machine be that busy. A program also goes on by this
/// that serves the file system on which a file is that we are reading.
pub(crate) const LONGEST: Duration = Duration::from_secs(5);

/// A thread that waits. Dropping this lets it go on.
#[derive(Debug)]
pub(crate) struct Hold {
    release: Option<Sender<()>>,
    tracer: Option<JoinHandle<()>>,
    since_ns: u64,
    /// When it let the thread go by itself.
    ended_ns: Arc<OnceLock<u64>>,
}

impl Hold {
    /// Stops a thread of another process at its next step in user space, for `longest` at most.
    pub(crate) fn of(tid: u32, longest: Duration) -> io::Result<Self> {
        let tid = libc::pid_t::try_from(tid).map_err(|_| no_such_thread())?;
        let (release, released) = channel::<()>();
        let (tell, stopped) = channel();
        let ended_ns = Arc::new(OnceLock::new());
        let ended = Arc::clone(&ended_ns);
        let tracer = Builder::new().name("hold".to_owned()).spawn(move || {
            let _ = tell.send(stop(tid));
            // Until the other end is dropped.
            if released.recv_timeout(longest) == Err(RecvTimeoutError::Timeout) {
                let _ = ended.set(now_ns());
            }
        })?;
        let (release, tracer) = (Some(release), Some(tracer));
        let mut hold = Self { release, tracer, since_ns: 0, ended_ns };
        stopped.recv().unwrap_or_else(|_| Err(no_such_thread()))?;
        hold.since_ns = now_ns();
        Ok(hold)
    }

    /// Since when, by CLOCK_MONOTONIC.
    pub(crate) fn since_ns(&self) -> u64 {
        self.since_ns
    }

    /// When the longest time was over, if it is, by the same clock.
    pub(crate) fn ended_ns(&self) -> Option<u64> {
        self.ended_ns.get().copied()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        drop(self.release.take());
        if let Some(tracer) = self.tracer.take() {
            let _ = tracer.join();
        }
    }
}

fn stop(tid: libc::pid_t) -> io::Result<()> {
    let none = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: neither request reads or writes memory of this process.
    let stopped = unsafe {
        libc::ptrace(libc::PTRACE_SEIZE, tid, none, none) == 0
            && libc::ptrace(libc::PTRACE_INTERRUPT, tid, none, none) == 0
    };
    if stopped { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn no_such_thread() -> io::Error {
    io::Error::from_raw_os_error(libc::ESRCH)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};
    use std::{fs, thread};

    use super::*;

    /// The letter of a process's state: `t` is "stopped by a tracer".
    fn state(pid: u32) -> char {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit(") ").next().unwrap().chars().next().unwrap()
    }

    #[test]
    fn a_held_program_waits_and_then_goes_on() {
        let mut cat =
            Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut answers = BufReader::new(cat.stdout.take().unwrap()).lines();
        let mut input = cat.stdin.take().unwrap();
        writeln!(input, "before").unwrap();
        assert_eq!(answers.next().unwrap().unwrap(), "before");
        let hold = Hold::of(cat.id(), LONGEST).unwrap();
        while state(cat.id()) != 't' {
            thread::yield_now();
        }
        writeln!(input, "meanwhile").unwrap();
        assert_eq!(state(cat.id()), 't');
        drop(hold);
        assert_eq!(answers.next().unwrap().unwrap(), "meanwhile");
        drop(input);
        assert!(cat.wait().unwrap().success());
        assert!(Hold::of(u32::MAX, LONGEST).is_err());
    }
}

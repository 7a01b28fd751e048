//! Keeps a program from running ahead while the library that it just loaded is hooked.
//!
//! The thread that mapped the library is stopped with `ptrace(2)`, which its parent does not
//! notice and which ends by itself, even if we are killed: a thread of ours does the tracing, and
//! the kernel lets a tracee go when its tracer ends. Who is traced already is left alone.

use std::sync::mpsc::{Sender, channel};
use std::thread::{Builder, JoinHandle};

/// A thread that waits. Dropping this lets it go on.
#[derive(Debug)]
pub(crate) struct Hold {
    release: Option<Sender<()>>,
    tracer: Option<JoinHandle<()>>,
}

impl Hold {
    /// Stops a thread of another process at its next step in user space. `None` if it can't be.
    pub(crate) fn of(tid: u32) -> Option<Self> {
        let tid = libc::pid_t::try_from(tid).ok()?;
        let (release, released) = channel::<()>();
        let (tell, stopped) = channel();
        let tracer = Builder::new().name("hold".to_owned()).spawn(move || {
            let _ = tell.send(stop(tid));
            // Until the other end is dropped.
            let _ = released.recv();
        });
        let tracer = tracer.ok()?;
        let held = Self { release: Some(release), tracer: Some(tracer) };
        stopped.recv().unwrap_or(false).then_some(held)
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

fn stop(tid: libc::pid_t) -> bool {
    let none = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: neither request reads or writes memory of this process.
    unsafe {
        libc::ptrace(libc::PTRACE_SEIZE, tid, none, none) == 0
            && libc::ptrace(libc::PTRACE_INTERRUPT, tid, none, none) == 0
    }
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
        let hold = Hold::of(cat.id()).unwrap();
        while state(cat.id()) != 't' {
            thread::yield_now();
        }
        writeln!(input, "meanwhile").unwrap();
        assert_eq!(state(cat.id()), 't');
        drop(hold);
        assert_eq!(answers.next().unwrap().unwrap(), "meanwhile");
        drop(input);
        assert!(cat.wait().unwrap().success());
        assert!(Hold::of(u32::MAX).is_none());
    }
}

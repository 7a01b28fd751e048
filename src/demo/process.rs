//! A child that does not outlive its owner.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};

use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use super::wait::Patience;
use crate::exit::Failure;

/// A running child; dropping it ends it.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) child: Child,
    end: OwnedFd,
}

impl Process {
    /// Starts a program. One that is not installed is said with what to do.
    pub(super) fn start(command: &mut Command) -> Result<Self, Failure> {
        let mut child = command.spawn().map_err(|error| {
            let program = command.get_program().to_string_lossy().into_owned();
            Failure::failed(match error.kind() {
                io::ErrorKind::NotFound => format!(
                    "the program `{program}` is not installed; as root, run \
                     `apt-get install {program}` or what your system has instead"
                ),
                _ => format!("can't run `{program}`: {error}"),
            })
        })?;
        let pid = Pid::from_child(&child);
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(end) => Ok(Self { child, end }),
            Err(error) => {
                finish(&mut child);
                Err(Failure::failed(format!("pidfd_open: {error}; use Linux 5.3 or later")))
            }
        }
    }

    /// Its number.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    pub(super) fn wait(&mut self, what: &str, patience: &Patience) -> Result<ExitStatus, Failure> {
        patience.any(what, [PollFd::new(&self.end, PollFlags::IN)])?;
        Ok(self.child.wait()?)
    }

    /// What Ctrl-C does.
    pub(super) fn interrupt(&self) -> Result<(), Failure> {
        Ok(kill_process(Pid::from_child(&self.child), Signal::INT).map_err(io::Error::from)?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        finish(&mut self.child);
    }
}

/// A child that was waited for already is left alone by both.
fn finish(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

//! Waiting, for events only, with an end to it: a signal or the deadline end every wait.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::{ChildStdin, ChildStdout};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::exit::Failure;

/// The whole demonstration takes a second or two; on a slow machine some more.
const LIMIT: Duration = Duration::from_secs(120);
/// What a pipe takes at once whenever it takes anything (PIPE_BUF).
const PIECE: usize = 4096;

/// How long is waited, and for whom not: a signal goes first, so that everything is cleaned up.
#[derive(Debug)]
pub(super) struct Patience {
    signal: UnixStream,
    deadline: Instant,
}

impl Patience {
    /// Takes the signals over.
    pub(super) fn new() -> Result<Self, Failure> {
        let (signal, waker) = UnixStream::pair()?;
        for number in [SIGINT, SIGTERM] {
            signal_hook::low_level::pipe::register(number, waker.try_clone()?)?;
        }
        Ok(Self { signal, deadline: Instant::now() + LIMIT })
    }

    /// Waits until one of these can be used; says which.
    pub(super) fn any<const N: usize>(
        &self,
        what: &str,
        wanted: [PollFd<'_>; N],
    ) -> Result<[bool; N], Failure> {
        let mut fds = Vec::from(wanted);
        fds.push(PollFd::new(&self.signal, PollFlags::IN));
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            let left =
                Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
            match poll(&mut fds, Some(&left)) {
                Ok(0) => {
                    let limit = LIMIT.as_secs();
                    return Err(Failure::failed(format!("gave up after {limit} s: {what}")));
                }
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
        if !fds[N].revents().is_empty() {
            return Err(Failure::failed("interrupted; everything that was started is ended"));
        }
        Ok(std::array::from_fn(|at| !fds[at].revents().is_empty()))
    }

    /// Appends what there is to read; false at the end.
    pub(super) fn read(
        &self,
        what: &str,
        from: &mut (impl Read + AsFd),
        into: &mut Vec<u8>,
    ) -> Result<bool, Failure> {
        self.any(what, [PollFd::new(&*from, PollFlags::IN)])?;
        take(from, into)
    }

    /// Sends `bytes` into one program's standard input and waits until as many have come out of
    /// the other's standard output, or one of the two has ended.
    pub(super) fn pass(
        &self,
        what: &str,
        bytes: &[u8],
        into: &ChildStdin,
        out: &mut ChildStdout,
    ) -> Result<Vec<u8>, Failure> {
        let mut left = bytes;
        let mut came = Vec::new();
        while came.len() < bytes.len() {
            // Not asked for when nothing is left to be written: it would be ready all the time.
            let writable = if left.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
            let [write, read] =
                self.any(what, [PollFd::new(into, writable), PollFd::new(&*out, PollFlags::IN)])?;
            if write && !left.is_empty() {
                let piece = &left[..left.len().min(PIECE)];
                match rustix::io::write(into, piece) {
                    Ok(written) => left = &left[written..],
                    Err(rustix::io::Errno::PIPE) => break,
                    Err(error) => return Err(io::Error::from(error).into()),
                }
            } else if write && !read {
                break;
            }
            if read && !take(out, &mut came)? {
                break;
            }
        }
        Ok(came)
    }
}

fn take(from: &mut impl Read, into: &mut Vec<u8>) -> Result<bool, Failure> {
    let mut piece = [0; 1 << 16];
    let read = from.read(&mut piece)?;
    into.extend_from_slice(&piece[..read]);
    Ok(read > 0)
}

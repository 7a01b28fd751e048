//! The thread that traces. Only it may ask the kernel about its tracees.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Instant;

use super::{Counts, Message, Owed, PauseError};

/// Tracees and what they wait for.
#[derive(Debug)]
pub(super) struct Tracer<O> {
    owed: O,
    threads: HashMap<u32, Thread>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Thread {
    /// Records of it that were read.
    read: u64,
    /// How many it had left when its last SIGURG was taken for the probe's.
    stopped_for: u64,
    /// It stands still: since when, and the signal to go on with.
    held: Option<(Instant, libc::c_int)>,
    gone: bool,
}

/// What a tracee stopped for (`ptrace(2)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// A signal is about to be delivered.
    Signal(libc::c_int),
    /// Its process was stopped, as by SIGSTOP or Ctrl-Z.
    Group,
    /// Anything else: it started, or it was asked to look around.
    Trap,
    Gone,
}

impl<O: Owed> Tracer<O> {
    pub(super) fn new(owed: O, counts: Arc<Counts>) -> Self {
        Self { owed, threads: HashMap::new(), counts }
    }

    /// Begins to trace each thread of a process. One that a traced thread starts is traced from
    /// its first instruction on, so it is enough to look until none is new.
    pub(super) fn seize(&mut self, pid: u32) -> Result<(), PauseError> {
        if pid == 1 {
            return Err(PauseError::First);
        }
        let mut seen = BTreeSet::new();
        loop {
            let before = seen.len();
            let threads = fs::read_dir(format!("/proc/{pid}/task"));
            for thread in threads.map_err(|_| PauseError::Gone(pid))?.flatten() {
                let tid = thread.file_name().to_string_lossy().parse().ok();
                if let Some(tid) = tid.filter(|&tid| seen.insert(tid)) {
                    seize(pid, tid)?;
                }
            }
            if seen.len() == before {
                return Ok(());
            }
        }
    }

    /// Until it is told to end. `rung` becomes readable when there is something to do; `changes`
    /// is its other end, for the kernel's word that a tracee stopped.
    pub(super) fn run(
        &mut self,
        mut rung: UnixStream,
        changes: UnixStream,
        messages: &Receiver<Message>,
    ) {
        let Ok(handler) = signal_hook::low_level::pipe::register(libc::SIGCHLD, changes) else {
            return;
        };
        loop {
            // First of all: what happened before the handler was there.
            while let Some((tid, change)) = next_change() {
                self.changed(tid, change);
            }
            let ended = loop {
                match messages.try_recv() {
                    Ok(Message::Read(tid)) => self.read(tid),
                    Ok(Message::End) | Err(TryRecvError::Disconnected) => break true,
                    Err(TryRecvError::Empty) => break false,
                }
            };
            if ended || !rings(&mut rung) {
                break;
            }
        }
        signal_hook::low_level::unregister(handler);
    }

    fn changed(&mut self, tid: u32, change: Change) {
        let signal = match change {
            Change::Gone => return self.gone(tid),
            // It stays stopped until its user continues it, whatever we do meanwhile.
            Change::Group => return request(libc::PTRACE_LISTEN, tid, 0),
            Change::Trap => 0,
            Change::Signal(signal) => signal,
        };
        let owed = self.owed.of(tid);
        let thread = self.threads.entry(tid).or_default();
        let ours = signal == libc::SIGURG && owed != thread.stopped_for;
        if ours {
            thread.stopped_for = owed;
        }
        let signal = if ours { 0 } else { signal };
        if owed == thread.read {
            request(libc::PTRACE_CONT, tid, signal);
        } else {
            // Whatever stopped it: it goes on when its bytes were read.
            thread.held = Some((Instant::now(), signal));
        }
    }

    /// The reader may be faster than the thread is stopped.
    fn read(&mut self, tid: u32) {
        let owed = self.owed.of(tid);
        let thread = self.threads.entry(tid).or_default();
        thread.read += 1;
        self.counts.times.fetch_add(1, Ordering::Relaxed);
        if owed != thread.read {
            return;
        }
        if let Some((since, signal)) = thread.held.take() {
            let waited = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.counts.nanoseconds.fetch_add(waited, Ordering::Relaxed);
            request(libc::PTRACE_CONT, tid, signal);
        }
        if thread.gone {
            self.gone(tid);
        }
    }

    /// Its number may be another thread's soon, and the counts go on from 0 together, or stay.
    fn gone(&mut self, tid: u32) {
        let owed = self.owed.of(tid);
        let thread = self.threads.entry(tid).or_default();
        (thread.gone, thread.held) = (true, None);
        if thread.read == owed {
            self.owed.forget(tid);
            self.threads.remove(&tid);
        }
    }
}

fn seize(pid: u32, tid: u32) -> Result<(), PauseError> {
    let options = libc::PTRACE_O_TRACECLONE as usize;
    // SAFETY: the request reads and writes no memory of this process.
    let done =
        unsafe { libc::ptrace(libc::PTRACE_SEIZE, tid as libc::pid_t, null_mut::<()>(), options) };
    if done == 0 {
        return Ok(());
    }
    let source = io::Error::last_os_error();
    let status = fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    let own = rustix::thread::gettid().as_raw_pid() as u32;
    match tracer.and_then(|number| number.trim().parse().ok()) {
        // The thread ended meanwhile, or was traced from its start.
        None => Ok(()),
        Some(by) if by == own => Ok(()),
        Some(0) if source.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        Some(0) => Err(PauseError::Refused { pid, source }),
        Some(by) => Err(PauseError::Traced { pid, by }),
    }
}

/// Fails only for a tracee that was killed meanwhile, whose end is told next.
fn request(what: libc::c_uint, tid: u32, signal: libc::c_int) {
    // SAFETY: neither PTRACE_CONT nor PTRACE_LISTEN reads or writes memory of this process.
    unsafe { libc::ptrace(what, tid as libc::pid_t, null_mut::<()>(), signal as usize) };
}

fn next_change() -> Option<(u32, Change)> {
    let mut status = 0;
    let flags = libc::WNOHANG | libc::__WALL | libc::__WNOTHREAD;
    // SAFETY: `status` is an int that the call may write.
    let tid = unsafe { libc::waitpid(-1, &raw mut status, flags) };
    (tid > 0).then(|| (tid as u32, change(status)))
}

fn change(status: libc::c_int) -> Change {
    if !libc::WIFSTOPPED(status) {
        return Change::Gone;
    }
    let signal = libc::WSTOPSIG(status);
    match status >> 16 {
        0 => Change::Signal(signal),
        libc::PTRACE_EVENT_STOP if signal != libc::SIGTRAP => Change::Group,
        _ => Change::Trap,
    }
}

/// Waits for the bell; false if there is none any more.
fn rings(bell: &mut UnixStream) -> bool {
    loop {
        match bell.read(&mut [0; 64]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            rang => return matches!(rang, Ok(1..)),
        }
    }
}

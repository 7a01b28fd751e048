//! Makes threads that fill a ring wait until their bytes were read.
//!
//! Every thread of the chosen processes is traced (`ptrace(2)`, PTRACE_SEIZE), which costs it
//! nothing until it gets a signal. A probe that finds no room leaves a call's bytes where they
//! are, in the program's memory, says so in a small record, and sends its own thread a signal.
//! So the thread stops on its way back from the probe, before its next instruction. When the
//! reader comes to the record, it takes the bytes from there, however many they are, and the
//! tracer lets the thread go on, without the signal.
//!
//! The watchdog is the kernel: when a tracer ends, however it ends, its tracees go on. The signal
//! is then delivered, so it must be one that programs ignore unless they ask for it: SIGURG.
//! SIGSTOP would need somebody who survives us, would stop a whole process for one thread's
//! sake, and could not be told from the user's own.

mod tracer;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use libbpf_rs::{MapCore, MapFlags, MapHandle};

use tracer::Tracer;

/// Why a process can't be made to wait.
#[derive(Debug, thiserror::Error)]
pub enum PauseError {
    /// It is gone.
    #[error("process {0} has ended")]
    Gone(u32),
    /// The kernel never sends it what would stop it.
    #[error("process 1 can't be stopped by anybody")]
    First,
    /// Another program traces it.
    #[error("process {pid} is traced by process {by} already, such as by a debugger or strace")]
    Traced {
        /// The process.
        pid: u32,
        /// Who traces it.
        by: u32,
    },
    /// The kernel refused to trace it.
    #[error("tracing process {pid}: {source}")]
    Refused {
        /// The process.
        pid: u32,
        /// What the kernel said.
        source: io::Error,
    },
    /// No thread or pipe for the tracing.
    #[error("preparing to trace: {0}")]
    Start(io::Error),
}

/// How often threads waited, and for how long, all together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Paused {
    /// Times that a thread was stopped.
    pub times: u64,
    /// The sum over all threads.
    pub time: Duration,
}

/// The tracing of some processes. Dropping it lets every thread go on.
#[derive(Debug)]
pub struct Pause {
    go_on: GoOn,
    counts: Arc<Counts>,
    thread: Option<JoinHandle<()>>,
}

/// Lets threads go on; for those who read their bytes.
#[derive(Debug, Clone)]
pub struct GoOn {
    queue: Sender<Message>,
    bell: Arc<Mutex<UnixStream>>,
}

#[derive(Debug)]
enum Message {
    /// What one record left in this thread's memory was read.
    Read(u32),
    End,
}

/// Written by the tracer, read by anybody.
#[derive(Debug, Default)]
struct Counts {
    times: AtomicU64,
    nanoseconds: AtomicU64,
}

/// How many records left bytes in a thread's memory so far, as the kernel half counts them.
trait Owed: Send + 'static {
    fn of(&self, tid: u32) -> u64;
    /// The thread is gone.
    fn forget(&self, tid: u32);
}

impl Owed for MapHandle {
    fn of(&self, tid: u32) -> u64 {
        let value = self.lookup(&tid.to_ne_bytes(), MapFlags::ANY).ok().flatten();
        let bytes = value.and_then(|value| value.try_into().ok());
        bytes.map_or(0, u64::from_ne_bytes)
    }

    fn forget(&self, tid: u32) {
        // Not there if it never waited.
        let _ = self.delete(&tid.to_ne_bytes());
    }
}

impl Pause {
    /// Traces every thread of these processes, and those that they will start.
    pub(crate) fn start(pids: &[u32], owed: MapHandle) -> Result<Self, PauseError> {
        Self::with(pids, owed)
    }

    fn with(pids: &[u32], owed: impl Owed) -> Result<Self, PauseError> {
        let (bell, rung) = UnixStream::pair().map_err(PauseError::Start)?;
        bell.set_nonblocking(true).map_err(PauseError::Start)?;
        let changes = bell.try_clone().map_err(PauseError::Start)?;
        let (queue, messages) = channel();
        let (tell, told) = channel();
        let (pids, counts) = (pids.iter().copied().collect::<BTreeSet<_>>(), Arc::default());
        let mut tracer = Tracer::new(owed, Arc::clone(&counts));
        let thread = Builder::new().name("pause".to_owned()).spawn(move || {
            let seized = pids.iter().try_for_each(|&pid| tracer.seize(pid));
            let failed = seized.is_err();
            let _ = tell.send(seized);
            if !failed {
                tracer.run(rung, changes, &messages);
            }
            // The kernel lets every tracee go with this thread.
        });
        let thread = Some(thread.map_err(PauseError::Start)?);
        let go_on = GoOn { queue, bell: Arc::new(Mutex::new(bell)) };
        let pause = Self { go_on, counts, thread };
        told.recv().unwrap_or_else(|_| Err(PauseError::Start(io::ErrorKind::Other.into())))?;
        Ok(pause)
    }

    /// For a reader.
    pub fn go_on(&self) -> GoOn {
        self.go_on.clone()
    }

    /// How often threads waited so far.
    pub fn paused(&self) -> Paused {
        Paused {
            times: self.counts.times.load(Ordering::Relaxed),
            time: Duration::from_nanos(self.counts.nanoseconds.load(Ordering::Relaxed)),
        }
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        self.go_on.send(Message::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl GoOn {
    /// What a record left in this thread's memory was read. Said once for each such record.
    pub fn read(&self, tid: u32) {
        self.send(Message::Read(tid));
    }

    fn send(&self, message: Message) {
        // Nobody listens when the run ends by an error; then nobody is traced either.
        let _ = self.queue.send(message);
        if let Ok(mut bell) = self.bell.lock() {
            // Full: the tracer is about to wake anyway.
            let _ = bell.write(&[0]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{BufRead, BufReader, Lines};
    use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
    use std::thread::yield_now;

    use super::*;

    /// What the kernel half would count, of every thread alike.
    #[derive(Clone, Default)]
    struct Left(Arc<AtomicU64>);

    impl Owed for Left {
        fn of(&self, _: u32) -> u64 {
            self.0.load(Ordering::SeqCst)
        }

        fn forget(&self, _: u32) {}
    }

    struct Cat {
        child: Child,
        input: ChildStdin,
        answers: Lines<BufReader<ChildStdout>>,
    }

    impl Cat {
        fn start() -> Self {
            let command = &mut Command::new("cat");
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            let answers = BufReader::new(child.stdout.take().unwrap()).lines();
            Self { input: child.stdin.take().unwrap(), answers, child }
        }

        fn signal(&self, signal: libc::c_int) {
            // SAFETY: plain numbers.
            assert_eq!(unsafe { libc::kill(self.child.id() as i32, signal) }, 0);
        }

        /// `t`: stopped by a tracer, `T`: stopped by a signal.
        fn await_state(&self, wanted: char) {
            let stat = || fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
            while !stat().rsplit(") ").next().unwrap().starts_with(wanted) {
                yield_now();
            }
        }

        fn answers(&mut self, word: &str) {
            writeln!(self.input, "{word}").unwrap();
            assert_eq!(self.answers.next().unwrap().unwrap(), word);
        }
    }

    impl Drop for Cat {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    #[test]
    fn a_thread_waits_until_each_record_was_read() {
        let (mut cat, left) = (Cat::start(), Left::default());
        let pause = Pause::with(&[cat.child.id()], left.clone()).unwrap();
        cat.answers("traced");
        left.0.store(2, Ordering::SeqCst);
        cat.signal(libc::SIGURG);
        cat.await_state('t');
        pause.go_on().read(cat.child.id());
        cat.await_state('t');
        assert_eq!(pause.paused().time, Duration::ZERO);
        pause.go_on().read(cat.child.id());
        cat.answers("read");
        assert_eq!(pause.paused().times, 2);
        assert!(pause.paused().time > Duration::ZERO);
        // A signal of somebody else's holds nobody up.
        cat.signal(libc::SIGURG);
        cat.answers("ignored");
    }

    #[test]
    fn the_readers_word_may_come_first() {
        let (mut cat, left) = (Cat::start(), Left::default());
        let pause = Pause::with(&[cat.child.id()], left.clone()).unwrap();
        left.0.store(1, Ordering::SeqCst);
        pause.go_on().read(cat.child.id());
        while pause.paused().times == 0 {
            yield_now();
        }
        cat.signal(libc::SIGURG);
        cat.answers("at once");
    }

    #[test]
    fn without_its_tracer_a_thread_goes_on() {
        let (mut cat, left) = (Cat::start(), Left::default());
        let pause = Pause::with(&[cat.child.id()], left.clone()).unwrap();
        left.0.store(1, Ordering::SeqCst);
        cat.signal(libc::SIGURG);
        cat.await_state('t');
        drop(pause);
        cat.answers("free");
    }

    #[test]
    fn what_its_user_stopped_stays_stopped() {
        let (mut cat, left) = (Cat::start(), Left::default());
        let pause = Pause::with(&[cat.child.id()], left.clone()).unwrap();
        left.0.store(1, Ordering::SeqCst);
        cat.signal(libc::SIGURG);
        cat.await_state('t');
        cat.signal(libc::SIGSTOP);
        pause.go_on().read(cat.child.id());
        while pause.paused().times == 0 {
            yield_now();
        }
        drop(pause);
        cat.await_state('T');
        cat.signal(libc::SIGCONT);
        cat.answers("continued");
    }

    #[test]
    fn who_can_not_be_traced_is_named() {
        let left = Left::default;
        let cat = Cat::start();
        let pid = cat.child.id();
        assert!(matches!(Pause::with(&[1], left()), Err(PauseError::First)));
        assert!(matches!(Pause::with(&[u32::MAX], left()), Err(PauseError::Gone(u32::MAX))));
        let _first = Pause::with(&[pid], left()).unwrap();
        let second = Pause::with(&[pid], left()).unwrap_err();
        assert!(matches!(second, PauseError::Traced { .. }), "{second}");
    }
}

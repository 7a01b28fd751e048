//! A child process whose output is collected while it runs, and which never outlives its test.

use std::{
    ffi::OsStr,
    io::Write,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open},
};

use crate::output::{Output, in_lines};

/// How long anything may take before its test gives up: far more than it ever takes.
pub fn deadline() -> Duration {
    Duration::from_secs(90)
}

/// A running child in a process group of its own; dropped, it takes the group with it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Arc<Output>,
    stderr: Arc<Output>,
    exited: Option<ExitStatus>,
}

/// What a process left behind.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The process id it had.
    pub pid: u32,
    /// How it ended.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: Vec<u8>,
    /// All of its standard error.
    pub stderr: Vec<u8>,
}

impl Finished {
    /// Standard error as text.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Standard output as text.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The signal that ended the process, if one did.
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// The same, once it is sure that the exit code is 0.
    #[track_caller]
    pub fn success(self) -> Self {
        assert!(
            self.status.success(),
            "pid {} ended with {}\nstdout: {}\nstderr: {}",
            self.pid,
            self.status,
            self.stdout_text(),
            self.stderr_text()
        );
        self
    }
}

impl Process {
    /// Starts `command`, of which program, arguments and environment count, with all three standard streams piped.
    pub fn start(command: Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = bound(&command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|why| panic!("{name} cannot be started: {why}"));
        let stdout = Output::collect(child.stdout.take().expect("a pipe"));
        let stderr = Output::collect(child.stderr.take().expect("a pipe"));
        let stdin = child.stdin.take();
        Self { name, child, stdin, stdout, stderr, exited: None }
    }

    /// Runs a program with arguments to its end.
    pub fn run<A: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = A>) -> Finished {
        let mut command = Command::new(program);
        command.args(args);
        Self::start(command).finish()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes to standard input, from a thread of its own, so that no size can block a test. Closes
    /// it after that if `end` says so.
    #[track_caller]
    pub fn feed(&mut self, bytes: &[u8], end: bool) {
        let mut stdin = self.stdin.take().expect("standard input is open");
        if !end {
            stdin.write_all(bytes).expect("standard input takes a line");
            self.stdin = Some(stdin);
            return;
        }
        let bytes = bytes.to_vec();
        // A program that ends early fails its test elsewhere, with a better message.
        thread::spawn(move || drop(stdin.write_all(&bytes)));
    }

    /// Waits for a line of standard output for which `wanted` answers.
    #[track_caller]
    pub fn stdout_line<T>(&self, what: &str, wanted: impl FnMut(&str) -> Option<T>) -> T {
        let found = self.stdout.wait(in_lines(wanted));
        found.unwrap_or_else(|| panic!("{} never said {what}\n{}", self.name, self.told()))
    }

    /// Waits for a line of standard error for which `wanted` answers.
    #[track_caller]
    pub fn stderr_line<T>(&self, what: &str, wanted: impl FnMut(&str) -> Option<T>) -> T {
        let found = self.stderr.wait(in_lines(wanted));
        found.unwrap_or_else(|| panic!("{} never said {what}\n{}", self.name, self.told()))
    }

    /// Waits until standard output holds these bytes in one piece.
    #[track_caller]
    pub fn stdout_holds(&self, bytes: &[u8]) {
        self.stdout_repeats(bytes, 1);
    }

    /// The same, so many times.
    #[track_caller]
    pub fn stdout_repeats(&self, bytes: &[u8], times: usize) {
        let found = self.stdout.wait(|all| {
            // Searched only when there can be enough: a search of each chunk would be slow.
            let enough = all.len() >= times * bytes.len();
            let mut parts = all.windows(bytes.len()).filter(|part| *part == bytes);
            (enough && parts.nth(times - 1).is_some()).then_some(())
        });
        found.unwrap_or_else(|| panic!("{} never said what it was to\n{}", self.name, self.told()));
    }

    /// Whether standard output holds this text by now.
    pub fn has_said(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.stdout.bytes()).contains(text)
    }

    /// Ends the process with a signal and waits for it.
    #[track_caller]
    pub fn stop(self, signal: Signal) -> Finished {
        self.signal(signal);
        self.finish()
    }

    /// Sends a signal to this process alone.
    pub fn signal(&self, signal: Signal) {
        // A process that has ended already is no failure here: the test sees it by its output.
        let _ = kill_process(self.rustix_pid(), signal);
    }

    /// Whether the process has ended by now.
    pub fn has_ended(&self) -> bool {
        self.ends_within(Duration::ZERO)
    }

    /// Waits for the end and gathers what was said. What it started may outlive it.
    #[track_caller]
    pub fn finish(mut self) -> Finished {
        self.finish_in(deadline())
    }

    /// The same for what compiles whole libraries.
    #[track_caller]
    pub(crate) fn finish_slowly(mut self) -> Finished {
        self.finish_in(10 * deadline())
    }

    #[track_caller]
    fn finish_in(&mut self, limit: Duration) -> Finished {
        let pid = self.pid();
        drop(self.stdin.take());
        assert!(self.ends_within(limit), "{} did not end\n{}", self.name, self.told());
        // The pipes close when the last holder goes: a left-over child must not hold the test up.
        // Before the reaping, while the group's number is still taken.
        self.kill_group();
        let status = self.child.wait().expect("a child can be waited for");
        self.exited = Some(status);
        self.stdout.wait::<()>(|_| None);
        self.stderr.wait::<()>(|_| None);
        Finished { pid, status, stdout: self.stdout.bytes(), stderr: self.stderr.bytes() }
    }

    /// Whether the process ends within `limit`.
    pub fn ends_within(&self, limit: Duration) -> bool {
        let Ok(fd) = pidfd_open(self.rustix_pid(), PidfdFlags::empty()) else { return true };
        let limit = Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: 0 };
        poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&limit)).is_ok_and(|n| n > 0)
    }

    fn told(&self) -> String {
        let out = self.stdout.bytes();
        let err = self.stderr.bytes();
        let out = String::from_utf8_lossy(&out[..out.len().min(4000)]).into_owned();
        format!("stdout: {out}\nstderr: {}", String::from_utf8_lossy(&err))
    }

    fn rustix_pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn kill_group(&self) {
        let _ = kill_process_group(self.rustix_pid(), Signal::KILL);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.exited.is_none() {
            self.kill_group();
            let _ = self.child.wait();
        }
    }
}

/// The same command, killed by the kernel when the thread that starts it ends: not even a test that
/// is killed itself leaves it behind.
fn bound(command: &Command) -> Command {
    let mut bound = Command::new("setpriv");
    bound.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => bound.env(name, value),
            None => bound.env_remove(name),
        };
    }
    bound
}

//! ecapture as a child: started, known to be ready, stopped, and its output read back.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    event::Event,
    file_wait::line_in_file,
    machine::Machine,
    process::{Finished, Process},
    recording::Recording,
    tree::{ecapture_binary, libssl_in_use},
};

/// A running `ecapture tls --format json`.
#[derive(Debug)]
pub struct Capture {
    process: Process,
    dir: TempDir,
    _libssl: Process,
    _machine: Option<Machine>,
}

/// What a run showed and said.
#[derive(Debug)]
pub struct Outcome {
    /// What it showed.
    pub recording: Recording,
    /// What it said.
    pub stderr: String,
}

impl Capture {
    /// Starts a run of everything on the machine and waits until every probe stands.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with more arguments.
    #[track_caller]
    pub fn start_with(args: &[&str]) -> Self {
        Self::begin(&[&["--raw"], args].concat(), Some(Machine::shared()))
    }

    /// Starts a run that shows messages.
    #[track_caller]
    pub fn decoding(args: &[&str]) -> Self {
        Self::begin(args, Some(Machine::shared()))
    }

    /// The same under a claim of the test's own.
    #[track_caller]
    pub fn start_within(_machine: &Machine, args: &[&str]) -> Self {
        Self::begin(&[&["--raw"], args].concat(), None)
    }

    #[track_caller]
    fn begin(args: &[&str], machine: Option<Machine>) -> Self {
        assert!(rustix::process::geteuid().is_root(), "run the tests named `root` as root");
        let dir = tempfile::tempdir().expect("a temporary directory");
        let libssl = libssl_in_use();
        let mut command = Command::new(ecapture_binary());
        command.args(["tls", "--output"]).arg(dir.path().join(OUTPUT)).args(args);
        if !args.contains(&"--format") {
            command.args(["--format", "json"]);
        }
        let process = Process::start(command);
        process.stderr_line("that it is ready", |line| {
            line.split(|c: char| !c.is_alphanumeric()).any(|word| word == "ready").then_some(())
        });
        Self { process, dir, _libssl: libssl, _machine: machine }
    }

    /// The process id of ecapture itself.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Where the events are written.
    pub fn output(&self) -> PathBuf {
        self.dir.path().join(OUTPUT)
    }

    /// Waits until the output holds an event for which `wanted` answers.
    #[track_caller]
    pub fn await_event<T>(&self, what: &str, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        let found = line_in_file(&self.output(), |line| {
            let event = serde_json::from_slice(line).expect("each line is an event");
            wanted(&event)
        });
        found.unwrap_or_else(|| panic!("no event showed {what}"))
    }

    /// Waits until the output holds a line for which `wanted` answers; for lines of messages.
    #[track_caller]
    pub fn await_line<T>(&self, what: &str, mut wanted: impl FnMut(&Value) -> Option<T>) -> T {
        let found = line_in_file(&self.output(), |line| {
            wanted(&serde_json::from_slice(line).expect("each line is JSON"))
        });
        found.unwrap_or_else(|| panic!("no line showed {what}"))
    }

    /// Waits until standard error holds a line for which `wanted` answers.
    #[track_caller]
    pub fn await_log<T>(&self, what: &str, wanted: impl FnMut(&str) -> Option<T>) -> T {
        self.process.stderr_line(what, wanted)
    }

    /// Stops the run as a user does, by an interrupt, and reads what it showed.
    #[track_caller]
    pub fn stop(self) -> Outcome {
        self.process.signal(Signal::INT);
        self.outcome()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Ends the run as nobody should.
    #[track_caller]
    pub fn kill(self) {
        self.process.stop(Signal::KILL);
    }

    /// Stops the run and leaves its output where it is, for what is too large to be read at once.
    /// It goes when the answer is dropped.
    #[track_caller]
    pub fn stop_keeping(self) -> TempDir {
        self.process.signal(Signal::INT);
        self.process.finish().success();
        self.dir
    }

    /// Waits for a run that ends by itself and reads what it showed.
    #[track_caller]
    pub fn outcome(self) -> Outcome {
        let output = self.output();
        let Finished { stdout, stderr, .. } = self.process.finish().success();
        assert!(stdout.is_empty(), "with --output, standard output stays empty");
        assert_private(&output);
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        Outcome { recording: Recording::read(&output), stderr }
    }
}

const OUTPUT: &str = "events.json";

/// Checks that only its owner can read a file: captured data is for who captured it.
#[track_caller]
pub fn assert_private(output: &Path) {
    let mode = fs::metadata(output).expect("the output is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "mode of the output");
}

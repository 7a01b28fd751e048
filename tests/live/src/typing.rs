//! Programs that read lines, typed to on a terminal, and ecapture that shows what was typed.

use std::{ffi::OsStr, path::PathBuf, process::Command};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    capture::assert_private,
    file_wait::line_in_file,
    machine::Machine,
    process::{Finished, Process},
    tree::{ecapture_binary, python, source_path},
};

/// A program on a terminal of its own.
#[derive(Debug)]
pub struct Typist {
    process: Process,
    pid: u32,
}

impl Typist {
    /// Starts a program in an environment that no user has changed.
    #[track_caller]
    pub fn start<A: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = A>) -> Self {
        let mut command = python();
        command.arg(source_path("tests/programs/typist.py")).arg(program).args(args);
        for (name, value) in [
            ("TERM", "xterm"),
            ("PS1", "prompt> "),
            ("HISTFILE", "/dev/null"),
            ("INPUTRC", "/dev/null"),
            ("PYTHON_HISTORY", "/dev/null"),
            ("LANG", "C.UTF-8"),
        ] {
            command.env(name, value);
        }
        for name in ["PROMPT_COMMAND", "BASH_ENV", "ENV", "LC_ALL", "PYTHONSTARTUP"] {
            command.env_remove(name);
        }
        let process = Process::start(command);
        let pid = process.stdout_line("its process", |line| line.trim().parse().ok());
        Self { process, pid }
    }

    /// An interactive bash.
    #[track_caller]
    pub fn bash() -> Self {
        Self::start("bash", ["--norc", "--noprofile", "-i"]).at("prompt> ")
    }

    /// An interactive zsh.
    #[track_caller]
    pub fn zsh() -> Self {
        Self::start("zsh", ["-f", "-i"]).at("prompt> ")
    }

    /// The same, once its terminal shows this: then the program reads from it.
    #[track_caller]
    pub fn at(self, shown: &str) -> Self {
        self.shows(shown);
        self
    }

    /// The program's process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The process that started it.
    pub fn ppid(&self) -> u32 {
        self.process.pid()
    }

    /// Types a line.
    #[track_caller]
    pub fn line(&mut self, line: &str) {
        self.keys(&format!("{line}\n"));
    }

    /// Pastes a text and presses the return key: as terminals do where programs asked for it.
    #[track_caller]
    pub fn paste(&mut self, text: &str) {
        self.keys(&format!("\x1b[200~{text}\x1b[201~\n"));
    }

    /// Types these bytes.
    #[track_caller]
    pub fn keys(&mut self, keys: &str) {
        self.process.feed(keys.as_bytes(), false);
    }

    /// Waits until the terminal has shown this.
    #[track_caller]
    pub fn shows(&self, text: &str) {
        self.process.stdout_holds(text.as_bytes());
    }

    /// Waits for the program's own end.
    #[track_caller]
    pub fn finish(self) -> Finished {
        self.process.finish()
    }
}

/// A running `ecapture bash`, `zsh` or `readline`, `--format json`.
#[derive(Debug)]
pub struct Typed {
    process: Process,
    dir: TempDir,
    _machine: Machine,
}

impl Typed {
    /// Starts it and waits until it is ready.
    #[track_caller]
    pub fn start(command: &str, args: &[&str]) -> Self {
        assert!(rustix::process::geteuid().is_root(), "run the tests named `root` as root");
        let machine = Machine::shared();
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut ecapture = Command::new(ecapture_binary());
        ecapture.args([command, "--format", "json", "-o"]).arg(dir.path().join(OUTPUT)).args(args);
        let process = Process::start(ecapture);
        process.stderr_line("that it is ready", |line| line.contains("ready: ").then_some(()));
        Self { process, dir, _machine: machine }
    }

    fn output(&self) -> PathBuf {
        self.dir.path().join(OUTPUT)
    }

    /// Waits for a command with this text in a process.
    #[track_caller]
    pub fn command(&self, pid: u32, text: &str) -> Value {
        let found = line_in_file(&self.output(), |line| {
            let line: Value = serde_json::from_slice(line).expect("each line is JSON");
            (line["pid"] == pid && line["text"] == text).then_some(line)
        });
        let short: String = text.chars().take(80).collect();
        found.unwrap_or_else(|| panic!("process {pid} was never seen to get {short:?}"))
    }

    /// Stops it; what it showed of a process, and the summary.
    #[track_caller]
    pub fn stop(self, pid: u32) -> (Vec<Value>, Value) {
        self.stop_for(&[pid])
    }

    /// The same for several processes.
    #[track_caller]
    pub fn stop_for(self, pids: &[u32]) -> (Vec<Value>, Value) {
        let output = self.output();
        let finished = self.process.stop(Signal::INT).success();
        assert!(finished.stdout.is_empty(), "with -o, standard output stays empty");
        assert_private(&output);
        let lines = std::fs::read_to_string(&output).expect("the output is there");
        let lines = lines.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        let mut lines: Vec<Value> = lines.collect();
        let summary = lines.pop().expect("a summary");
        assert_eq!(summary["type"], "summary");
        lines.retain(|line| pids.iter().any(|&pid| line["pid"] == pid));
        (lines, summary)
    }
}

const OUTPUT: &str = "commands.json";

//! `ecapture tls` itself, as a user would run it, in a process of its own.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{ChildStderr, Command, Stdio};

use super::process::Process;
use super::room::Room;
use super::wait::Patience;
use crate::exit::Failure;

/// A capture that is running.
#[derive(Debug)]
pub(super) struct Capture {
    process: Process,
    stderr: ChildStderr,
    said: Vec<u8>,
    file: PathBuf,
}

/// What it left.
#[derive(Debug)]
pub(super) struct Left {
    /// What it said on standard error.
    pub(super) log: String,
    /// What it wrote.
    pub(super) json: String,
}

impl Capture {
    /// Starts it and waits until every probe stands.
    pub(super) fn start(room: &Room, patience: &Patience) -> Result<Self, Failure> {
        let file = room.path("capture.json");
        // The program that runs, also if its name has meanwhile become another's.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("ecapture");
        command
            .args(["tls", "--raw", "--format", "json", "--comm", "openssl", "--output"])
            .arg(&file);
        // Or the line that is waited for may never come.
        command.env_remove("RUST_LOG");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = Process::start(&mut command)?;
        let stderr = process.child.stderr.take();
        let stderr = stderr.ok_or_else(|| Failure::failed("no standard error to read"))?;
        let mut capture = Self { process, stderr, said: Vec::new(), file };
        while !capture.is_ready() {
            let what = "waiting for `ecapture tls` to be ready";
            if !patience.read(what, &mut capture.stderr, &mut capture.said)? {
                return Err(capture.refusal());
            }
        }
        Ok(capture)
    }

    /// Ends it as Ctrl-C does, and reads what it wrote.
    pub(super) fn finish(mut self, patience: &Patience) -> Result<Left, Failure> {
        let what = "waiting for the summary of `ecapture tls`";
        self.process.interrupt()?;
        while patience.read(what, &mut self.stderr, &mut self.said)? {}
        if !self.process.wait(what, patience)?.success() {
            return Err(self.refusal());
        }
        let json = fs::read_to_string(&self.file)?;
        Ok(Left { log: String::from_utf8_lossy(&self.said).into_owned(), json })
    }

    fn is_ready(&self) -> bool {
        let said = String::from_utf8_lossy(&self.said);
        // A line counts when all of it is there.
        said.split_inclusive('\n').any(|line| line.ends_with('\n') && line.contains("ready: "))
    }

    /// The sentences with which it ended.
    fn refusal(&self) -> Failure {
        let said = String::from_utf8_lossy(&self.said);
        let lines = said.lines().filter_map(|line| line.strip_prefix("ecapture: "));
        let mut lines: Vec<_> = lines.map(str::to_owned).collect();
        if lines.is_empty() {
            lines.push("`ecapture tls` ended before it was ready".to_owned());
        }
        Failure::all(lines)
    }
}

//! `tests/programs/tlsdrive`: compiled against one OpenSSL or another, run, and its word taken.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

use crate::{
    cert::Cert,
    openssl::OpenSsl,
    process::{Finished, Process},
    recording::sha256,
    tree::{source_path, target_dir},
};

/// What one end of one connection moved, by its own count.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Moved {
    /// `client` or `server`.
    pub role: String,
    /// The process.
    pub pid: u32,
    /// The thread that reported.
    pub tid: u32,
    /// The connection's pointer, if the program knows such a thing.
    #[serde(default)]
    pub ssl: String,
    /// The near address, if there is one.
    pub local: Option<String>,
    /// The far address, if there is one.
    pub remote: Option<String>,
    /// Received.
    pub read: Sum,
    /// Sent.
    pub write: Sum,
}

/// Bytes, as a count and a digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Sum {
    /// How many.
    pub len: u64,
    /// Their SHA-256 in hex.
    pub sha256: String,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
enum Line {
    Conn(Moved),
    Note { pid: u32, name: String, value: String },
    Gate { pid: u32, name: String },
}

/// A run of tlsdrive, still to be started.
#[derive(Debug)]
pub struct Tlsdrive {
    args: Vec<OsString>,
    openssl: OpenSsl,
}

/// A running program that reports as tlsdrive does.
#[derive(Debug)]
pub struct Victim {
    process: Process,
}

/// The word of a program that has ended.
#[derive(Debug)]
pub struct Told {
    /// The process that was started.
    pub pid: u32,
    /// Every connection's every end.
    pub moved: Vec<Moved>,
    /// What else it found worth telling: process, name, value.
    pub notes: Vec<(u32, String, String)>,
}

impl Tlsdrive {
    /// A run in `mode`; `options` are `name=value`, separated by spaces.
    pub fn new(cert: &Cert, mode: &str, options: &str) -> Self {
        let mut args = vec![mode.into(), named("cert=", &cert.pem()), named("key=", &cert.key())];
        args.extend(options.split_whitespace().map(OsString::from));
        Self { args, openssl: OpenSsl::System }
    }

    /// Links it with another OpenSSL.
    pub fn with(mut self, openssl: OpenSsl) -> Self {
        self.openssl = openssl;
        self
    }

    /// The command, for tests that change its surroundings.
    #[track_caller]
    pub fn command(&self) -> Command {
        let mut command = Command::new(self.program());
        command.args(&self.args);
        command
    }

    /// The path of the executable, which is compiled if need be.
    #[track_caller]
    pub fn program(&self) -> PathBuf {
        compiled(self.openssl)
    }

    /// The arguments.
    pub fn args(&self) -> &[OsString] {
        &self.args
    }

    /// Starts it.
    #[track_caller]
    pub fn start(&self) -> Victim {
        Victim::start(self.command())
    }

    /// Runs it to its end.
    #[track_caller]
    pub fn run(&self) -> Told {
        self.start().finish()
    }
}

impl Victim {
    /// Starts any program that reports as tlsdrive does.
    pub fn start(command: Command) -> Self {
        Self { process: Process::start(command) }
    }

    /// The process that was started: the client.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Waits until the program waits at a gate, and answers which process does.
    #[track_caller]
    pub fn at_gate(&self, wanted: &str) -> u32 {
        self.process.stdout_line("that it waits at a gate", |line| match parse(line) {
            Line::Gate { pid, name } if name == wanted => Some(pid),
            _ => None,
        })
    }

    /// Waits for a note and answers its value.
    #[track_caller]
    pub fn note(&self, wanted: &str) -> String {
        self.process.stdout_line("a note", |line| match parse(line) {
            Line::Note { name, value, .. } if name == wanted => Some(value),
            _ => None,
        })
    }

    /// Opens the gate that the program waits at.
    #[track_caller]
    pub fn pass(&mut self) {
        self.process.feed(b"\n", false);
    }

    /// The process behind it.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Waits for a good end and takes the program's word.
    #[track_caller]
    pub fn finish(self) -> Told {
        Told::from(&self.process.finish().success())
    }

    /// Kills it and takes what it had said before.
    #[track_caller]
    pub fn kill(self) -> Told {
        Told::from(&self.process.stop(rustix::process::Signal::KILL))
    }
}

impl Told {
    /// What ended programs said.
    #[track_caller]
    pub fn from(finished: &Finished) -> Self {
        let mut told = Self { pid: finished.pid, moved: Vec::new(), notes: Vec::new() };
        for line in finished.stdout_text().lines() {
            match parse(line) {
                Line::Conn(moved) => told.moved.push(moved),
                Line::Note { pid, name, value } => told.notes.push((pid, name, value)),
                Line::Gate { .. } => {}
            }
        }
        told
    }

    /// A note's value.
    #[track_caller]
    pub fn note(&self, wanted: &str) -> &str {
        let found = self.notes.iter().find(|(_, name, _)| name == wanted);
        &found.unwrap_or_else(|| panic!("no note {wanted} in {:?}", self.notes)).2
    }
}

#[track_caller]
fn parse(line: &str) -> Line {
    serde_json::from_str(line).unwrap_or_else(|why| panic!("a victim said {line:?}: {why}"))
}

fn named(name: &str, path: &Path) -> OsString {
    let mut arg = OsString::from(name);
    arg.push(path);
    arg
}

/// Compiles tlsdrive once for each text of its sources and each OpenSSL.
#[track_caller]
fn compiled(openssl: OpenSsl) -> PathBuf {
    let source = source_path("tests/programs/tlsdrive");
    let files = fs::read_dir(&source).expect("tlsdrive's sources");
    let mut files: Vec<PathBuf> = files.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let link = openssl.link_arguments();
    let mut all = format!("{link:?}").into_bytes();
    for file in &files {
        all.extend(fs::read(file).expect("a source"));
    }
    let dir = target_dir().join("victims").join(&sha256(&all)[..16]);
    let program = dir.join("tlsdrive");
    if program.exists() {
        return program;
    }
    fs::create_dir_all(&dir).expect("target can be written");
    // Compiled aside and moved into place, so that two tests at once do no harm.
    let aside = tempfile::NamedTempFile::new_in(&dir).expect("target can be written");
    let mut cc = Command::new("cc");
    cc.args(["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-o"]).arg(aside.path());
    cc.args(files.iter().filter(|file| file.extension().is_some_and(|end| end == "c")));
    cc.args(link);
    Process::start(cc).finish().success();
    aside.persist(&program).expect("target can be written");
    program
}

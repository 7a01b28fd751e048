//! `ecapture tls -m keylog` as a child, and servers that log the keys themselves.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::{
    capture::assert_private,
    cert::Cert,
    machine::Machine,
    process::{Finished, Process, deadline},
    tree::ecapture_binary,
};

/// A running `ecapture tls -m keylog`, with a cache of its own: it searches every file.
#[derive(Debug)]
pub struct KeyCapture {
    process: Process,
    dir: TempDir,
    _machine: Machine,
}

impl KeyCapture {
    /// Starts a run of everything on the machine and waits until every probe stands.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with more arguments.
    #[track_caller]
    pub fn start_with(args: &[&str]) -> Self {
        assert!(rustix::process::geteuid().is_root(), "run the tests named `root` as root");
        // A thread has one tracer: another capture that holds a program keeps this one from it, and
        // one whose library is new to both may have its first keys before this one has read it.
        let machine = Machine::alone();
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new(ecapture_binary());
        command.args(["tls", "-m", "keylog", "-k"]).arg(dir.path().join("keys.log")).args(args);
        command.env("XDG_CACHE_HOME", dir.path());
        let process = Process::start(command);
        process.stderr_line("that it is ready", |line| line.contains("ready: ").then_some(()));
        Self { process, dir, _machine: machine }
    }

    /// The file that the keys go to.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("keys.log")
    }

    /// The lines that are there by now. Who reads while a line is written may get half of it.
    #[track_caller]
    pub fn so_far(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path()).expect("a key log");
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().filter(|line| !line.starts_with('#')).map(ToOwned::to_owned).collect()
    }

    /// Waits until a file of this name is hooked.
    #[track_caller]
    pub fn await_hooked(&self, name: &str) {
        self.process.stderr_line(&format!("that it hooked {name}"), |line| {
            (line.contains("hooked ") && line.contains(name)).then_some(())
        });
    }

    /// Waits until this is said.
    #[track_caller]
    pub fn await_said(&self, words: &str) {
        self.process.stderr_line(words, |line| line.contains(words).then_some(()));
    }

    /// Stops the run and reads the lines, in order, and what was said.
    #[track_caller]
    pub fn stop(self) -> (Vec<String>, String) {
        self.process.signal(Signal::INT);
        let Finished { stdout, stderr, .. } = self.process.finish().success();
        assert!(stdout.is_empty(), "keys go to the file alone");
        let path = self.dir.path().join("keys.log");
        assert_private(&path);
        (log_lines(&path), String::from_utf8_lossy(&stderr).into_owned())
    }
}

/// The lines of a key log without its comments.
#[track_caller]
pub fn log_lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("a key log");
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is not whole");
    text.lines().filter(|line| !line.starts_with('#')).map(ToOwned::to_owned).collect()
}

/// Checks that the captured keys are those that the peers logged, line for line, of connections that
/// the peers know, since the rest of the machine goes on. Both ends run here and each key is written
/// when the first of them has it, so the order is that of neither.
#[track_caller]
pub fn assert_same_keys(captured: &[String], peers: &[Vec<String>], stderr: &str) {
    let random = |line: &String| line.split(' ').nth(1).map(ToOwned::to_owned);
    let known: BTreeSet<_> = peers.iter().flatten().filter_map(random).collect();
    assert!(!known.is_empty(), "the peers logged no keys");
    let ours: Vec<_> =
        captured.iter().filter(|line| random(line).is_some_and(|r| known.contains(&r))).collect();
    let once: BTreeSet<_> = ours.iter().collect();
    assert_eq!(once.len(), ours.len(), "a key stands twice:\n{ours:#?}");
    let logged: BTreeSet<_> = peers.iter().flatten().collect();
    let ours: BTreeSet<_> = ours.into_iter().collect();
    let missing: Vec<_> = logged.difference(&ours).collect();
    let other: Vec<_> = ours.difference(&logged).collect();
    let right = ours.len() - other.len();
    assert!(
        missing.is_empty() && other.is_empty(),
        "{right} keys are right\nlogged alone: {missing:#?}\ncaptured alone: {other:#?}\n{stderr}"
    );
}

/// `openssl s_server` that logs its keys and serves one connection after the other.
#[derive(Debug)]
pub struct KeyServer {
    process: Process,
    cert: Cert,
    port: u16,
}

impl KeyServer {
    /// Starts it; the kernel chooses the port.
    #[track_caller]
    pub fn start(args: &[&str]) -> Self {
        let cert = Cert::new();
        let mut command = Command::new("openssl");
        command.args(["s_server", "-accept", "127.0.0.1:0", "-cert"]).arg(cert.pem());
        command.arg("-key").arg(cert.key()).arg("-keylogfile").arg(cert.dir().join("server.log"));
        command.arg("-CAfile").arg(cert.pem()).args(args);
        let process = Process::start(command);
        let port = process.stdout_line("where it listens", |line| {
            line.strip_prefix("ACCEPT ")?.rsplit(':').next()?.parse().ok()
        });
        Self { process, cert, port }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The same, its port alone.
    pub fn port(&self) -> String {
        self.port.to_string()
    }

    /// What it serves.
    pub fn url(&self) -> String {
        format!("https://localhost:{}/", self.port)
    }

    /// Waits until a client of a server without `-www` sent this.
    #[track_caller]
    pub fn await_received(&self, bytes: &[u8]) {
        self.process.stdout_holds(bytes);
    }

    /// The same, so many times in all.
    #[track_caller]
    pub fn await_repeated(&self, bytes: &[u8], times: usize) {
        self.process.stdout_repeats(bytes, times);
    }

    /// Whether such a server has said or received this by now.
    pub fn has_said(&self, text: &str) -> bool {
        self.process.has_said(text)
    }

    /// Ends the connection that a server without `-www` has; it waits for the next one.
    #[track_caller]
    pub fn end_connection(&mut self) {
        self.process.feed(b"q\n", false);
    }

    /// Its certificate and a folder to go with it.
    pub fn cert(&self) -> &Cert {
        &self.cert
    }

    /// `openssl s_client` asks for a page (of a server with `-www`) and reads to the end; what it
    /// logged.
    #[track_caller]
    pub fn s_client(&self, name: &str, args: &[&str]) -> Vec<String> {
        let mut client = self.client(name, &[&["-ign_eof"], args].concat());
        client.feed(b"GET / HTTP/1.0\r\n\r\n", true);
        client.finish().success();
        log_lines(&self.cert.dir().join(name))
    }

    /// The same client, running; it logs to a file of this name beside the certificate.
    pub fn client(&self, name: &str, args: &[&str]) -> Process {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &self.address(), "-CAfile"]).arg(self.cert.pem());
        command.arg("-keylogfile").arg(self.cert.dir().join(name)).args(args);
        Process::start(command)
    }

    /// Ends it; what it logged.
    #[track_caller]
    pub fn stop(self) -> Vec<String> {
        let log = log_lines(&self.cert.dir().join("server.log"));
        self.process.stop(Signal::TERM);
        log
    }
}

/// Waits until a file is there and not empty. Nothing tells when a name appears, so it is asked for.
#[track_caller]
pub fn await_content(path: &Path) {
    let until = Instant::now() + deadline();
    while fs::metadata(path).map_or(0, |file| file.len()) == 0 {
        assert!(Instant::now() < until, "{} stays empty", path.display());
        thread::sleep(Duration::from_millis(20));
    }
}

/// The first line of what a program says of its version.
pub fn version_of(program: &str, args: &[&str]) -> String {
    let said = Process::run(program, args);
    let text = said.stdout_text() + &said.stderr_text();
    text.lines().next().unwrap_or_default().to_owned()
}

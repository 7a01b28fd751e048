//! Programs that speak HTTP/3, as `tests/quic` gets them.

use std::{path::PathBuf, process::Command};

use rustix::process::Signal;

use crate::{
    cert::Cert,
    process::Process,
    tree::{source_path, target_dir},
};

/// Where these programs are.
#[derive(Debug)]
pub struct Quic {
    target: PathBuf,
}

impl Quic {
    /// Gets and builds what is missing, which may take minutes.
    #[track_caller]
    pub fn built() -> Self {
        let mut build = Command::new(source_path("tests/quic/build.sh"));
        build.arg(target_dir());
        Process::start(build).finish_slowly().success();
        Self { target: target_dir().join("quic") }
    }

    /// quinn with rustls: server or client.
    pub fn quinn(&self) -> Command {
        Command::new(self.target.join("release/http3"))
    }

    /// aioquic, with a TLS of its own that nothing hooks: server or client.
    pub fn aioquic(&self) -> Command {
        self.python("tests/quic/http3.py")
    }

    /// curl with BoringSSL and ngtcp2.
    pub fn curl(&self) -> Command {
        self.python("tests/quic/curl.py")
    }

    fn python(&self, script: &str) -> Command {
        let mut command = Command::new("/usr/bin/python3");
        command.env("PYTHONPATH", self.target.join("python")).arg(source_path(script));
        command
    }
}

/// A server of HTTP/3 on loopback.
#[derive(Debug)]
pub struct Http3 {
    process: Process,
    cert: Cert,
    /// Where it listens.
    pub port: u16,
}

impl Http3 {
    /// Starts one that serves `files`, with more `words` behind its arguments.
    #[track_caller]
    pub fn start(mut server: Command, files: &[(&str, &[u8])], words: &[&str]) -> Self {
        let cert = Cert::new();
        for (name, content) in files {
            std::fs::write(cert.dir().join(name), content).expect("a file to serve");
        }
        server.arg("serve").arg(cert.pem()).arg(cert.key()).arg(cert.dir()).args(words);
        let process = Process::start(server);
        let port = process.stdout_line("where it listens", |line| line.parse().ok());
        Self { process, cert, port }
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The certificate's file.
    pub fn cert(&self) -> PathBuf {
        self.cert.pem()
    }

    /// Ends it.
    #[track_caller]
    pub fn stop(self) {
        self.process.stop(Signal::TERM);
    }
}

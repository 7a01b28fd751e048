//! A certificate that is its own authority, valid for every loopback address that tests use.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::process::Process;

/// A certificate and its key, in files that go with it.
#[derive(Debug)]
pub struct Cert {
    dir: TempDir,
}

impl Cert {
    /// Makes one for `localhost`, `127.0.0.1` and `::1`.
    pub fn new() -> Self {
        Self::with(Ipv4Addr::LOCALHOST)
    }

    /// Makes one that holds for `also`, too.
    #[track_caller]
    pub fn with(also: Ipv4Addr) -> Self {
        let cert = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        let names = format!("subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1,IP:{also}");
        let mut command = Command::new("openssl");
        command.args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes".split(' '));
        command.args("-days 2 -subj /CN=localhost -addext".split(' ')).arg(names);
        command.arg("-keyout").arg(cert.key()).arg("-out").arg(cert.pem());
        Process::start(command).finish().success();
        cert
    }

    /// The certificate's file.
    pub fn pem(&self) -> PathBuf {
        self.dir.path().join("cert.pem")
    }

    /// The key's file.
    pub fn key(&self) -> PathBuf {
        self.dir.path().join("key.pem")
    }

    /// The directory, for what else a test wants to go with it.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

impl Default for Cert {
    fn default() -> Self {
        Self::new()
    }
}

//! A private folder for the run, with a certificate in it. Dropping it removes it.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::process::Process;
use super::wait::Patience;
use crate::exit::Failure;

/// The folder.
#[derive(Debug)]
pub(super) struct Room {
    dir: TempDir,
}

/// The openssl commands that are used.
const COMMANDS: [&str; 3] = ["req", "s_server", "s_client"];
/// Lines that are repeated of what one of them said.
const COMPLAINTS: usize = 3;

impl Room {
    /// Makes it, and a key and a certificate that the client will trust.
    pub(super) fn new(patience: &Patience) -> Result<Self, Failure> {
        let private = Permissions::from_mode(0o700);
        let dir = tempfile::Builder::new().prefix("ecapture-demo-").permissions(private).tempdir();
        let dir = dir.map_err(|error| {
            Failure::failed(format!("no temporary folder: {error}; TMPDIR may name another place"))
        })?;
        let room = Self { dir };
        // The system's own configuration may be missing, or ask for anything.
        fs::write(room.path("req.cnf"), "[req]\ndistinguished_name = dn\n[dn]\n")?;
        let mut openssl = room.openssl("req")?;
        openssl.args(["-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost"]);
        openssl.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
        openssl.arg("-config").arg(room.path("req.cnf"));
        openssl.arg("-keyout").arg(room.key()).arg("-out").arg(room.certificate());
        let status = Process::start(&mut openssl)?.wait("making a certificate", patience)?;
        if !status.success() {
            return Err(room.complaints("making a certificate"));
        }
        Ok(room)
    }

    /// A command of the openssl program, alone with its complaints in a file.
    pub(super) fn openssl(&self, command: &str) -> Result<Command, Failure> {
        let mut openssl = Command::new("openssl");
        openssl.arg(command).current_dir(self.dir.path());
        openssl.stdin(Stdio::null()).stdout(Stdio::null());
        openssl.stderr(File::create(self.errors(command))?);
        Ok(openssl)
    }

    fn errors(&self, command: &str) -> PathBuf {
        self.path(&format!("{command}.err"))
    }

    /// That something failed, and the last that each openssl command said.
    pub(super) fn complaints(&self, what: &str) -> Failure {
        let mut failure = format!("{what} failed");
        for command in COMMANDS {
            // One that was not started said nothing.
            let said = fs::read(self.errors(command)).unwrap_or_default();
            let said = String::from_utf8_lossy(&said);
            let lines: Vec<_> = said.lines().collect();
            let last = lines[lines.len().saturating_sub(COMPLAINTS)..].join(" | ");
            if !last.is_empty() {
                failure.push_str(&format!("; `openssl {command}` said: {last}"));
            }
        }
        Failure::failed(failure)
    }

    /// The certificate.
    pub(super) fn certificate(&self) -> PathBuf {
        self.path("cert.pem")
    }

    /// Its key.
    pub(super) fn key(&self) -> PathBuf {
        self.path("key.pem")
    }

    /// A file in the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

//! Servers and clients whose packets are captured.

use std::ffi::OsStr;
use std::process::Command;

use live::{Cert, Finished, Process};
use rustix::process::Signal;

/// `openssl s_server -www`: any number of connections, each of which gets a page.
pub(crate) struct Server {
    process: Process,
    pub(crate) cert: Cert,
    pub(crate) port: u16,
    host: &'static str,
}

impl Server {
    /// Starts one on an address of loopback; the kernel chooses the port.
    #[track_caller]
    pub(crate) fn start(host: &'static str) -> Self {
        Self::start_by(Command::new("openssl"), host, &format!("{host}:0"))
    }

    /// The same by a command that runs the rest of its words.
    #[track_caller]
    pub(crate) fn start_by(mut command: Command, host: &'static str, accept: &str) -> Self {
        let cert = Cert::with("10.77.0.2".parse().expect("an address"));
        command.args(["s_server", "-www", "-accept", accept, "-cert"]).arg(cert.pem());
        command.arg("-key").arg(cert.key());
        let process = Process::start(command);
        let port = process.stdout_line("where it listens", |line| {
            line.strip_prefix("ACCEPT ")?.rsplit(':').next()?.parse().ok()
        });
        Self { process, cert, port, host }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What curl is to be told.
    pub(crate) fn url(&self) -> String {
        format!("https://{}:{}/", self.host, self.port)
    }

    /// Fetches the page and answers the client's process and its port.
    #[track_caller]
    pub(crate) fn fetch(&self) -> (u32, u16) {
        self.fetch_by(&[])
    }

    /// The same by a command that turns into the rest of its words, as whoever that may be.
    #[track_caller]
    pub(crate) fn fetch_by(&self, words: &[&str]) -> (u32, u16) {
        let curl = live::curl(&self.cert.pem());
        let words = words.iter().map(OsStr::new).chain([curl.get_program()]);
        let mut words = words.chain(curl.get_args());
        let mut command = Command::new(words.next().expect("a program"));
        // Another user can't read the certificate.
        command.args(words).args(["--insecure", "--output", "/dev/null"]);
        command.args(["--write-out", "%{local_port}"]).arg(self.url());
        let Finished { pid, stdout, .. } = Process::start(command).finish().success();
        let port = String::from_utf8_lossy(&stdout).parse().expect("curl says its port");
        (pid, port)
    }

    #[track_caller]
    pub(crate) fn stop(self) {
        self.process.stop(Signal::TERM);
    }
}

//! `ecapture extcap` with tshark in Wireshark's place: it lists the interfaces and captures from
//! them what it can read without a key of its own.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use ::live::{Finished, Machine, Nginx, Process, deadline, ecapture_binary};
use rustix::process::Signal;
use tempfile::TempDir;

use super::{fetch, hex, page};

/// A user who made ecapture known to Wireshark, and has nothing else.
struct User {
    home: TempDir,
    _machine: Machine,
}

impl User {
    #[track_caller]
    fn new() -> Self {
        let machine = Machine::shared();
        let user =
            Self { home: tempfile::tempdir().expect("a temporary directory"), _machine: machine };
        let said = user.run(&ecapture_binary(), &["extcap", "--install"]).success();
        assert!(said.stdout_text().contains("/ecapture-extcap -> "), "{said:?}");
        user
    }

    fn command(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).env("HOME", self.home.path()).env_remove("XDG_CONFIG_HOME");
        command
    }

    #[track_caller]
    fn run(&self, program: &Path, args: &[&str]) -> Finished {
        Process::start(self.command(program, args)).finish()
    }

    /// The interfaces that tshark knows.
    #[track_caller]
    fn interfaces(&self) -> String {
        self.run(Path::new("tshark"), &["-D"]).success().stdout_text()
    }

    /// Lets tshark capture until it showed the page, and then stop; what it said.
    #[track_caller]
    fn capture(&self, args: &[&str], nginx: &Nginx, page: &str) -> String {
        let fields = ["-Y", "http.response", "-T", "fields", "-e", "http.file_data"];
        let all = [&["-l", "-n", "-i"], args, &fields].concat();
        let tshark = Process::start(self.command(Path::new("tshark"), &all));
        let until = Instant::now() + deadline();
        // Nobody says when the capture is ready, so pages are fetched until one is seen.
        while !tshark.has_said(page) && !tshark.has_said(&hex(page.as_bytes())) {
            assert!(Instant::now() < until && !tshark.has_ended(), "{tshark:?}");
            fetch(nginx, "page", &["--http1.1"]);
            thread::sleep(Duration::from_millis(100));
        }
        tshark.stop(Signal::INT).success().stderr_text()
    }
}

#[test]
fn tshark_captures_decrypted_packets() {
    let user = User::new();
    let listed = user.interfaces();
    assert!(listed.contains("ecapture (TLS of programs, with their keys)"), "{listed}");
    let content = hex(&page(1000, 7));
    let nginx = Nginx::speaking("TLSv1.3", 1, &[("page", content.as_bytes())]);
    let pid = format!("extcap.ecapture.pid:{}", nginx.workers[0]);
    let lo = "extcap.ecapture.ifname:lo";
    let args = ["ecapture", "-f", "tcp port 8443", "-o", lo, "-o", &pid];
    let said = user.capture(&args, &nginx, &content);
    assert!(!said.contains("Error"), "{said}");
    nginx.stop();
}

#[test]
fn tshark_captures_plaintext() {
    let user = User::new();
    let content = hex(&page(1000, 8));
    let nginx = Nginx::speaking("TLSv1.3", 1, &[("page", content.as_bytes())]);
    let pid = format!("extcap.ecapture_plaintext.pid:{}", nginx.workers[0]);
    let said = user.capture(&["ecapture-plaintext", "-o", &pid], &nginx, &content);
    assert!(!said.contains("Error"), "{said}");
    nginx.stop();
}

#[test]
fn the_link_comes_and_goes() {
    let user = User::new();
    let said = user.run(&ecapture_binary(), &["extcap", "--uninstall"]).success();
    assert!(said.stdout_text().contains(" is gone"), "{said:?}");
    assert!(!user.interfaces().contains("ecapture"));
    let folder = user.home.path().join("own");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::write(folder.join("ecapture-extcap"), "mine").expect("a file");
    let folder = folder.to_str().expect("a path");
    let said = user.run(&ecapture_binary(), &["extcap", "--install", folder]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    assert!(said.stderr_text().contains("is no link"), "{said:?}");
}

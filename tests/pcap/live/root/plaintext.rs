//! `--plaintext-pcap` beside real programs: tshark finds in the synthetic streams what was served,
//! without keys or packets.

use std::process::Command;

use ::live::{Machine, Nginx, Process, ecapture_binary};
use rustix::process::Signal;

use super::{fetch, hex, page};
use crate::decrypt::{http2_bodies, objects};
use crate::packets::Capture;

/// A run that is ready, and its file.
struct Run {
    process: Process,
    file: Capture,
    _machine: Machine,
}

impl Run {
    #[track_caller]
    fn start(args: &[&str]) -> Self {
        let machine = Machine::shared();
        let file = Capture::to_be();
        let mut command = Command::new(ecapture_binary());
        command.args(["tls", "-o", "/dev/null", "--plaintext-pcap"]).arg(file.path());
        command.args(args);
        let process = Process::start(command);
        process.stderr_line("that it is ready", |line| line.contains("ready:").then_some(()));
        Self { process, file, _machine: machine }
    }

    #[track_caller]
    fn outcome(self) -> Capture {
        self.process.finish().success();
        ::live::assert_private(&self.file.path());
        self.file
    }
}

#[test]
fn http_objects_are_those_that_were_served() {
    let (small, large) = (page(1000, 1), page(300_000, 2));
    let files: [(&str, &[u8]); 2] = [("small", &small), ("large", &large)];
    // A request comes with the handshake's end, before any call that tells addresses.
    let nginx = Nginx::speaking("TLSv1.3", 1, &files);
    let run = Run::start(&["-p", &nginx.workers[0].to_string()]);
    for version in ["--http1.1", "--http2"] {
        fetch(&nginx, "small", &[version]);
        fetch(&nginx, "large", &[version]);
    }
    let address = nginx.address();
    let served = nginx.stop();
    let file = run.outcome();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let found = objects(&file.path(), dir.path());
    let mut found: Vec<_> = found.iter().map(|(name, content)| (&**name, content)).collect();
    found.sort();
    assert_eq!(found, [("large", &large), ("small", &small)]);
    // Nothing tells HTTP/2 but its preface, for which HTTP's dissector looks.
    let file = file.decoding_as("tcp.port==8443,http");
    let bodies = http2_bodies(&file);
    assert!(bodies.contains(&hex(&small)) && bodies.contains(&hex(&large)));
    let gaps = "tcp.analysis.flags || _ws.expert.severity >= 0x600000";
    let complaints = file.fields(["frame.number", "_ws.expert.message"], gaps);
    assert_eq!(complaints, Vec::<[String; 2]>::new());
    // The addresses are those that nginx knows.
    let opened = file.fields(["ip.dst", "tcp.srcport"], "tcp.flags == 0x002");
    let (ip, _) = address.rsplit_once(':').expect("a port");
    let ports = served.iter().map(|request| [ip.into(), request.remote_port.to_string()]);
    assert_eq!(opened, ports.collect::<Vec<_>>());
    assert_eq!(file.fields(["tcp.stream"], "tcp.flags.fin == 1").len(), 8);
    let comments = file.comments();
    let synthetic = comments.iter().filter(|said| said.starts_with("synthetic: "));
    assert_eq!(synthetic.count(), 4, "{comments:?}");
}

/// What `-t` cuts off is missing for tshark, too.
#[test]
fn what_was_not_captured_is_a_lost_segment() {
    let nginx = Nginx::speaking("TLSv1.3", 1, &[("page", &page(5000, 3))]);
    let run = Run::start(&["-p", &nginx.workers[0].to_string(), "-t", "1000"]);
    fetch(&nginx, "page", &["--http1.1"]);
    nginx.stop();
    let file = run.outcome();
    let lost = file.fields(["frame.comment"], "tcp.analysis.lost_segment");
    assert!(!lost.is_empty());
    assert!(lost.iter().all(|[said]| said.contains("are missing: cap")), "{lost:?}");
}

/// Both ends run here: each is a stream, and they are not mixed up.
#[test]
fn both_ends_of_a_connection_as_they_come() {
    let content = page(50_000, 4);
    let nginx = Nginx::speaking("TLSv1.3", 1, &[("page", &content)]);
    let address = nginx.address();
    let (ip, _) = address.rsplit_once(':').expect("a port");
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "\"$0\" \"$@\" | tshark -l -n -r - -Y http.response -T fields -e frame.number",
    ]);
    command.arg(ecapture_binary()).args(["tls", "-o", "/dev/null", "--plaintext-pcap", "-"]);
    command.args(["--net", ip]);
    let _machine = Machine::shared();
    let reader = Process::start(command);
    reader.stderr_line("that it is ready", |line| line.contains("ready:").then_some(()));
    fetch(&nginx, "page", &["--http1.1"]);
    let mut answers = 0;
    reader.stdout_line("both answers", |line| {
        answers += usize::from(line.parse::<u32>().is_ok());
        (answers == 2).then_some(())
    });
    reader.stop(Signal::TERM);
    nginx.stop();
}

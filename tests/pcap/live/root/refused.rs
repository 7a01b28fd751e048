//! What can't be captured is said, and nothing is written.

use std::process::Command;

use ::live::{Process, ecapture_binary};

/// Runs it with arguments that must be refused, with this exit code, by a sentence that
/// names `culprit`. Nothing may be written.
#[track_caller]
fn refused(args: &[&str], code: i32, culprit: &str) -> String {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("packets");
    let mut command = Command::new(ecapture_binary());
    command.args(["tls", "-m", "pcap", "-w"]).arg(&file).args(args);
    let ended = Process::start(command).finish();
    let said = ended.stderr_text();
    assert_eq!(ended.status.code(), Some(code), "{said}");
    assert!(said.contains(culprit) && !said.contains("panicked"), "{said}");
    assert!(ended.stdout.is_empty() && !file.exists());
    said
}

#[test]
fn a_filter_that_makes_no_sense() {
    let said = refused(&["-i", "lo", "tcp", "prot", "443"], 2, "tcp prot 443");
    assert!(said.contains("syntax error"), "libpcap's own words: {said}");
    let said = refused(&["-i", "lo", "host", "no.such.host.invalid"], 2, "no.such.host");
    assert!(said.contains("unknown host"), "{said}");
}

#[test]
fn an_interface_that_does_not_exist() {
    let said = refused(&["-i", "lo", "-i", "nowhere0"], 1, "nowhere0");
    assert!(said.contains("there are lo") && said.contains("any"), "{said}");
}

#[test]
fn an_interface_that_is_down() {
    let name = format!("ecapd{}", std::process::id() % 10_000);
    let ip = |words: &str| Process::run("ip", words.split(' ')).success();
    ip(&format!("link add {name} type veth peer name {name}p"));
    let said = refused(&["-i", &name], 1, &name);
    ip(&format!("link delete {name}"));
    assert!(said.contains("not up"), "{said}");
}

#[test]
fn a_file_that_cannot_be_written() {
    let mut command = Command::new(ecapture_binary());
    command.args(["tls", "-m", "pcap", "-i", "lo", "-w", "/nowhere/packets"]);
    let ended = Process::start(command).finish();
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.stderr_text().contains("/nowhere/packets"), "{}", ended.stderr_text());
}

//! Several outputs in one run, and those that stream: each is what it is alone.

use std::fs;
use std::process::Command;

use ::live::{
    KeyServer, Machine, Nginx, Process, assert_private, assert_same_keys, ecapture_binary,
    log_lines,
};
use rustix::process::Signal;
use serde_json::Value;

use super::{fetch, hex, page};
use crate::decrypt::objects;
use crate::packets::{Packets, each_block};

/// The keys are in the stream before the packets that need them.
#[test]
fn packets_on_standard_output_are_decrypted_as_they_come() {
    let content = hex(&page(1000, 5));
    let nginx = Nginx::speaking("TLSv1.3", 1, &[("page", content.as_bytes())]);
    let _machine = Machine::shared();
    let mut command = Command::new("sh");
    let pipe = "\"$0\" \"$@\" | tshark -l -n -r - -Y http.response -T fields -e \
                http.file_data";
    command.args(["-c", pipe]).arg(ecapture_binary());
    command.args(["tls", "-m", "pcap", "-i", "lo", "-w", "-", "-p"]);
    command.arg(nginx.workers[0].to_string());
    let reader = Process::start(command);
    reader.stderr_line("that it is ready", |line| line.contains("ready:").then_some(()));
    fetch(&nginx, "page", &["--http1.1"]);
    let forms = [content.clone(), hex(content.as_bytes())];
    reader.stdout_line("the page", |line| forms.contains(&line.replace(':', "")).then_some(()));
    nginx.stop();
    // It was for nginx, so it ends with it.
    reader.finish();
}

#[test]
fn keys_on_standard_output() {
    let _machine = Machine::shared();
    let server = KeyServer::start(&["-www"]);
    let mut command = Command::new(ecapture_binary());
    command.args(["tls", "-m", "keylog", "-k", "-", "--comm", "openssl"]);
    let capture = Process::start(command);
    capture.stderr_line("that it is ready", |line| line.contains("ready:").then_some(()));
    let logs = [server.s_client("a", &["-tls1_3"]), server.s_client("b", &["-tls1_2"])];
    let last = logs[1].last().expect("a key").clone();
    // Written at once: nothing ended yet.
    capture.stdout_line("the last key", |line| (line == last).then_some(()));
    server.stop();
    let ended = capture.stop(Signal::INT).success();
    let captured: Vec<_> = ended.stdout_text().lines().map(str::to_owned).collect();
    assert_same_keys(&captured, &logs, &ended.stderr_text());
}

#[test]
fn plaintext_keys_and_packets_of_one_connection() {
    let content = page(20_000, 6);
    let nginx = Nginx::speaking("TLSv1.2 TLSv1.3", 1, &[("page", &content)]);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = |name: &str| dir.path().join(name).display().to_string();
    let (text, keys, plain) = (file("text"), file("keys"), file("plain"));
    let pid = nginx.workers[0].to_string();
    let capture = Packets::start(&[
        "-m",
        "text,keylog",
        "-i",
        "lo",
        "-p",
        &pid,
        "-o",
        &text,
        "--format",
        "json",
        "-k",
        &keys,
        "--plaintext-pcap",
        &plain,
    ]);
    fetch(&nginx, "page", &["--http1.1", "--tlsv1.3"]);
    fetch(&nginx, "page", &["--http1.1", "--tls-max", "1.2"]);
    nginx.stop();
    let outcome = capture.outcome();
    for path in [&text, &keys, &plain] {
        assert_private(path.as_ref());
    }
    let shown = fs::read_to_string(&text).expect("the plaintext");
    let lines = shown.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let (answers, rest): (Vec<_>, Vec<_>) = lines.partition(|line| line["kind"] == "response");
    assert_eq!(answers.len(), 2, "{shown}");
    assert_eq!(rest.last().expect("a summary")["unaccounted"], 0);
    for packets in [outcome.file.path(), plain.into()] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let found = objects(&packets, dir.path());
        assert_eq!(found.len(), 2, "{}", packets.display());
        assert!(found.iter().all(|(_, object)| *object == content));
    }
    let mut within = Vec::new();
    each_block(&fs::read(outcome.file.path()).expect("the file"), |block| {
        if let pcap_parser::Block::DecryptionSecrets(block) = block {
            let lines = &block.data[..block.secrets_len as usize];
            let lines = String::from_utf8_lossy(lines).into_owned();
            within.extend(lines.lines().map(str::to_owned));
        }
    });
    let mut logged = log_lines(keys.as_ref());
    within.sort();
    logged.sort();
    assert_eq!(within, logged);
    assert!(logged.len() >= 6, "{logged:?}");
}

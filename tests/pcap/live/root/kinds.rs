//! Other kinds of traffic, and plaintext beside packets.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use ::live::{Cert, Process};
use rustix::process::Signal;

use super::is_one_connection;
use crate::packets::Packets;
use crate::peers::Server;

#[test]
fn plaintext_and_packets_in_one_run() {
    let server = Server::start("127.0.0.1");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let text = dir.path().join("text");
    let args = ["-m", "text", "--raw", "--format", "json", "-o", text.to_str().expect("a path")];
    let pid = server.pid().to_string();
    let capture = Packets::start(&[args.as_slice(), &["-i", "lo", "-p", &pid]].concat());
    let (_, port) = server.fetch();
    let outcome = capture.stop();
    is_one_connection(&outcome.file, port, server.port);
    let events = fs::read_to_string(&text).expect("the plaintext");
    let events: Vec<serde_json::Value> =
        events.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let data = |event: &&serde_json::Value| event["type"] == "data";
    let remote = format!("127.0.0.1:{port}");
    assert!(events.iter().filter(data).count() >= 2, "{events:?}");
    assert!(events.iter().filter(data).all(|event| event["remote"] == remote));
    let summary = events.last().expect("a summary");
    assert_eq!(summary["unaccounted"], 0, "{summary}");
    server.stop();
}

/// A client that is refused never sends nor receives.
#[test]
fn a_connection_that_is_refused() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = closed.local_addr().expect("an address").port().to_string();
    drop(closed);
    let only = ["tcp", "port", &port];
    let capture = Packets::start(&[["-i", "lo", "--comm", "curl"].as_slice(), &only].concat());
    let ended = Process::run("/usr/bin/curl", [format!("https://127.0.0.1:{port}/")]);
    assert_eq!(ended.status.code(), Some(7), "{}", ended.stderr_text());
    let outcome = capture.stop();
    let to = outcome.file.fields(["tcp.dstport"], "tcp.flags.syn == 1");
    let from = outcome.file.fields(["tcp.srcport"], "tcp.flags.reset == 1");
    assert_eq!((to, from), (vec![[port.clone()]], vec![[port]]));
}

#[test]
fn datagrams() {
    let cert = Cert::new();
    let mut command = Command::new("openssl");
    command.args(["s_server", "-dtls1_2", "-accept", "127.0.0.1:0", "-cert"]);
    command.arg(cert.pem()).arg("-key").arg(cert.key());
    let mut server = Process::start(command);
    let port = server.stdout_line("where it listens", |line| {
        Some(line.strip_prefix("ACCEPT ")?.rsplit(':').next()?.to_owned())
    });
    let pid = server.pid().to_string();
    let capture = Packets::start(&["-i", "lo", "-p", &pid]);
    let mut command = Command::new("openssl");
    command.args(["s_client", "-dtls1_2", "-connect", &format!("127.0.0.1:{port}")]);
    let mut client = Process::start(command);
    client
        .stdout_line("that it connected", |line| line.contains("Verify return code").then_some(()));
    client.feed(b"hello\n", false);
    server.stdout_line("what it got", |line| line.contains("hello").then_some(()));
    server.feed(b"answer\n", false);
    client.stdout_line("the answer", |line| line.contains("answer").then_some(()));
    let outcome = capture.stop();
    let hellos = outcome.file.fields(["udp.dstport"], "dtls.handshake.type == 1");
    assert!(!hellos.is_empty() && hellos.iter().all(|[to]| *to == port), "{hellos:?}");
    let rows = outcome.file.fields(["udp.srcport", "udp.dstport"], "udp");
    assert!(rows.iter().all(|row| row.contains(&port)), "{rows:?}");
    assert_eq!(outcome.file.fields(["frame.number"], "!udp").len(), 0);
    assert_eq!(outcome.figure("undecided"), 0, "{}", outcome.stderr);
    for peer in [client, server] {
        peer.stop(Signal::TERM);
    }
}

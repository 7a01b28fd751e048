//! Sockets of UDP that are older than the capture: whose they are is known, and what they do from
//! then on is captured.

use ::live::{Http3, Process, Quic};

use super::page;
use crate::decrypt::http3_bodies;
use crate::packets::Packets;

/// One socket, and a connection of its own for each page.
#[test]
fn a_connection_that_an_older_socket_makes() {
    let (quic, content) = (Quic::built(), page(50_000, 7));
    let files: [(&str, &[u8]); 2] = [("small", b"a page"), ("large", &content)];
    let server = Http3::start(quic.quinn(), &files, &[]);
    let port = server.port.to_string();
    let mut client = quic.quinn();
    client.arg("fetch").arg(server.cert()).args([&port, "small", "-", "large"]);
    let mut client = Process::start(client);
    client.stdout_line("that it has the first page", |line| (line == "6").then_some(()));
    let pid = client.pid().to_string();
    let capture = Packets::start(&["-i", "lo", "--pid", &pid]);
    client.feed(b"\n", true);
    client.finish().success();
    let outcome = capture.outcome();
    assert_eq!(http3_bodies(&outcome.file), [content], "{}", outcome.stderr);
    assert!(outcome.stderr.contains("keys for 1 of 1 TLS connections"), "{}", outcome.stderr);
    let strangers = outcome.file.fields(["frame.number"], &format!("!(udp.port == {port})"));
    assert_eq!(strangers.len(), 0, "{strangers:?}");
    let comments = outcome.file.comments();
    let named = comments.iter().any(|comment| comment.starts_with(&format!("pid {pid}, http3, ")));
    assert!(named, "{comments:?}");
    server.stop();
}

/// Its keys are gone by, its packets are not.
#[test]
fn a_connection_that_is_older_itself() {
    let quic = Quic::built();
    let files: [(&str, &[u8]); 2] = [("one", b"a page"), ("two", b"another page")];
    let server = Http3::start(quic.quinn(), &files, &[]);
    let port = server.port.to_string();
    let mut client = quic.aioquic();
    client.args(["fetch", &port, "one", "-", "two"]);
    let mut client = Process::start(client);
    client.stdout_line("that it has the first page", |line| (line == "6").then_some(()));
    let pid = client.pid().to_string();
    // Nothing else of the machine is undecided at its end.
    let capture = Packets::start(&["-i", "lo", "--pid", &pid, "udp", "port", &port]);
    client.feed(b"\n", true);
    client.finish().success();
    let outcome = capture.outcome();
    let packets = outcome.file.fields(["udp.srcport", "udp.dstport"], "udp");
    assert!(packets.len() >= 2, "{}", outcome.stderr);
    assert!(packets.iter().all(|ends| ends.contains(&port)), "{packets:?}");
    let [both] = [[0, 1].map(|end| packets.iter().any(|ends| ends[end] == port))];
    assert_eq!(both, [true; 2], "both directions: {packets:?}");
    assert!(!outcome.stderr.contains("TLS connections"), "{}", outcome.stderr);
    assert_eq!(outcome.figure("undecided"), 0, "{}", outcome.stderr);
    server.stop();
}

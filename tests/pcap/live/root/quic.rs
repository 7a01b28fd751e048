//! QUIC: what HTTP/3 servers sent is what tshark finds.

use std::fs;

use ::live::{Http3, Process, Quic};
use pcap_parser::Block;

use super::page;
use crate::decrypt::http3_bodies;
use crate::packets::{Capture, Outcome, Packets, each_block};

/// Checks that every body is there and nothing was left encrypted.
#[track_caller]
fn is_decrypted(outcome: &Outcome, bodies: &[&[u8]]) {
    let found = http3_bodies(&outcome.file);
    let lens = |bodies: &mut dyn Iterator<Item = usize>| bodies.collect::<Vec<_>>();
    let (found_lens, lens) =
        (lens(&mut found.iter().map(Vec::len)), lens(&mut bodies.iter().map(|body| body.len())));
    assert!(found == bodies, "{found_lens:?} instead of {lens:?} bytes: {}", outcome.stderr);
    let shut = outcome.file.fields(["frame.number"], "quic.decryption_failed");
    assert_eq!(shut.len(), 0, "packets that tshark could not decrypt: {shut:?}");
    let counts =
        outcome.stderr.split("keys for ").nth(1).and_then(|rest| rest.split(" TLS").next());
    let (keyed, all) = counts.and_then(|counts| counts.split_once(" of ")).expect("a summary");
    assert_eq!(keyed, all, "{}", outcome.stderr);
}

/// Client ports in the file.
fn clients(file: &Capture, server: u16) -> Vec<String> {
    let rows = file.fields(["udp.dstport"], &format!("udp.srcport == {server}"));
    let mut ports: Vec<_> = rows.into_iter().flatten().collect();
    ports.sort();
    ports.dedup();
    ports
}

/// Lines of keys with this label.
fn keys(file: &Capture, label: &str) -> usize {
    let mut lines = 0;
    each_block(&fs::read(file.path()).expect("the file"), |block| {
        let Block::DecryptionSecrets(block) = block else { return };
        let text = String::from_utf8_lossy(block.data);
        lines += text.lines().filter(|line| line.starts_with(label)).count();
    });
    lines
}

/// Names in the file that the machine's own address goes by.
fn server_names(file: &Capture) -> Vec<String> {
    let mut names = Vec::new();
    each_block(&fs::read(file.path()).expect("the file"), |block| {
        let Block::NameResolution(block) = block else { return };
        // An address, a name, and what fills it up.
        let values = block.nr.iter().filter_map(|record| record.record_value.strip_prefix(LOCAL));
        let name = |value: &[u8]| String::from_utf8_lossy(value).trim_end_matches('\0').to_owned();
        names.extend(values.map(name));
    });
    names.sort();
    names.dedup();
    names
}

const LOCAL: &[u8] = &[127, 0, 0, 1];

/// A ClientHello in two datagrams that pass as one, from BoringSSL.
#[test]
fn a_large_hello_of_a_client_that_is_hooked() {
    let (quic, content) = (Quic::built(), page(100_000, 5));
    let files: [(&str, &[u8]); 2] = [("small", b"a page"), ("large", &content)];
    let server = Http3::start(quic.aioquic(), &files, &[]);
    let port = server.port.to_string();
    let capture = Packets::start(&["-i", "lo", "udp", "port", &port]);
    let mut client = quic.curl();
    client.args([&port, "small", "large"]);
    Process::start(client).finish().success();
    let outcome = capture.stop();
    is_decrypted(&outcome, &[b"a page", &content]);
    assert_eq!(server_names(&outcome.file), ["localhost"]);
    server.stop();
}

/// Neither end's socket is connected; only the server is asked for.
#[test]
fn connections_between_the_same_ends_to_a_server_that_is_hooked() {
    let (quic, content) = (Quic::built(), page(300_000, 6));
    let files: [(&str, &[u8]); 2] = [("small", b"a page"), ("large", &content)];
    let start = || Http3::start(quic.quinn(), &files, &[]);
    let (server, other) = (start(), start());
    let capture = Packets::start(&["-i", "lo", "--pid", &server.pid().to_string()]);
    for server in [&other, &server] {
        let mut client = quic.quinn();
        client.arg("fetch").arg(server.cert()).arg(server.port.to_string());
        client.args(["small", "large", "small"]);
        Process::start(client).finish().success();
    }
    let outcome = capture.stop();
    is_decrypted(&outcome, &[b"a page", &content, b"a page"]);
    let port = format!("udp.port == {}", server.port);
    let strangers = outcome.file.fields(["frame.number"], &format!("!({port})"));
    assert_eq!(strangers.len(), 0, "{strangers:?}");
    assert!(outcome.figure("of others") >= 10, "{}", outcome.stderr);
    assert_eq!(clients(&outcome.file, server.port).len(), 1);
    assert_eq!(keys(&outcome.file, "CLIENT_TRAFFIC_SECRET_0"), 3);
    let pid = format!("pid {}, http3, ", server.pid());
    assert!(outcome.file.comments().iter().any(|comment| comment.starts_with(&pid)));
    [server, other].into_iter().for_each(Http3::stop);
}

/// Its server wants to know first whether the address is its own.
#[test]
fn a_client_by_its_name_and_after_a_retry() {
    let quic = Quic::built();
    let files: [(&str, &[u8]); 1] = [("page", b"a page")];
    let start = || Http3::start(quic.aioquic(), &files, &["retry"]);
    let (server, other) = (start(), start());
    // Other tests have programs of this name.
    let ports = format!("udp port {} or udp port {}", server.port, other.port);
    let capture = Packets::start(&["-i", "lo", "--comm", "http3", &ports]);
    let mut stranger = quic.aioquic();
    stranger.args(["fetch", &other.port.to_string(), "page"]);
    let mut client = quic.quinn();
    client.arg("fetch").arg(server.cert()).args([&server.port.to_string(), "page"]);
    for client in [stranger, client] {
        Process::start(client).finish().success();
    }
    let outcome = capture.stop();
    is_decrypted(&outcome, &[b"a page"]);
    assert_eq!(clients(&outcome.file, other.port), Vec::<String>::new());
    let retries = outcome.file.fields(["frame.number"], "quic.long.packet_type == 3");
    assert_eq!(retries.len(), 1);
    [server, other].into_iter().for_each(Http3::stop);
}

/// The client goes on from another port (RFC 9000, section 9).
#[test]
fn a_connection_that_moves() {
    let quic = Quic::built();
    let files: [(&str, &[u8]); 2] = [("one", b"a page"), ("two", b"another page")];
    let server = Http3::start(quic.quinn(), &files, &[]);
    let capture = Packets::start(&["-i", "lo", "--pid", &server.pid().to_string()]);
    let mut client = quic.aioquic();
    client.args(["fetch", &server.port.to_string(), "move", "one", "two"]);
    Process::start(client).finish().success();
    let outcome = capture.stop();
    is_decrypted(&outcome, &[b"a page", b"another page"]);
    assert!(clients(&outcome.file, server.port).len() >= 2, "it did not move");
    assert_eq!(keys(&outcome.file, "CLIENT_TRAFFIC_SECRET_0"), 1);
    server.stop();
}

/// Version 2 (RFC 9369), of which the client's first packets are protected otherwise. Nothing hooks
/// either end, so that its name is all that can be read.
#[test]
fn a_connection_of_version_2() {
    let quic = Quic::built();
    let server = Http3::start(quic.aioquic(), &[("page", b"a page")], &[]);
    let port = server.port.to_string();
    let capture = Packets::start(&["-i", "lo", "udp", "port", &port]);
    let mut client = quic.aioquic();
    client.args(["fetch", &port, "v2", "page"]);
    Process::start(client).finish().success();
    let outcome = capture.stop();
    let versions = outcome.file.fields(["quic.version"], "quic.long.packet_type_v2 == 1");
    assert!(!versions.is_empty() && versions.iter().flatten().all(|v| v.contains("0x6b3343cf")));
    assert!(outcome.stderr.contains("keys for 0 of 1 TLS connections"), "{}", outcome.stderr);
    assert_eq!(server_names(&outcome.file), ["localhost"]);
    server.stop();
}

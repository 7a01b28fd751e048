//! A program whose thread used another socket last when it came to the keys.

use ::live::{Nginx, Process, python, source_path};

use super::page;
use crate::packets::Packets;

#[test]
fn a_clienthello_says_whose_the_keys_are() {
    let (first, second) = (page(5000, 21), page(5000, 22));
    let files: [(&str, &[u8]); 2] = [("first", &first), ("second", &second)];
    let nginx = Nginx::speaking("TLSv1.3", 1, &files);
    let address = nginx.address();
    let (host, port) = address.split_once(':').expect("an address");
    let mut command = python();
    command.arg(source_path("tests/programs/python_astray.py")).arg(nginx.cert());
    command.args([host, port]);
    let mut client = Process::start(command);
    let ports = |line: &str, name| line.strip_prefix(name)?.trim().parse().ok();
    let other: u16 = client.stdout_line("its other socket", |line| ports(line, "other "));
    // nginx has the same keys, and would say whose they are.
    let pid = client.pid().to_string();
    let capture = Packets::start(&["-i", "lo", "-p", &pid]);
    client.feed(b"\n", true);
    let own: [u16; 2] = ["first ", "second "]
        .map(|name| client.stdout_line("its own socket", |line| ports(line, name)));
    client.finish().success();
    nginx.stop();
    let outcome = capture.outcome();
    let said = &outcome.stderr;
    assert!(said.contains("1 connections had their keys computed by a thread"), "{said}");
    assert!(said.contains("keys for 2 of 2 TLS connections"), "{said}");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let objects = crate::decrypt::objects(&outcome.file.path(), dir.path());
    let objects: Vec<_> = objects.into_iter().map(|(_, content)| content).collect();
    assert_eq!(objects.len(), 2);
    assert!([first, second].iter().all(|page| objects.contains(page)));
    // What the other socket moved is there, and no TLS.
    let of = |port: u16, what: &str| {
        outcome.file.fields(["frame.number"], &format!("tcp.port == {port} && {what}")).len()
    };
    assert!(of(other, "tcp.len > 0") > 0);
    assert_eq!(of(other, "tls"), 0);
    assert!(own.into_iter().all(|port| of(port, "http.response") == 1));
}

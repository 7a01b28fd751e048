//! Files that hold the keys of their packets: what was served is what tshark finds.

use std::process::Command;

use ::live::{Machine, Nginx, Process};

use super::{fetch, hex, page};
use crate::packets::Packets;

/// What was served is what tshark finds in the packets, byte for byte.
#[track_caller]
fn is_decrypted(file: &std::path::Path, pages: &[&[u8]]) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let found = crate::decrypt::objects(file, dir.path());
    let names: Vec<_> = found.iter().map(|object| &object.0).collect();
    assert_eq!(found.len(), pages.len(), "{names:?}");
    for (name, content) in &found {
        assert!(pages.contains(&content.as_slice()), "{name}: {} bytes", content.len());
    }
}

#[test]
fn curl_and_nginx_are_decrypted_in_every_version() {
    let (small, large) = (page(1000, 1), page(300_000, 2));
    let files: [(&str, &[u8]); 2] = [("small", &small), ("large", &large)];
    let nginx = Nginx::speaking("TLSv1.2 TLSv1.3", 1, &files);
    let pid = nginx.workers[0].to_string();
    let capture = Packets::start(&["-i", "lo", "-p", &pid]);
    for version in [["--http1.1", "--tlsv1.3"], ["--http2", "--tlsv1.3"]] {
        fetch(&nginx, "small", &version);
        fetch(&nginx, "large", &version);
    }
    fetch(&nginx, "large", &["--http1.1", "--tls-max", "1.2"]);
    nginx.stop();
    let outcome = capture.outcome();
    // tshark exports no objects of HTTP/2.
    is_decrypted(&outcome.file.path(), &[&small, &large, &large]);
    let bodies = crate::decrypt::http2_bodies(&outcome.file);
    for content in [&small, &large] {
        assert!(bodies.contains(&hex(content)), "{} bodies", bodies.len());
    }
    let said = &outcome.stderr;
    assert!(said.contains("keys for 5 of 5 TLS connections"), "{said}");
    assert!(!said.contains("another socket"), "{said}");
}

#[test]
fn only_the_client_is_hooked() {
    let content = page(50_000, 3);
    let nginx = Nginx::speaking("TLSv1.3", 1, &[("page", &content)]);
    let port = "8443";
    let host = nginx.address().replace(":8443", "");
    let only = ["host", &host, "and", "tcp", "port", port];
    let capture = Packets::start(&[["-i", "lo", "--comm", "node"].as_slice(), &only].concat());
    let script = "require('https').get(process.argv[1], r => r.resume())";
    let mut command = Command::new("/usr/bin/node");
    command.env("NODE_EXTRA_CA_CERTS", nginx.cert());
    command.args(["-e", script]).arg(nginx.url("page"));
    Process::start(command).finish().success();
    nginx.stop();
    let outcome = capture.stop();
    is_decrypted(&outcome.file.path(), &[&content]);
}

#[test]
fn a_thousand_connections_are_decrypted() {
    let machine = Machine::alone();
    let files: [(&str, &[u8]); 1] = [("page", b"a page of some bytes")];
    let nginx = Nginx::speaking("TLSv1.3", 1, &files);
    let host = nginx.address().replace(":8443", "");
    let only = ["host", &host, "and", "tcp", "port", "8443"];
    let capture = Packets::start_within(machine, &[["-i", "lo"].as_slice(), &only].concat());
    let wrk = ["-t1", "-c1000", "-d4s", "--timeout", "20s"];
    Process::run("wrk", wrk.into_iter().chain([nginx.url("page").as_str()])).success();
    let served = nginx.stop();
    let outcome = capture.stop();
    assert_eq!(outcome.figure("dropped by the kernel"), 0, "{}", outcome.stderr);
    let answers = outcome.file.fields(["http.file_data"], "http.response.code == 200");
    let page = hex(b"a page of some bytes");
    let whole = answers
        .iter()
        .filter(|[data]| data.replace(':', "") == page || data == "a page of some bytes");
    let whole = whole.count();
    // Answers that nobody waited for any more were cut off.
    assert!(whole + 1000 >= served.len(), "{whole} of {}", served.len());
    assert!(whole > 1000, "{whole} answers: {}", outcome.stderr);
}

//! The programs that the tests observe are right about themselves: what one end says it sent is
//! what the other end says it got. No ecapture here, and no root.

use std::process::Command;

use live::{Cert, OpenSsl, Tlsdrive, Victim, assert_same, python, source_path};

fn tlsdrive(openssl: OpenSsl, mode: &str, options: &str) {
    let cert = Cert::new();
    let told = Tlsdrive::new(&cert, mode, options).with(openssl).run();
    assert_same(&told.moved);
}

#[test]
fn tlsdrive_over_ipv4_ipv6_and_a_socket_pair() {
    for net in ["4", "6", "pair"] {
        tlsdrive(OpenSsl::System, "plain", &format!("n=3 net={net}"));
    }
}

#[test]
fn tlsdrive_with_calls_of_no_and_of_many_bytes() {
    for put in ["write", "write_ex"] {
        tlsdrive(OpenSsl::System, "sizes", &format!("sizes=0,1,65537,1048576 put={put}"));
    }
}

#[test]
fn tlsdrive_in_its_odd_modes() {
    for (mode, options) in [
        ("conns", "n=50"),
        ("threads", "n=8"),
        ("nested", "n=3"),
        ("retried", "bytes=1000000"),
        ("retried", "bytes=1000000 partial=1"),
        ("forked", "n=3"),
        ("reused", "n=3"),
        ("cleared", "n=3"),
        ("sendfile", ""),
    ] {
        tlsdrive(OpenSsl::System, mode, options);
    }
}

#[test]
fn tlsdrive_calls_every_function_of_every_openssl() {
    for openssl in [OpenSsl::System, OpenSsl::V111, OpenSsl::V36, OpenSsl::V36Exported] {
        tlsdrive(openssl, "rows", "");
        tlsdrive(openssl, "early", "");
    }
}

#[test]
fn python_in_both_manners() {
    for manner in ["blocking", "asyncio"] {
        let cert = Cert::new();
        let mut peers = python();
        peers.arg(source_path("tests/programs/python_peers.py")).arg(manner);
        peers.arg(cert.pem()).arg(cert.key());
        assert_same(&Victim::start(peers).finish().moved);
    }
}

#[test]
fn node() {
    let cert = Cert::new();
    let mut peers = Command::new("/usr/bin/node");
    peers.arg(source_path("tests/programs/node_peers.js")).arg(cert.pem()).arg(cert.key());
    assert_same(&Victim::start(peers).finish().moved);
}

//! Which packets: those of a process, of a filter, or all.

use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use ::live::{Machine, Nginx, Process, SServer};
use rustix::process::Signal;

use super::{ENDS, is_one_connection};
use crate::packets::{Packets, Statistics, each_block};
use crate::peers::Server;

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

#[test]
fn the_packets_of_one_process_and_of_no_other() {
    let (server, other) = (Server::start("127.0.0.1"), Server::start("127.0.0.1"));
    let pid = server.pid().to_string();
    // As eCapture's performance page has it.
    let capture = Packets::start(&["-i", "lo", &format!("--pid={pid}")]);
    let before = now();
    let ((client, port), _) = (server.fetch(), other.fetch());
    let after = now();
    let outcome = capture.stop();
    is_one_connection(&outcome.file, port, server.port);
    for [time] in outcome.file.fields(["frame.time_epoch"], "frame") {
        let time: f64 = time.parse().expect("seconds");
        assert!(before <= time && time <= after, "{before} {time} {after}");
    }
    // A program that is gone by the time can't be asked for its file any more.
    let comments = outcome.file.comments();
    let mut comments: Vec<_> =
        comments.iter().map(|comment| comment.replace(" /usr/bin/curl,", "")).collect();
    comments.sort();
    let mut expected = [
        format!("pid {pid}, openssl, /usr/bin/openssl, at 127.0.0.1:{}", server.port),
        format!("pid {client}, curl, at 127.0.0.1:{port}"),
    ];
    expected.sort();
    assert_eq!(comments, expected);
    assert_eq!(outcome.figure("undecided"), 0, "{}", outcome.stderr);
    assert!(outcome.figure("of others") >= 10, "{}", outcome.stderr);
    let written = outcome.figure("packets written");
    let [Statistics { written: counted, dropped: 0, .. }] = outcome.file.statistics()[..] else {
        panic!("{:?}", outcome.file.statistics())
    };
    assert_eq!(written, counted);
    [server, other].into_iter().for_each(Server::stop);
}

#[test]
fn ipv6_and_a_process_by_its_name() {
    let server = Server::start("[::1]");
    let only = format!("ip6 and tcp port {}", server.port);
    let capture = Packets::start(&["-i", "lo", "--comm", "curl", &only]);
    let (_, port) = server.fetch();
    let client = ["s_client", "-connect", &format!("[::1]:{}", server.port)];
    let ended = Process::run("openssl", client);
    assert!(ended.stdout_text().contains("CONNECTED"), "{}", ended.stdout_text());
    let outcome = capture.stop();
    is_one_connection(&outcome.file, port, server.port);
    assert_eq!(outcome.file.fields(["frame.number"], "!ipv6").len(), 0);
    server.stop();
}

#[test]
fn without_a_process_every_packet_that_passes_the_filter() {
    let (server, other) = (Server::start("127.0.0.1"), Server::start("127.0.0.1"));
    let filter = ["tcp", "port", &server.port.to_string()];
    let capture = Packets::start(&[["-i", "lo"].as_slice(), &filter].concat());
    let ((client, port), _) = (server.fetch(), other.fetch());
    let outcome = capture.stop();
    is_one_connection(&outcome.file, port, server.port);
    assert!(!outcome.stderr.contains("undecided"), "{}", outcome.stderr);
    let named = outcome.file.comments();
    assert!(named.iter().any(|name| name.starts_with(&format!("pid {client}, curl"))));
    let mut filters = Vec::new();
    each_block(&fs::read(outcome.file.path()).expect("the file"), |block| {
        if let pcap_parser::Block::InterfaceDescription(block) = block {
            let filter = block.options.iter().find(|option| option.code.0 == 11);
            filters.extend(filter.map(|filter| filter.as_bytes().expect("a value")[1..].to_vec()));
        }
    });
    assert_eq!(filters, [filter.join(" ").into_bytes()]);
    [server, other].into_iter().for_each(Server::stop);
}

#[test]
fn a_connection_that_is_older_than_the_capture() {
    let mut server = SServer::start();
    let address = server.address();
    let mut command = Command::new("openssl");
    command.args(["s_client", "-quiet", "-connect", &address]);
    let mut client = Process::start(command);
    client.feed(b"first\n", false);
    server.process().stdout_holds(b"first");
    let pid = client.pid().to_string();
    let capture = Packets::start(&["-i", "lo", "--pid", &pid]);
    // The server sends, and the client has not called anything yet when it does.
    server.process().feed(b"second\n", false);
    client.stdout_line("what it got", |line| line.contains("second").then_some(()));
    let port = address.rsplit(':').next().expect("a port").to_owned();
    let outcome = capture.stop();
    let rows = outcome.file.fields(ENDS, "tcp.len > 0");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0][0], port, "{rows:?}");
    client.stop(Signal::TERM);
    server.finish();
}

/// Hundreds of short connections a second, each of which is decided while it begins.
#[test]
fn every_connection_of_a_busy_server() {
    let machine = Machine::alone();
    let nginx = Nginx::start(1, &[("page", b"a page")]);
    let pid = nginx.workers[0].to_string();
    let capture = Packets::start_within(machine, &["-i", "lo", "--pid", &pid]);
    let close = ["-H", "Connection: close", "-t1", "-c20", "-d1s"];
    Process::run("wrk", close.into_iter().chain([nginx.url("page").as_str()])).success();
    let mut served: Vec<String> =
        nginx.stop().iter().map(|request| request.remote_port.to_string()).collect();
    let outcome = capture.outcome();
    assert_eq!(outcome.figure("dropped by the kernel"), 0, "{}", outcome.stderr);
    let opened = outcome.file.fields(["tcp.srcport"], "tcp.flags == 0x002");
    let opened: Vec<String> = opened.into_iter().flatten().collect();
    assert!(served.len() > 100, "{} connections", served.len());
    served.sort();
    served.dedup();
    let missing: Vec<_> = served.iter().filter(|port| !opened.contains(port)).collect();
    assert_eq!(missing, Vec::<&String>::new(), "{}", outcome.stderr);
    let gaps = "tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment";
    assert_eq!(outcome.file.fields(["tcp.stream"], gaps).len(), 0, "packets are missing");
    let strangers = outcome.file.fields(["frame.number"], "tcp.port != 8443");
    assert_eq!(strangers.len(), 0);
}

//! Captures that go on in new files: each is whole, and has the keys that its packets need.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ::live::{Http3, Nginx, Process, Quic};
use rustix::process::Signal;

use super::{fetch, page};
use crate::decrypt::{http3_bodies, objects};
use crate::packets::{Capture, Packets, each_block};

/// Lines of keys, checked to be in a file that begins and ends as each of a set must.
#[track_caller]
fn keys(file: &Path) -> usize {
    live::assert_private(file);
    let [mut keys, mut statistics] = [0; 2];
    each_block(&fs::read(file).expect("a file"), |block| match block {
        pcap_parser::Block::DecryptionSecrets(block) => {
            keys += String::from_utf8_lossy(block.data).lines().count();
        }
        pcap_parser::Block::InterfaceStatistics(_) => statistics += 1,
        _ => {}
    });
    assert_eq!(statistics, 1, "{}: interface statistics", file.display());
    keys
}

/// The ports of a file's packets.
#[track_caller]
fn ports(file: &Path) -> BTreeSet<String> {
    let ends = ["tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport"];
    let packets = Capture::copy(file).fields(ends, "tcp or udp");
    packets.into_iter().flatten().filter(|port| !port.is_empty()).collect()
}

/// Checks a set in which each of `fetches` connections carried one page: every page is found whose
/// connection is in one file alone, but for those whose keys came too late on a busy machine. The
/// hello of one that waits for its keys may be in the file before, so several may be in two.
#[track_caller]
fn is_complete(files: &[PathBuf], said: &str, fetches: usize, pages: impl Fn(&Path) -> usize) {
    assert!(files.len() >= 3, "{files:?}: {said}");
    let ports: Vec<_> = files.iter().map(|file| ports(file)).collect();
    let [mut found, mut alone] = [0; 2];
    for (index, file) in files.iter().enumerate() {
        // The last one may hold nothing that is encrypted.
        let keys = keys(file);
        assert!(keys > 0 || index + 1 == files.len(), "{} has no keys", file.display());
        found += pages(file);
        let others = |port: &&String| {
            ports.iter().enumerate().all(|(other, ports)| other == index || !ports.contains(*port))
        };
        alone += ports[index].iter().filter(others).count();
    }
    let keyed = said.split("keys for ").nth(1).and_then(|rest| rest.split(' ').next());
    let keyed: usize = keyed.and_then(|n| n.parse().ok()).expect("a summary with keys");
    assert!(keyed <= fetches && 2 * keyed > fetches, "{said}");
    assert!(alone > 0, "no connection is in one file: {files:?}: {said}");
    let late = fetches - keyed;
    assert!(found + late >= alone, "{found} pages of {alone}, {files:?}: {said}");
}

#[track_caller]
fn pages_of_http(file: &Path, content: &[u8]) -> usize {
    let dir = tempfile::tempdir().expect("a temporary directory");
    objects(file, dir.path()).iter().filter(|(_, found)| found == content).count()
}

#[test]
fn every_file_of_a_set_is_complete() {
    let content = page(400_000, 4);
    let nginx = Nginx::start(1, &[("page", &content)]);
    let pid = nginx.workers[0].to_string();
    let capture = Packets::start(&["-i", "lo", "-p", &pid, "--rotate-size", "1"]);
    for _ in 0..9 {
        fetch(&nginx, "page", &["--http1.1"]);
    }
    nginx.stop();
    let (_dir, files, said) = capture.set();
    is_complete(&files, &said, 9, |file| pages_of_http(file, &content));
    // A batch of packets goes into one file, however long they waited.
    for file in &files {
        let len = fs::metadata(file).expect("a file").len();
        assert!(len < 1_500_000, "{}: {len} bytes", file.display());
    }
}

/// Time passes while nothing else does: a file ends with the first packets after it.
#[test]
fn files_that_are_old_enough_are_followed_by_others() {
    let content = page(2000, 5);
    let nginx = Nginx::start(1, &[("page", &content)]);
    let pid = nginx.workers[0].to_string();
    let capture = Packets::start(&["-i", "lo", "-p", &pid, "--rotate-time", "1"]);
    let mut fetches = 0;
    while capture.files().len() < 3 {
        fetch(&nginx, "page", &["--http1.1"]);
        fetches += 1;
    }
    nginx.stop();
    let (_dir, files, said) = capture.set();
    is_complete(&files, &said, fetches, |file| pages_of_http(file, &content));
}

#[test]
fn every_file_of_a_set_of_quic_is_complete() {
    let (quic, content) = (Quic::built(), page(400_000, 6));
    let server = Http3::start(quic.quinn(), &[("page", &content)], &[]);
    let pid = server.pid().to_string();
    let capture = Packets::start(&["-i", "lo", "-p", &pid, "--rotate-size", "1"]);
    for _ in 0..9 {
        let mut client = quic.quinn();
        client.arg("fetch").arg(server.cert()).arg(server.port.to_string()).arg("page");
        Process::start(client).finish().success();
    }
    capture.signal(Signal::INT);
    let (_dir, files, said) = capture.set();
    is_complete(&files, &said, 9, |file| {
        http3_bodies(&Capture::copy(file)).iter().filter(|body| **body == content).count()
    });
    server.stop();
}

/// One connection that goes on through all files: each has its keys.
#[test]
fn a_connection_in_several_files_has_its_keys_in_each() {
    let content = page(4_000_000, 8);
    let nginx = Nginx::start(1, &[("page", &content)]);
    let pid = nginx.workers[0].to_string();
    let capture = Packets::start(&["-i", "lo", "-p", &pid, "--rotate-size", "1"]);
    fetch(&nginx, "page", &["--http1.1"]);
    nginx.stop();
    let (_dir, files, said) = capture.set();
    assert!(files.len() >= 3, "{files:?}: {said}");
    for file in files.iter().filter(|file| !ports(file).is_empty()) {
        assert!(keys(file) > 0, "{} has no keys: {said}", file.display());
    }
}

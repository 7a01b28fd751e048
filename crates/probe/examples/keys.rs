//! Prints what `keyscan` finds in files, how long it took and how much memory at most, besides what
//! the process had:
//! `cargo run --release --example keys FILE…`

#![allow(clippy::print_stdout, reason = "it is its purpose")]

use std::error::Error;
use std::fs::File;
use std::time::Instant;

use ecapture_probe::keyscan;

fn main() -> Result<(), Box<dyn Error>> {
    for path in std::env::args().skip(1) {
        let file = File::open(&path)?;
        let before = most_memory();
        let start = Instant::now();
        let found = keyscan::scan(&file);
        let took = start.elapsed();
        let more = most_memory().saturating_sub(before);
        match found {
            Ok(sites) => println!("{path}: {sites} ({took:.1?}, {more} KiB)"),
            Err(error) => println!("{path}: {error}"),
        }
    }
    Ok(())
}

/// The most memory that this process ever had, in KiB.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

//! Prints what `keyscan` finds in files, how long it took and how much memory at most, besides what
//! the process had; and how long it takes to tell that a file is a copy of one that was searched:
//! `cargo run --release --example keys FILE…`

#![allow(clippy::print_stdout, reason = "it is its purpose")]

use std::error::Error;
use std::fs::File;
use std::time::Instant;

use ecapture_probe::{Witness, keyscan};

fn main() -> Result<(), Box<dyn Error>> {
    for path in std::env::args().skip(1) {
        let file = File::open(&path)?;
        let before = most_memory();
        let start = Instant::now();
        let witness = Witness::of(&file);
        let found = keyscan::scan(&witness);
        let took = start.elapsed();
        let copied = witness.evidence().map(|evidence| {
            let start = Instant::now();
            assert!(evidence.holds(&file), "{path} changed meanwhile");
            start.elapsed()
        });
        let copied = copied.map_or("never".to_owned(), |took| format!("{took:.1?}"));
        let more = most_memory().saturating_sub(before);
        match found {
            Ok(sites) => println!("{path}: {sites} ({took:.1?}, {more} KiB; as a copy {copied})"),
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

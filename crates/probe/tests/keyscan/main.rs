//! Key sites in real libraries and in small programs that a compiler makes for the test.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may fail, and says which file it looked at"
)]

mod corpus;
mod fixtures;
mod hostile;
mod wide;

use std::fs::File;
use std::path::Path;

use ecapture_probe::keyscan::{KeySites, scan};

/// What is found in a file.
fn found(path: &Path) -> KeySites {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let sites = scan(&file).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    println!("{}: {sites}", path.display());
    sites
}

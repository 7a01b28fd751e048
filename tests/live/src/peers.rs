//! `tests/programs/tlspeers`: one small program per TLS library, compiled, run, and its word taken.

use std::{fs, path::PathBuf, process::Command};

use crate::{
    cert::Cert,
    process::Process,
    recording::sha256,
    tree::{source_path, target_dir},
    victim::Victim,
};

/// A program over the library `name`, to be started: it waits at the gate `start` with the library
/// mapped. `options` are `name=value`, separated by spaces.
#[track_caller]
pub fn peers(cert: &Cert, name: &str, link: &[&str], options: &str) -> Victim {
    let mut command = Command::new(compiled(name, link));
    command.arg(format!("cert={}", cert.pem().display()));
    command.arg(format!("key={}", cert.key().display()));
    command.args(options.split_whitespace());
    Victim::start(command)
}

/// Compiles it once for each text of its sources.
#[track_caller]
fn compiled(name: &str, link: &[&str]) -> PathBuf {
    let source = source_path("tests/programs/tlspeers");
    let files = ["peers.h", "peers.c", &format!("{name}.c")].map(|file| source.join(file));
    let mut all = link.concat().into_bytes();
    for file in &files {
        all.extend(fs::read(file).expect("a source"));
    }
    let dir = target_dir().join("victims").join(&sha256(&all)[..16]);
    let program = dir.join(format!("{name}-peers"));
    if program.exists() {
        return program;
    }
    fs::create_dir_all(&dir).expect("target can be written");
    // Compiled aside and moved into place, so that two tests at once do no harm.
    let aside = tempfile::NamedTempFile::new_in(&dir).expect("target can be written");
    let mut cc = Command::new("cc");
    cc.args(["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-o"]).arg(aside.path());
    cc.args(&files[1..]).args(link).arg("-lcrypto");
    Process::start(cc).finish().success();
    aside.persist(&program).expect("target can be written");
    program
}

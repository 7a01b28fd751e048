//! Programs in Go, compiled by Debian's toolchain.

use std::{fs, path::PathBuf, process::Command};

use crate::{
    process::Process,
    recording::sha256,
    tree::{source_path, target_dir},
};

/// The program `tests/programs/NAME.go`, compiled with these arguments, once for each text of it.
#[track_caller]
pub fn go_program(name: &str, args: &[&str]) -> PathBuf {
    let source = source_path(&format!("tests/programs/{name}.go"));
    let mut all = args.join(" ").into_bytes();
    all.extend(fs::read(&source).expect("a source"));
    let dir = target_dir().join("victims").join(&sha256(&all)[..16]);
    let program = dir.join(name);
    if program.exists() {
        return program;
    }
    fs::create_dir_all(&dir).expect("target can be written");
    // Compiled aside and moved into place, so that two tests at once do no harm.
    let aside = tempfile::tempdir_in(&dir).expect("target can be written");
    let mut go = Command::new("go");
    go.arg("build").args(args).arg("-o").arg(aside.path().join(name)).arg(source);
    go.env("GOCACHE", target_dir().join("go-cache")).env("GOFLAGS", "-mod=mod");
    go.env("HOME", aside.path());
    Process::start(go).finish_slowly().success();
    fs::rename(aside.path().join(name), &program).expect("target can be written");
    program
}

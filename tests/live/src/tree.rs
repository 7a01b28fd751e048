//! Where things are: the binary under test, the sources of the victims, the programs of the system.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use crate::process::Process;

/// The directory that cargo builds this profile into.
pub(crate) fn profile_dir() -> PathBuf {
    let exe = env::current_exe().expect("the test's own path");
    exe.ancestors().nth(2).expect("a test runs in target/PROFILE/deps").to_path_buf()
}

/// The directory that cargo builds everything into.
pub(crate) fn target_dir() -> PathBuf {
    profile_dir().parent().expect("a profile is in target").to_path_buf()
}

/// A file of this repository.
pub fn source_path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(relative)
}

/// The binary under test: `$ECAPTURE`, or the one that was built beside this test, or a release.
pub fn ecapture_binary() -> PathBuf {
    if let Some(path) = env::var_os("ECAPTURE") {
        return path.into();
    }
    let candidates = [profile_dir().join("ecapture"), target_dir().join("release/ecapture")];
    let found = candidates.iter().find(|path| path.exists());
    found.cloned().unwrap_or_else(|| panic!("build ecapture first; it is not at {candidates:?}"))
}

/// Debian's python3, not what a user's shell may prefer.
pub fn python() -> Command {
    Command::new("/usr/bin/python3")
}

/// A program under a name of its own in this folder, by which a capture can choose it.
#[track_caller]
pub fn known_as(folder: &Path, name: &str, program: impl AsRef<Path>) -> PathBuf {
    let link = folder.join(name);
    let _ = fs::remove_file(&link);
    symlink(program, &link).expect("a folder");
    link
}

/// A Python that has what tests/programs/requirements.txt pins.
#[track_caller]
pub fn python_with_readers() -> Command {
    let mut venv = Command::new(source_path("tests/programs/venv.sh"));
    venv.arg(target_dir());
    let python = Process::start(venv).finish_slowly().success().stdout_text().trim().to_owned();
    Command::new(python)
}

/// A process that does nothing but keep the system's libssl mapped, as something does on every
/// machine: tests in which a library is not the news need not wait for it to be found.
#[track_caller]
pub fn libssl_in_use() -> Process {
    let mut command = python();
    command.args(["-c", "import ssl, sys; print('mapped', flush=True); sys.stdin.read()"]);
    idle(command)
}

/// The same for the library that node carries.
#[track_caller]
pub fn node_in_use() -> Process {
    let mut command = Command::new("/usr/bin/node");
    command.args(["-e", "console.log('mapped'); process.stdin.resume()"]);
    idle(command)
}

#[track_caller]
fn idle(command: Command) -> Process {
    let process = Process::start(command);
    process.stdout_line("that it runs", |line| (line == "mapped").then_some(()));
    process
}

/// A curl that reads no configuration and trusts one certificate only.
pub fn curl(cert: &Path) -> Command {
    let mut command = Command::new("/usr/bin/curl");
    command.args(["--disable", "--silent", "--show-error", "--noproxy", "*", "--cacert"]).arg(cert);
    command
}

//! Where things are: the binary under test, the sources of the victims, the programs of the system.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

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

/// A curl that reads no configuration and trusts one certificate only.
pub fn curl(cert: &Path) -> Command {
    let mut command = Command::new("/usr/bin/curl");
    command.args(["--disable", "--silent", "--show-error", "--noproxy", "*", "--cacert"]).arg(cert);
    command
}

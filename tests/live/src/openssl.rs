//! OpenSSL releases other than the system's: built once per target directory, then kept.

use std::{path::PathBuf, process::Command};

use crate::{
    process::Process,
    tree::{source_path, target_dir},
};

/// Where LibreSSL is, with its `openssl`. Builds it if need be.
#[track_caller]
pub fn libressl() -> PathBuf {
    build();
    target_dir().join("libressl")
}

/// Where the libraries of a wheel are that carries OpenSSL 1.0.2, fetched once.
#[track_caller]
pub fn openssl_102() -> PathBuf {
    let wheel = target_dir().join("wheels/psycopg2-binary-2.7.5");
    let libraries = wheel.join("psycopg2/.libs");
    if !libraries.exists() {
        let aside = tempfile::tempdir_in(target_dir()).expect("target can be written");
        let mut fetch = Command::new("python3");
        fetch.args(["-m", "pip", "-q", "--disable-pip-version-check", "download", "--no-deps"]);
        fetch.args(["--only-binary=:all:", "--platform", "manylinux1_x86_64"]);
        fetch.args(["--python-version", "36", "--implementation", "cp", "--abi", "cp36m", "-d"]);
        fetch.arg(aside.path()).arg("psycopg2-binary==2.7.5");
        Process::start(fetch).finish_slowly().success();
        let file = std::fs::read_dir(aside.path()).expect("a folder").next().expect("a wheel");
        let file = file.expect("a wheel").path();
        let mut unpack = Command::new("python3");
        unpack.args(["-m", "zipfile", "-e"]).arg(file).arg(aside.path().join("whole"));
        Process::start(unpack).finish().success();
        std::fs::create_dir_all(target_dir().join("wheels")).expect("target can be written");
        // Two tests at once do no harm: whose move fails finds the other's.
        let moved = std::fs::rename(aside.path().join("whole"), &wheel);
        assert!(moved.is_ok() || libraries.exists(), "{moved:?}");
    }
    libraries
}

fn build() {
    let mut build = Command::new(source_path("tests/openssl/build.sh"));
    build.arg(target_dir());
    Process::start(build).finish_slowly().success();
}

/// A release that victims can be linked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenSsl {
    /// What the system has, as a shared library.
    System,
    /// 1.1.1, as a shared library of the victim's own.
    V111,
    /// 3.6, within the victim's executable, which keeps its symbol table and exports nothing.
    V36,
    /// 3.6, within an executable that exports it and has no other symbols, as node's does.
    V36Exported,
}

impl OpenSsl {
    /// The directory with `include` and `lib`; `None` for the system's. Builds it if need be.
    #[track_caller]
    pub(crate) fn prefix(self) -> Option<PathBuf> {
        let name = match self {
            Self::System => return None,
            Self::V111 => "openssl-111",
            Self::V36 | Self::V36Exported => "openssl-36",
        };
        build();
        Some(target_dir().join(name))
    }

    /// A shared library with all of a release; the system's by its name.
    #[track_caller]
    pub fn shared(self) -> PathBuf {
        let Some(prefix) = self.prefix() else { return "libssl.so.3".into() };
        let lib = prefix.join("lib");
        if self == Self::V111 {
            return lib.join("libssl.so");
        }
        let whole = lib.join("libssl-whole.so");
        if !whole.exists() {
            let aside = tempfile::NamedTempFile::new_in(&lib).expect("target can be written");
            let mut cc = Command::new("cc");
            cc.args(["-shared", "-Wl,-Bsymbolic", "-o"]).arg(aside.path()).arg("-L").arg(&lib);
            cc.args(["-Wl,--whole-archive", "-lssl", "-lcrypto", "-Wl,--no-whole-archive"]);
            cc.args(["-ldl", "-lpthread"]);
            Process::start(cc).finish_slowly().success();
            aside.persist(&whole).expect("target can be written");
        }
        whole
    }

    /// What the compiler is told so that a program uses this release.
    #[track_caller]
    pub(crate) fn link_arguments(self) -> Vec<String> {
        let mut args: Vec<String> = Vec::new();
        if let Some(prefix) = self.prefix() {
            let prefix = prefix.display();
            args.extend([format!("-I{prefix}/include"), format!("-L{prefix}/lib")]);
            args.push(format!("-Wl,-rpath,{prefix}/lib"));
        }
        if self == Self::V36Exported {
            args.extend(["-rdynamic".into(), "-s".into()]);
        }
        args.extend(["-lssl", "-lcrypto", "-ldl", "-lpthread"].map(String::from));
        args
    }
}

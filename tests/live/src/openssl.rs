//! OpenSSL releases other than the system's: built once per target directory, then kept.

use std::{path::PathBuf, process::Command};

use crate::{
    process::Process,
    tree::{source_path, target_dir},
};

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
        let mut build = Command::new(source_path("tests/openssl/build.sh"));
        build.arg(target_dir());
        Process::start(build).finish_slowly().success();
        Some(target_dir().join(name))
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

//! What is told of hooks: to the user as they are placed, and why a file can't have any.

use std::io;

use crate::attach::Probes;
use crate::elf::ElfError;
use crate::plan::Probed;
use crate::stay::Ran;

/// Something to be told to the user.
#[derive(Debug)]
pub enum Report {
    /// A file is hooked.
    Hooked(Hooked),
    /// A file carries TLS and is not hooked.
    Passed(Passed),
    /// Connections of this file that are older than the capture are looked into.
    Older(String),
    /// A program ran before a library was hooked that it uses.
    Ran(Ran),
    /// What is mapped so far is examined; who maps something from now on is held meanwhile.
    Following,
}

/// A file whose functions are probed.
#[derive(Debug, Clone)]
pub struct Hooked {
    /// The file, as the process that showed it names it.
    pub path: String,
    /// The process in which it was found first; `None` if it was named by hand.
    pub pid: Option<u32>,
    /// Functions that are probed.
    pub functions: Vec<Probed>,
    /// Functions that are there and could not be probed, and why.
    pub failed: Vec<(&'static str, String)>,
}

impl Hooked {
    /// A file at `path` with the probes that it got.
    pub(super) fn new(path: String, pid: Option<u32>, probes: &Probes) -> Self {
        // Where a function returns is no news.
        let told = probes.hooked.iter().filter(|probed| !probed.symbols.is_empty());
        Self { path, pid, functions: told.cloned().collect(), failed: probes.failed.clone() }
    }
}

/// A file that carries TLS and is not hooked.
#[derive(Debug, Clone)]
pub struct Passed {
    /// The file, as the process that showed it names it.
    pub path: String,
    /// The process in which it was found first.
    pub pid: u32,
    /// Why not, as a sentence.
    pub reason: String,
}

/// Why a file that was named by hand can't be hooked.
#[derive(Debug, thiserror::Error)]
pub enum HandError {
    /// It can't be opened.
    #[error("{path}: {source}")]
    Open {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// It is no library or program of this machine.
    #[error("{path}: {source}")]
    Elf {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: ElfError,
    },
    /// It defines none of the functions that are probed.
    #[error("{path}: defines none of the probed functions ({}, …)", .wanted.join(", "))]
    NoFunctions {
        /// The file.
        path: String,
        /// Some that were looked for.
        wanted: Vec<&'static str>,
    },
    /// Its keys can't be read.
    #[error("{path}: {reason}")]
    NoKeys {
        /// The file.
        path: String,
        /// Why not.
        reason: String,
    },
    /// No probe could be placed.
    #[error("{path}: no probe could be placed: {reason}")]
    Refused {
        /// The file.
        path: String,
        /// What the kernel said about the first.
        reason: String,
    },
}

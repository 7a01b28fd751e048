//! Finds every file that carries a library we know, in every process, and hooks it: those that
//! are mapped already, and those that are mapped later.
//!
//! A file is looked at once, under its device and inode; one attach serves all processes that
//! map it. What can't be hooked is said with the reason, never passed over.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;

use crate::attach::Probes;
use crate::books::Books;
use crate::elf::ElfError;
use crate::examine::{Found, Look, examine, look};
use crate::hold::Hold;
use crate::load::{Kernel, LoadError};
use crate::maps::{self, FileKey, Mapping};
use crate::names::Names;
use crate::plan::{Placement, Probed};
use crate::target;
use crate::watch::{Change, Watch};

/// Something to be told to the user.
#[derive(Debug)]
pub enum Report {
    /// A file is hooked.
    Hooked(Hooked),
    /// A file carries TLS and is not hooked.
    Passed(Passed),
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
    /// No probe could be placed.
    #[error("{path}: no probe could be placed: {reason}")]
    Refused {
        /// The file.
        path: String,
        /// What the kernel said about the first.
        reason: String,
    },
}

/// What was decided about a file.
#[derive(Debug)]
enum Verdict {
    Hooked(Probes),
    /// With the name that it had: an inode's number may be another file's later, while one that is
    /// hooked is kept from that by its probes.
    LeftAlone(String),
}

/// All hooks of a run. Dropping it takes every probe away.
#[derive(Debug)]
pub struct Hooks {
    // Declared first, so that probes go before the maps that their programs use.
    files: HashMap<(FileKey, Option<u32>), Verdict>,
    kernel: Kernel,
    names: Arc<Names>,
    watch: Option<Watch>,
    /// Mappings whose process was gone before its file could be opened.
    vanished: u64,
}

impl Hooks {
    /// Hooks for a loaded kernel half. `watch` tells of later mappings, if that is wanted.
    pub fn new(kernel: Kernel, names: Arc<Names>, watch: Option<Watch>) -> Self {
        Self { files: HashMap::new(), kernel, names, watch, vanished: 0 }
    }

    /// Hooks a file that the user named.
    pub fn add(&mut self, path: &Path) -> Result<Hooked, HandError> {
        let name = || path.display().to_string();
        let file = File::open(path)
            .and_then(|file| if file.metadata()?.is_dir() { Err(is_dir()) } else { Ok(file) })
            .map_err(|source| HandError::Open { path: name(), source })?;
        let found = examine(&file).map_err(|source| HandError::Elf { path: name(), source })?;
        let Found::Target(placements) = found else {
            let wanted = target::rows().take(2).map(|(_, _, row)| row.symbol).collect();
            return Err(HandError::NoFunctions { path: name(), wanted });
        };
        let key = maps::key_of(&file)
            .ok()
            .flatten()
            .ok_or_else(|| HandError::Open { path: name(), source: io::ErrorKind::Other.into() })?;
        let mut hooked = None;
        for pid in self.narrowed() {
            let probes = self.hook(&file, &name(), &placements, pid);
            if probes.is_empty() {
                let reason = probes.failed.into_iter().next().map(|(_, why)| why);
                return Err(HandError::Refused {
                    path: name(),
                    reason: reason.unwrap_or_default(),
                });
            }
            hooked = Some(report(name(), None, &probes));
            self.files.insert((key, pid), Verdict::Hooked(probes));
        }
        hooked.ok_or_else(|| HandError::Refused { path: name(), reason: String::new() })
    }

    /// What the kernel half counts and remembers.
    pub fn books(&self) -> Result<Books, LoadError> {
        self.kernel.books()
    }

    /// Looks at every mapping of every wanted process.
    pub fn scan(&mut self, mut tell: impl FnMut(Report)) {
        let pids = &self.kernel.settings.pids;
        let pids = if pids.is_empty() { maps::processes() } else { pids.clone() };
        for pid in pids {
            // A process that ended meanwhile has nothing to show.
            for mapping in maps::of_process(pid).unwrap_or_default() {
                self.consider(pid, None, &mapping, &mut tell);
            }
        }
    }

    /// Follows new mappings until `stop` is readable.
    pub fn follow(&mut self, stop: BorrowedFd<'_>, mut tell: impl FnMut(Report)) -> io::Result<()> {
        let Some(mut watch) = self.watch.take() else { return Ok(()) };
        // The program that just loaded a library is about to use it.
        crate::hurry::ahead_of_others();
        while watch.wait(stop)? {
            let mut lost = false;
            watch.take(|change| match change {
                Change::Mapped { pid, tid, mapping } => {
                    self.consider(pid, Some(tid), &mapping, &mut tell);
                }
                Change::Lost(_) => lost = true,
            });
            if lost {
                self.scan(&mut tell);
            }
        }
        self.watch = Some(watch);
        Ok(())
    }

    /// Takes every probe away. The kernel half's tables stay until the hooks are dropped.
    pub fn detach(&mut self) {
        let probes = self.files.drain().filter_map(|(_, verdict)| match verdict {
            Verdict::Hooked(probes) => Some(probes),
            Verdict::LeftAlone(_) => None,
        });
        Probes::remove(probes.collect());
    }

    /// Mappings that could not be looked at because their process was gone.
    pub fn vanished(&self) -> u64 {
        self.vanished
    }

    /// `tid` is the thread that made the mapping just now.
    fn consider(
        &mut self,
        pid: u32,
        tid: Option<u32>,
        mapping: &Mapping,
        tell: &mut impl FnMut(Report),
    ) {
        let pids = &self.kernel.settings.pids;
        let narrow = (!pids.is_empty()).then_some(pid);
        if narrow.is_some() && !pids.contains(&pid) {
            return;
        }
        let key = (mapping.file, narrow);
        match self.files.get(&key) {
            Some(Verdict::Hooked(_)) => self.names.note_program(pid),
            Some(Verdict::LeftAlone(name)) if *name == mapping.path => {}
            _ => {
                if let Some(verdict) = self.judge(pid, tid, mapping, narrow, tell) {
                    self.files.insert(key, verdict);
                }
            }
        }
    }

    /// Examines a file that was not seen before. `None`: it could not be opened, so that another
    /// process's mapping of it is looked at again.
    fn judge(
        &mut self,
        pid: u32,
        tid: Option<u32>,
        mapping: &Mapping,
        narrow: Option<u32>,
        tell: &mut impl FnMut(Report),
    ) -> Option<Verdict> {
        let Ok(file) = mapping.open(pid).or_else(|_| reopen(pid, mapping)) else {
            self.vanished += 1;
            return None;
        };
        let path = mapping.path.trim_end_matches(" (deleted)").to_owned();
        let passed = |reason: String, tell: &mut dyn FnMut(Report)| {
            tell(Report::Passed(Passed { path: path.clone(), pid, reason }));
            Some(Verdict::LeftAlone(mapping.path.clone()))
        };
        match look(&file, &path) {
            Look::NoTls => Some(Verdict::LeftAlone(mapping.path.clone())),
            Look::Passed(reason) => passed(reason, tell),
            Look::Target(placements) => {
                let _held = tid.filter(|_| self.kernel.settings.hold).and_then(Hold::of);
                self.names.note_program(pid);
                let probes = self.hook(&file, &path, &placements, narrow);
                if probes.is_empty() {
                    let why = probes.failed.into_iter().next().map(|(_, why)| why);
                    return passed(why.unwrap_or_default(), tell);
                }
                tell(Report::Hooked(report(path.clone(), Some(pid), &probes)));
                Some(Verdict::Hooked(probes))
            }
        }
    }

    fn hook(&self, file: &File, path: &str, placements: &[Placement], pid: Option<u32>) -> Probes {
        let id = self.names.add_file(path);
        self.kernel.attach(file, id, placements, pid)
    }

    /// The processes for which a file is hooked: each wanted one, or all at once.
    fn narrowed(&self) -> Vec<Option<u32>> {
        let pids = &self.kernel.settings.pids;
        if pids.is_empty() { vec![None] } else { pids.iter().copied().map(Some).collect() }
    }
}

/// The mapping may have been split or moved since it was told: look for the file once more.
fn reopen(pid: u32, mapping: &Mapping) -> io::Result<File> {
    let again = maps::of_process(pid)?.into_iter().find(|now| now.file == mapping.file);
    again.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?.open(pid)
}

fn report(path: String, pid: Option<u32>, probes: &Probes) -> Hooked {
    Hooked { path, pid, functions: probes.hooked.clone(), failed: probes.failed.clone() }
}

fn is_dir() -> io::Error {
    io::Error::from(io::ErrorKind::IsADirectory)
}

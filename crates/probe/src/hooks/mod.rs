//! Finds every file that carries a library we know, in every process, and hooks it: those that
//! are mapped already, and those that are mapped later.
//!
//! A file is looked at once, under its device and inode; one attach serves all processes that
//! map it. What can't be hooked is said with the reason, never passed over.

mod judge;
mod told;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use crate::arrivals::{Arrival, Arrivals, Key, Newcomer, Settled, WAITING};
use crate::attach::Probes;
use crate::books::Books;
use crate::control::Control;
use crate::cost::Cost;
use crate::examine::{Found, examine, looks_like_tls};
use crate::hurry::{self, Haste};
use crate::keys::{Derived, Finder};
use crate::late::{Late, Older};
use crate::lines::Lines;
use crate::load::{Kernel, LoadError};
use crate::maps::{self, Mapping};
use crate::names::Names;
use crate::scout::{Scout, Scouted};
use crate::stay::{Ran, Unheld, now_ns};
use crate::table::Table;
use crate::target;
use crate::watch::{self, Watch};

use judge::Verdict;
pub use told::{HandError, Hooked, Passed, Report};

/// All hooks of a run. Dropping it takes every probe away.
#[derive(Debug)]
pub struct Hooks {
    // Declared first, so that probes go before the maps that their programs use.
    files: HashMap<Key, Verdict>,
    /// The same, as far as the thread needs it that takes arrivals.
    settled: Arc<Settled>,
    kernel: Kernel,
    sites: Table,
    line_sites: Table,
    /// If keys are wanted.
    finder: Option<Finder>,
    /// What processes were found to map, until it is looked at.
    scouted: Scouted,
    /// What the hooked libraries need to be probed elsewhere.
    derived: Derived,
    names: Arc<Names>,
    watch: Option<Watch>,
    late: Option<Arc<Late>>,
    older: Older,
    /// Files of processes that are older than the capture are still looked for.
    begins: bool,
    /// Mappings whose process was gone before its file could be opened.
    vanished: u64,
    /// Mappings that were to be looked at when the capture ended, and whose process ran meanwhile.
    unexamined: u64,
}

impl Hooks {
    /// Hooks for a loaded kernel half. `watch` tells of later mappings and `scout` of earlier ones,
    /// if they are wanted.
    pub fn new(
        kernel: Kernel,
        names: Arc<Names>,
        watch: Option<Watch>,
        scout: Option<Scout>,
    ) -> Self {
        let sites = Table::of(&kernel.main, "sites", abi::SITES);
        let line_sites = Table::of(&kernel.main, "line_sites", abi::LINE_SITES);
        let scouted = scout.map(|scout| scout.findings(&kernel.settings));
        let mut scouted = scouted.unwrap_or_default();
        let finder = scouted.finder.take();
        let derived = Derived::new();
        // Without it, older connections stay unseen.
        let late = Late::new().ok().map(Arc::new);
        let older = Older::of(&kernel.main, late.clone());
        Self {
            files: HashMap::new(),
            settled: Arc::default(),
            kernel,
            sites,
            line_sites,
            finder,
            scouted,
            derived,
            names,
            watch,
            late,
            older,
            begins: true,
            vanished: 0,
            unexamined: 0,
        }
    }

    /// Hooks a file that the user named.
    pub fn add(&mut self, path: &Path) -> Result<Hooked, HandError> {
        let name = || path.display().to_string();
        let file = File::open(path)
            .and_then(|file| if file.metadata()?.is_dir() { Err(is_dir()) } else { Ok(file) })
            .map_err(|source| HandError::Open { path: name(), source })?;
        let (plaintext, lines) = (self.kernel.settings.plaintext, self.kernel.settings.lines);
        let found = examine(&file, self.seek());
        let carried = match found.map_err(|source| HandError::Elf { path: name(), source })? {
            Found::Target(carried) => carried,
            Found::Known(_) | Found::Nothing if lines.is_some() => {
                let wanted = lines.map(Lines::wanted).unwrap_or_default();
                return Err(HandError::NoFunctions { path: name(), wanted });
            }
            Found::Known(known) if !plaintext => {
                return Err(HandError::NoKeys { path: name(), reason: known.reason });
            }
            Found::Nothing if !plaintext => {
                let reason = "holds no TLS whose keys can be read".to_owned();
                return Err(HandError::NoKeys { path: name(), reason });
            }
            Found::Known(_) | Found::Nothing => {
                let wanted = target::rows().take(2).map(|(_, _, row)| row.symbol).collect();
                return Err(HandError::NoFunctions { path: name(), wanted });
            }
        };
        let key = maps::key_of(&file)
            .ok()
            .flatten()
            .ok_or_else(|| HandError::Open { path: name(), source: io::ErrorKind::Other.into() })?;
        let mut hooked = None;
        for pid in self.narrowed() {
            let probes = self.hook(&file, key, &name(), &carried, pid);
            if probes.is_empty() && probes.failed.is_empty() {
                let reason = "computes secrets for other libraries, and is hooked with them";
                return Err(HandError::NoKeys { path: name(), reason: reason.to_owned() });
            }
            if probes.is_empty() {
                let reason = probes.failed.into_iter().next().map(|(_, why)| why);
                return Err(HandError::Refused {
                    path: name(),
                    reason: reason.unwrap_or_default(),
                });
            }
            hooked = Some(Hooked::new(name(), None, &probes));
            self.settle((key, pid), Verdict::Hooked(probes, now_ns()));
        }
        hooked.ok_or_else(|| HandError::Refused { path: name(), reason: String::new() })
    }

    /// What the kernel half counts and remembers.
    pub fn books(&self) -> Result<Books, LoadError> {
        self.kernel.books()
    }

    /// What the kernel half and this process cost, from now on.
    pub fn cost(&self) -> Result<Cost, LoadError> {
        self.kernel.cost()
    }

    /// What may be changed while the kernel half runs; it begins with what the settings say.
    pub fn control(&self) -> Result<Control, LoadError> {
        self.kernel.control()
    }

    /// Takes wishes about connections that are older than the capture.
    pub fn late(&self) -> Option<Arc<Late>> {
        self.late.clone()
    }

    /// Hooks what the scout found.
    pub fn begin(&mut self, mut tell: impl FnMut(Report)) {
        for (pid, mappings) in std::mem::take(&mut self.scouted.mappings) {
            for mapping in mappings {
                self.consider(pid, None, &mapping, &mut tell);
            }
        }
        self.scouted = Scouted::default();
        self.remember();
    }

    /// Looks at every mapping of every wanted process, since the kernel had no room to tell of some.
    /// Who uses a file that was not hooked till now is told of.
    fn scan(&mut self, tell: &mut impl FnMut(Report)) {
        let since_ns = now_ns();
        for pid in maps::wanted(&self.kernel.settings.pids) {
            // A process that ended meanwhile has nothing to show.
            for mapping in maps::of_process(pid).unwrap_or_default() {
                let hooked_ns = self.consider(pid, None, &mapping, tell);
                if hooked_ns.is_some_and(|hooked_ns| hooked_ns >= since_ns) {
                    tell(self.ran(pid, maps::comm(pid), &mapping, None, Unheld::Lost));
                }
            }
        }
        self.remember();
    }

    /// Follows new mappings until `stop` is readable. Tells when it has begun to.
    pub fn follow(&mut self, stop: BorrowedFd<'_>, mut tell: impl FnMut(Report)) -> io::Result<()> {
        let Some(mut watch) = self.watch.take() else { return Ok(()) };
        hurry::ahead_of_others(Haste::Hooks);
        self.begins = false;
        let (to, arrivals) = sync_channel(WAITING);
        let settings = &self.kernel.settings;
        let taken = Arrivals {
            settled: Arc::clone(&self.settled),
            names: Arc::clone(&self.names),
            late: self.late.clone(),
            pids: settings.pids.clone(),
            hold: settings.hold,
            to,
        };
        thread::scope(|scope| {
            let holds = thread::Builder::new().name("arrivals".to_owned());
            let holds = holds.spawn_scoped(scope, || taken.follow(&mut watch, stop))?;
            self.receive(arrivals, stop, &mut tell);
            holds.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
        })?;
        self.watch = Some(watch);
        Ok(())
    }

    /// Looks at what arrives until `stop` is readable. Who waits then is let go.
    fn receive(
        &mut self,
        arrivals: mpsc::Receiver<Arrival>,
        stop: BorrowedFd<'_>,
        tell: &mut impl FnMut(Report),
    ) {
        let mut arrivals = arrivals.into_iter();
        while let Some(arrival) = arrivals.next() {
            if watch::readable(stop) {
                std::iter::once(arrival).chain(arrivals).for_each(|left| self.leave(left, tell));
                return;
            }
            match arrival {
                Arrival::Newcomer(newcomer) => self.welcome(newcomer, tell),
                Arrival::Lost => self.scan(tell),
                Arrival::Begun => tell(Report::Following),
                Arrival::Wishes(wishes) => {
                    for wish in wishes {
                        if let Some(path) = self.older.grant(wish, &self.kernel) {
                            tell(Report::Older(path.to_owned()));
                        }
                    }
                }
            }
        }
    }

    /// Hooks what a process mapped, if that is to be, while it is held.
    fn welcome(&mut self, newcomer: Newcomer, tell: &mut impl FnMut(Report)) {
        let Newcomer { pid, comm, mapping, file, stay } = newcomer;
        let hooked_ns = self.consider(pid, file, &mapping, tell);
        if let Some((time, why)) = hooked_ns.and_then(|hooked_ns| stay.ran_until(hooked_ns)) {
            tell(self.ran(pid, comm, &mapping, Some(time), why));
        }
    }

    /// What is not examined any more: if its process ran on, that is told of a TLS library, as far
    /// as its name says so, and counted of others.
    fn leave(&mut self, arrival: Arrival, tell: &mut impl FnMut(Report)) {
        let Arrival::Newcomer(Newcomer { pid, comm, mapping, stay, .. }) = arrival else { return };
        let Some((time, why)) = stay.ran_until(now_ns()) else { return };
        if looks_like_tls(mapping.name()) {
            tell(self.ran(pid, comm, &mapping, Some(time), why));
        } else {
            self.unexamined += 1;
        }
    }

    fn ran(
        &self,
        pid: u32,
        comm: String,
        mapping: &Mapping,
        time: Option<Duration>,
        why: Unheld,
    ) -> Report {
        let path = mapping.name().to_owned();
        let exe = self.names.program(pid).to_string();
        Report::Ran(Ran { pid, comm, exe, path, time, why })
    }

    /// Takes every probe away. The kernel half's tables stay until the hooks are dropped.
    pub fn detach(&mut self) {
        self.remember();
        let probes = self.files.drain().filter_map(|(_, verdict)| match verdict {
            Verdict::Hooked(probes, _) => Some(probes),
            Verdict::Waits(_) | Verdict::LeftAlone(_) => None,
        });
        Probes::remove(probes.chain(self.older.detach()).collect());
    }

    /// Mappings that could not be looked at because their process was gone.
    pub fn vanished(&self) -> u64 {
        self.vanished
    }

    /// Mappings that were to be looked at when the capture ended, of processes that ran meanwhile.
    pub fn unexamined(&self) -> u64 {
        self.unexamined
    }
}

fn is_dir() -> io::Error {
    io::Error::from(io::ErrorKind::IsADirectory)
}

//! Takes new mappings as they are told, and holds who made them, however long the files before
//! them take to be examined: a thread of its own, which does nothing else.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use crate::hold::{Hold, LONGEST};
use crate::hurry::{self, Haste};
use crate::late::{Late, Wish};
use crate::maps::{self, FileKey, Mapping};
use crate::names::Names;
use crate::stay::{PROMPT, Stay, Unheld, now_ns};
use crate::watch::{Change, Watch};

/// Arrivals that wait, at most. Beyond, the kernel's buffers fill and say so.
pub(crate) const WAITING: usize = 256;

/// What the thread that hooks is to look at, in this order.
pub(crate) enum Arrival {
    /// A process mapped a file of which nothing is decided.
    Newcomer(Newcomer),
    /// Changes were lost.
    Lost,
    /// Another thread asks for something.
    Wishes(Vec<Wish>),
    /// What was mapped before this is passed on; who maps something from now on is held.
    Begun,
}

/// A process that maps a file of which nothing is decided.
pub(crate) struct Newcomer {
    pub(crate) pid: u32,
    pub(crate) comm: String,
    pub(crate) mapping: Mapping,
    /// `None` if it could not be opened.
    pub(crate) file: Option<File>,
    pub(crate) stay: Stay,
}

/// Who mapped a file, and when.
struct Thread {
    pid: u32,
    tid: u32,
    mapped_ns: u64,
}

/// A file, for one process or for all.
pub(crate) type Key = (FileKey, Option<u32>);

/// What is decided about files, for the thread that takes arrivals.
#[derive(Debug, Default)]
pub(crate) struct Settled(Mutex<HashMap<Key, Fate>>);

/// What there is to do about a file that was seen before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing but to note who uses it.
    Used,
    /// Nothing, as long as it goes by this name.
    LeftAlone(String),
}

impl Settled {
    pub(crate) fn settle(&self, key: Key, fate: Fate) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, fate);
    }

    /// Nothing if this file, by this name, is still to be looked at.
    fn fate(&self, key: &Key, path: &str) -> Option<Fate> {
        let settled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        settled
            .get(key)
            .filter(|fate| !matches!(fate, Fate::LeftAlone(name) if name != path))
            .cloned()
    }
}

/// The thread's half of what it shares with the one that hooks.
pub(crate) struct Arrivals {
    pub(crate) settled: Arc<Settled>,
    pub(crate) names: Arc<Names>,
    pub(crate) late: Option<Arc<Late>>,
    /// The wanted processes; none: all.
    pub(crate) pids: Vec<u32>,
    /// Whether programs are held.
    pub(crate) hold: bool,
    pub(crate) to: SyncSender<Arrival>,
}

impl Arrivals {
    /// Passes on what happens until `stop` is readable or nobody listens.
    pub(crate) fn follow(self, watch: &mut Watch, stop: BorrowedFd<'_>) -> io::Result<()> {
        // The program that just loaded a library is about to use it.
        hurry::ahead_of_others(Haste::Holds);
        let bell = self.late.as_ref().map_or(stop, |late| late.bell());
        let began_ns = now_ns();
        let mut held: HashMap<u32, Weak<Hold>> = HashMap::new();
        // Mappings were told of since the watch began, which may be long ago on a busy machine.
        let mut begun = Some(Arrival::Begun);
        loop {
            let wishes: Vec<_> = self.late.iter().flat_map(|late| late.take()).collect();
            let mut arrived = Vec::new();
            let mut lost = false;
            watch.take(|change| match change {
                // What happened before the capture began is no part of it.
                Change::Mapped { pid, tid, mapping, at_ns } => {
                    let thread = Thread { pid, tid, mapped_ns: at_ns.max(began_ns) };
                    arrived.extend(self.meet(&thread, mapping, &mut held));
                }
                Change::Lost(_) => lost = true,
            });
            held.retain(|_, hold| hold.strong_count() > 0);
            let wishes = (!wishes.is_empty()).then_some(Arrival::Wishes(wishes));
            let arrived = arrived.into_iter().map(Arrival::Newcomer);
            let lost = lost.then_some(Arrival::Lost);
            for arrival in wishes.into_iter().chain(arrived).chain(lost).chain(begun.take()) {
                if self.to.send(arrival).is_err() {
                    return Ok(());
                }
            }
            if !watch.wait(bell, stop)? {
                break;
            }
        }
        self.leave(watch, began_ns);
        Ok(())
    }

    /// Passes on who was not met before the end, on a machine that kept this thread from it.
    fn leave(&self, watch: &mut Watch, began_ns: u64) {
        let end_ns = now_ns();
        watch.take(|change| {
            let Change::Mapped { pid, mapping, at_ns, .. } = change else { return };
            let mapped_ns = at_ns.max(began_ns);
            let ran = Duration::from_nanos(end_ns.saturating_sub(mapped_ns));
            let narrow = (!self.pids.is_empty()).then_some(pid);
            let other = narrow.is_some_and(|pid| !self.pids.contains(&pid));
            let fate = self.settled.fate(&(mapping.file, narrow), &mapping.path);
            if ran > PROMPT && !other && fate.is_none() {
                let stay = Stay { mapped_ns, hold: Err(Unheld::Late) };
                let comm = maps::comm(pid);
                let newcomer = Newcomer { pid, comm, mapping, file: None, stay };
                // Who listened is gone only after this thread.
                let _ = self.to.send(Arrival::Newcomer(newcomer));
            }
        });
    }

    fn meet(
        &self,
        thread: &Thread,
        mapping: Mapping,
        held: &mut HashMap<u32, Weak<Hold>>,
    ) -> Option<Newcomer> {
        let pid = thread.pid;
        let narrow = (!self.pids.is_empty()).then_some(pid);
        if narrow.is_some() && !self.pids.contains(&pid) {
            return None;
        }
        match self.settled.fate(&(mapping.file, narrow), &mapping.path) {
            Some(Fate::Used) => {
                self.names.note_program(pid);
                return None;
            }
            Some(Fate::LeftAlone(_)) => return None,
            None => {}
        }
        let hold = self.hold(thread, held);
        let stay = Stay { mapped_ns: thread.mapped_ns, hold };
        let file = mapping.open_again(pid).ok();
        // It may be gone when there is something to say of it.
        self.names.note_program(pid);
        Some(Newcomer { pid, comm: maps::comm(pid), mapping, file, stay })
    }

    /// A thread has one tracer: who maps two files in one go is held until both are examined.
    fn hold(
        &self,
        &Thread { pid, tid, .. }: &Thread,
        held: &mut HashMap<u32, Weak<Hold>>,
    ) -> Result<Arc<Hold>, Unheld> {
        if !self.hold {
            return Err(Unheld::NotWanted);
        }
        let known = held.get(&tid).and_then(Weak::upgrade);
        if let Some(hold) = known.filter(|hold| hold.ended_ns().is_none()) {
            return Ok(hold);
        }
        let hold = Hold::of(tid, LONGEST).map_err(|error| Unheld::of(pid, &error))?;
        let hold = Arc::new(hold);
        held.insert(tid, Arc::downgrade(&hold));
        Ok(hold)
    }
}

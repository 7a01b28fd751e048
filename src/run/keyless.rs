//! Handshakes of which no key came, by process and library: said while it goes on, and at the end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use probe::{Library, Names};
use secret::{Handshake, Missing, Secret};
use sink::Keyless;
use tracing::warn;

use super::clock::Clock;

/// Between two lines.
const EVERY: Duration = Duration::from_secs(1);
/// Processes that are told apart.
const PROCESSES_MAX: usize = 4096;
/// Those that are named in one line while it goes on.
const NAMED: usize = 4;

/// From handshakes and keys to what is missing.
pub(super) struct Missed {
    missing: Missing,
    names: Arc<Names>,
    /// By number and start.
    processes: HashMap<(u32, u64), Process>,
    /// Connections of processes that found no room.
    crowd: u64,
    told: Option<Instant>,
}

struct Process {
    keyless: Keyless,
    /// How many of the connections were told.
    told: u64,
}

impl Missed {
    pub(super) fn new(names: &Arc<Names>) -> Self {
        Self {
            missing: Missing::default(),
            names: Arc::clone(names),
            processes: HashMap::new(),
            crowd: 0,
            told: None,
        }
    }

    pub(super) fn key(&mut self, secret: &Secret) {
        self.missing.key(secret);
    }

    /// A process that may end before its keys are missed is asked now what it is.
    pub(super) fn handshake(&mut self, handshake: Handshake) {
        let key = (handshake.head.tgid, handshake.head.start_ns);
        let new = self.missing.handshake(handshake) && !self.processes.contains_key(&key);
        if new && self.processes.len() < PROCESSES_MAX {
            let keyless = who(&handshake, &self.names);
            self.processes.insert(key, Process { keyless, told: 0 });
        }
    }

    /// Says what is missing by now, at most once a second.
    pub(super) fn look(&mut self) {
        if self.missing.is_waiting() {
            self.count(Clock::now().boot_ns());
        }
        if self.told.is_some_and(|at| at.elapsed() < EVERY) {
            return;
        }
        let mut news: Vec<_> = self.processes.values_mut().filter(|one| one.is_news()).collect();
        if news.is_empty() {
            return;
        }
        self.told = Some(Instant::now());
        news.iter_mut().for_each(|one| one.told = one.keyless.connections);
        for one in news.iter().take(NAMED) {
            warn!("{}", one.keyless);
        }
        if news.len() > NAMED {
            warn!("and none for connections of {} more processes", news.len() - NAMED);
        }
    }

    /// When to look again, if nothing comes.
    pub(super) fn patience(&self) -> Option<Duration> {
        let untold = self.processes.values().any(Process::is_news);
        (self.missing.is_waiting() || untold).then_some(EVERY)
    }

    /// All of it, the process with the most connections first.
    pub(super) fn finish(mut self) -> Vec<Keyless> {
        self.count(u64::MAX);
        let mut all: Vec<_> = self.processes.into_values().map(|one| one.keyless).collect();
        all.retain(|keyless| keyless.connections > 0);
        all.sort_by(|a, b| (b.connections, a.pid).cmp(&(a.connections, b.pid)));
        if self.crowd > 0 {
            warn!("no keys for {} connections of more processes", self.crowd);
        }
        all
    }

    fn count(&mut self, now_ns: u64) {
        while let Some(handshake) = self.missing.due(now_ns) {
            let key = (handshake.head.tgid, handshake.head.start_ns);
            match self.processes.get_mut(&key) {
                Some(process) => process.keyless.connections += 1,
                None => self.crowd += 1,
            }
        }
    }
}

impl Process {
    fn is_news(&self) -> bool {
        self.keyless.connections > self.told
    }
}

fn who(handshake: &Handshake, names: &Names) -> Keyless {
    let pid = handshake.head.tgid;
    let libraries = names.libraries(pid);
    let comm = match probe::comm(pid) {
        gone if gone == "?" => thread_name(&handshake.head.comm),
        comm => comm,
    };
    Keyless { pid, comm, exe: names.program(pid).to_string(), why: why(&libraries), connections: 0 }
}

/// The libraries that no keys can be read of, if the process has any.
fn why(libraries: &[Library]) -> String {
    let named = |keys: bool| {
        let chosen = libraries.iter().filter(|library| library.keys == keys);
        chosen.map(|library| library.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    match (named(false), named(true)) {
        (none, _) if !none.is_empty() => none,
        (_, read) if !read.is_empty() => {
            format!(
                "{read} is read: it began before that, resumes what is not logged, or has other code"
            )
        }
        _ => "with TLS code that is not recognised".to_owned(),
    }
}

fn thread_name(comm: &[u8]) -> String {
    let name = comm.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_without_keys_is_named() {
        let library = |name: &str, keys| Library { name: name.to_owned(), keys };
        let both = [library("OpenSSL in /a", true), library("s2n in /b", false)];
        assert_eq!(why(&both), "s2n in /b");
        assert!(why(&both[..1]).starts_with("OpenSSL in /a is read"));
        assert!(why(&[]).contains("not recognised"));
    }
}

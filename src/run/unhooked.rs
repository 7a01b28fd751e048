//! Programs that ran while a library that they use was not hooked yet: said while it goes on, and
//! at the end.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use probe::Ran;
use sink::Unhooked;
use tracing::warn;

/// Between two lines, if there are many.
const EVERY: Duration = Duration::from_secs(1);
/// Lines without a pause.
const AT_ONCE: u32 = 4;
/// Programs and files that are told apart.
const PROGRAMS_MAX: usize = 4096;

/// What was found, and what was said of it.
#[derive(Debug, Default)]
pub(super) struct Ones {
    all: HashMap<(u32, String), Unhooked>,
    /// How many found no room.
    crowd: u64,
    told: Option<(Instant, u32)>,
    untold: u64,
}

impl Ones {
    pub(super) fn add(&mut self, ran: Ran) {
        let one = unhooked(ran);
        let key = (one.pid, one.lib.clone());
        if self.all.contains_key(&key) {
            return;
        }
        self.tell(&one);
        if self.all.len() < PROGRAMS_MAX {
            self.all.insert(key, one);
        } else {
            self.crowd += 1;
        }
    }

    fn tell(&mut self, one: &Unhooked) {
        if !self.due(Instant::now()) {
            return;
        }
        if self.untold > 0 {
            warn!("{} more programs used a library before it was hooked", self.untold);
            self.untold = 0;
        }
        warn!("{one}: what it did by then is not seen");
    }

    /// Whether it is time for a line.
    fn due(&mut self, now: Instant) -> bool {
        let (since, lines) = self.told.unwrap_or((now, 0));
        let (since, lines) =
            if now.duration_since(since) < EVERY { (since, lines) } else { (now, 0) };
        if lines == AT_ONCE {
            self.untold += 1;
            return false;
        }
        self.told = Some((since, lines + 1));
        true
    }

    /// All of them, in the order of process numbers.
    pub(super) fn finish(self) -> Vec<Unhooked> {
        let mut all: Vec<_> = self.all.into_values().collect();
        all.sort_by(|a, b| (a.pid, &a.lib).cmp(&(b.pid, &b.lib)));
        if self.crowd > 0 {
            warn!("{} more programs used a library before it was hooked", self.crowd);
        }
        all
    }
}

fn unhooked(ran: Ran) -> Unhooked {
    Unhooked {
        pid: ran.pid,
        comm: ran.comm,
        exe: ran.exe,
        lib: ran.path,
        ns: ran.time.map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)),
        reason: ran.why.name(),
        why: ran.why.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use probe::Unheld;

    use super::*;

    fn ran(pid: u32) -> Ran {
        let [comm, exe, path] = ["curl", "/usr/bin/curl", "/a"].map(ToOwned::to_owned);
        Ran { pid, comm, exe, path, time: None, why: Unheld::Lost }
    }

    #[test]
    fn a_program_counts_once_for_a_file() {
        let mut ones = Ones::default();
        [3, 1, 3].into_iter().for_each(|pid| ones.add(ran(pid)));
        ones.add(Ran { path: "/b".to_owned(), ..ran(1) });
        let all = ones.finish();
        let all: Vec<_> = all.iter().map(|one| (one.pid, one.lib.as_str())).collect();
        assert_eq!(all, [(1, "/a"), (1, "/b"), (3, "/a")]);
    }

    #[test]
    fn a_crowd_is_counted_and_not_kept() {
        let mut ones = Ones::default();
        (0..PROGRAMS_MAX as u32 + 3).for_each(|pid| ones.add(ran(pid)));
        assert_eq!((ones.all.len(), ones.crowd), (PROGRAMS_MAX, 3));
    }

    #[test]
    fn many_have_a_few_lines_a_second() {
        let (mut ones, start) = (Ones::default(), Instant::now());
        let mut due = |ms| ones.due(start + Duration::from_millis(ms));
        assert_eq!([0, 1, 2, 3, 4, 999].map(&mut due), [true, true, true, true, false, false]);
        assert_eq!([1000, 1001].map(due), [true, true]);
        assert_eq!(ones.untold, 2);
    }
}

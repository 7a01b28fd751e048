//! How long a program may have used a library before that was hooked, and why it was not kept from
//! doing so.
#![forbid(unsafe_code)]

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::hold::Hold;

/// Within this time of its mapping a library is linked and does nothing else: a program that is
/// held by then has missed nothing.
pub(crate) const PROMPT: Duration = Duration::from_millis(2);

/// A program that ran while a library that it maps was not hooked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The process.
    pub pid: u32,
    /// Its name.
    pub comm: String,
    /// The program that it runs; `?` if that is not known.
    pub exe: String,
    /// The library, as the process names it.
    pub path: String,
    /// How long; `None`: not known.
    pub time: Option<Duration>,
    /// Why it was not held, or not held long enough.
    pub why: Unheld,
}

/// Why a program ran while a library that it maps was not hooked yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unheld {
    /// Programs are not to be held.
    NotWanted,
    /// This process traces it.
    Traced(u32),
    /// The system refused, with this error number.
    Refused(i32),
    /// It was held some time after it had mapped the library.
    Late,
    /// It was held for the longest time, and let go.
    TooLong,
    /// The kernel had no room to tell of the mapping.
    Lost,
}

impl Unheld {
    /// Its name in every output.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotWanted => "no-hold",
            Self::Traced(_) => "traced",
            Self::Refused(_) => "refused",
            Self::Late => "late",
            Self::TooLong => "too-long",
            Self::Lost => "lost",
        }
    }

    /// Why a thread of a process could not be held.
    pub(crate) fn of(pid: u32, error: &io::Error) -> Self {
        match tracer(pid) {
            Some(tracer) => Self::Traced(tracer),
            None => Self::Refused(error.raw_os_error().unwrap_or_default()),
        }
    }
}

impl fmt::Display for Unheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotWanted => f.write_str("--no-hold"),
            Self::Traced(by) => write!(f, "it could not be held: process {by} traces it"),
            Self::Refused(number) => {
                write!(f, "it could not be held: {}", io::Error::from_raw_os_error(*number))
            }
            Self::Late => f.write_str("it was held late: too much began at once"),
            Self::TooLong => f.write_str("it was not held any longer: other files came first"),
            Self::Lost => f.write_str("too much began at once for the kernel to tell of it"),
        }
    }
}

/// What is known of a program between mapping a file and the file's being hooked.
#[derive(Debug)]
pub(crate) struct Stay {
    /// CLOCK_MONOTONIC.
    pub(crate) mapped_ns: u64,
    /// Keeps the thread that mapped it; several files of one thread share it.
    pub(crate) hold: Result<Arc<Hold>, Unheld>,
}

impl Stay {
    /// How long the program ran, and why, if the file is hooked at this moment; nothing if no call
    /// can have been missed.
    pub(crate) fn ran_until(&self, hooked_ns: u64) -> Option<(Duration, Unheld)> {
        let all = hooked_ns.checked_sub(self.mapped_ns).map(Duration::from_nanos)?;
        let hold = match &self.hold {
            Ok(hold) => hold,
            Err(why) => return Some((all, *why)),
        };
        let late = Duration::from_nanos(hold.since_ns().saturating_sub(self.mapped_ns));
        match hold.ended_ns().and_then(|ended_ns| hooked_ns.checked_sub(ended_ns)) {
            Some(after) => Some((late + Duration::from_nanos(after), Unheld::TooLong)),
            None => (late > PROMPT).then_some((late, Unheld::Late)),
        }
    }
}

/// CLOCK_MONOTONIC, in nanoseconds.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// The process that traces this one.
fn tracer(pid: u32) -> Option<u32> {
    // The first names a thread.
    let thread = status(pid, "TracerPid:").filter(|thread| *thread != 0)?;
    status(thread, "Tgid:")
}

fn status(pid: u32, field: &str) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(field))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};
    use std::thread;

    use super::*;

    fn ms(n: u64) -> u64 {
        n * 1_000_000
    }

    fn sleeper() -> Child {
        Command::new("sleep").arg("60").spawn().unwrap()
    }

    fn end(mut child: Child) {
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn who_is_held_at_once_and_long_enough_has_missed_nothing() {
        let child = sleeper();
        let hold = Arc::new(Hold::of(child.id(), Duration::from_secs(60)).unwrap());
        let stay = |ms_before| Stay {
            mapped_ns: hold.since_ns() - ms(ms_before),
            hold: Ok(Arc::clone(&hold)),
        };
        let hooked = hold.since_ns() + ms(700);
        assert_eq!(stay(1).ran_until(hooked), None);
        assert_eq!(stay(30).ran_until(hooked), Some((Duration::from_millis(30), Unheld::Late)));
        // It was hooked before.
        assert_eq!(stay(30).ran_until(hold.since_ns() - ms(31)), None);
        end(child);
    }

    #[test]
    fn who_is_let_go_before_the_file_is_hooked_is_told_of() {
        let child = sleeper();
        let hold = Arc::new(Hold::of(child.id(), Duration::from_millis(1)).unwrap());
        let ended = loop {
            if let Some(ended) = hold.ended_ns() {
                break ended;
            }
            thread::yield_now();
        };
        let stay = Stay { mapped_ns: hold.since_ns(), hold: Ok(hold) };
        let ran = stay.ran_until(ended + ms(40));
        assert_eq!(ran, Some((Duration::from_millis(40), Unheld::TooLong)));
        // Hooked while it was held.
        assert_eq!(stay.ran_until(ended - 1), None);
        end(child);
    }

    #[test]
    fn who_is_traced_already_can_not_be_held() {
        let child = sleeper();
        let pid = child.id();
        let first = Hold::of(pid, Duration::from_secs(60)).unwrap();
        let why = Unheld::of(pid, &Hold::of(pid, Duration::from_secs(60)).unwrap_err());
        assert_eq!((why, why.name()), (Unheld::Traced(std::process::id()), "traced"));
        let ran = Stay { mapped_ns: 5, hold: Err(why) }.ran_until(9);
        assert_eq!(ran, Some((Duration::from_nanos(4), why)));
        drop(first);
        end(child);
        let gone = Hold::of(u32::MAX, Duration::from_secs(60)).unwrap_err();
        assert_eq!(Unheld::of(u32::MAX, &gone).name(), "refused");
    }
}

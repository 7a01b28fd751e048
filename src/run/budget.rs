//! `--max-cpu`: takes less when the capture costs more than it may, and more again later.

use std::io;
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use probe::{Control, Cost, Spent, Truncate};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sink::Reduced;
use tracing::{info, warn};

use super::stop::Latch;
use crate::exit::Failure;

/// Steps down, of which the first cuts calls and each of the others halves the sample.
const STEPS: u32 = 11;
/// Quiet seconds before a step up.
const CALM: u32 = 5;

/// How many steps it stands below taking everything.
#[derive(Debug)]
struct Budget {
    /// Of one CPU, in percent.
    limit: f64,
    step: u32,
    calm: u32,
    reduced: Reduced,
}

impl Budget {
    /// A second passed, in which so much was used. True if the step is another one now.
    fn second(&mut self, percent: f64) -> bool {
        self.reduced.seconds += u64::from(self.step > 0);
        if percent > self.limit {
            self.calm = 0;
            let lower = self.step < STEPS;
            self.step += u32::from(lower);
            self.reduced.down += u64::from(lower);
            return lower;
        }
        // Under half of it: a step up may double the cost.
        self.calm = if percent < self.limit / 2.0 { self.calm + 1 } else { 0 };
        if self.calm < CALM || self.step == 0 {
            return false;
        }
        (self.calm, self.step) = (0, self.step - 1);
        self.reduced.up += 1;
        true
    }

    /// One connection in how many the step takes, of those that begin from now on.
    fn sample(&self) -> u32 {
        1 << self.step.saturating_sub(1)
    }
}

/// What a run takes when nothing is reduced, and what it keeps of a call when calls are cut.
pub(super) struct Normal {
    pub(super) truncate: Option<Truncate>,
    pub(super) sample: u32,
    pub(super) keep: u64,
}

/// Measures each second until `stop` is set, and answers what was done.
pub(super) fn spawn(
    limit: u32,
    cost: Cost,
    control: Control,
    normal: Normal,
    stop: &Latch,
) -> Result<JoinHandle<Reduced>, Failure> {
    let stop = stop.clone();
    let budget = Budget { limit: limit.into(), step: 0, calm: 0, reduced: Reduced::default() };
    let mut keeper = Keeper { budget, control, normal };
    let thread = Builder::new().name("budget".to_owned()).spawn(move || {
        let (mut before, mut at) = (cost.spent(), Instant::now());
        while matches!(wait(&stop), Ok(false)) {
            let (now, then) = (cost.spent(), at);
            at = Instant::now();
            keeper.second(before, now, at.duration_since(then).as_secs_f64());
            before = now;
        }
        keeper.budget.reduced
    })?;
    Ok(thread)
}

/// A second; true if `stop` was set.
fn wait(stop: &Latch) -> io::Result<bool> {
    let second = Timespec { tv_sec: 1, tv_nsec: 0 };
    Ok(poll(&mut [PollFd::from_borrowed_fd(stop.fd(), PollFlags::IN)], Some(&second))? > 0)
}

struct Keeper {
    budget: Budget,
    control: Control,
    normal: Normal,
}

impl Keeper {
    fn second(&mut self, before: Spent, now: Spent, seconds: f64) {
        let percent = |before: std::time::Duration, now: std::time::Duration| {
            100.0 * now.saturating_sub(before).as_secs_f64() / seconds
        };
        let own = percent(before.own, now.own);
        let programs = percent(before.programs, now.programs);
        let step = self.budget.step;
        if !self.budget.second(own + programs) {
            return;
        }
        if let Err(error) = self.pull() {
            warn!("--max-cpu has no effect: {error}");
        }
        let (limit, taken) = (self.budget.limit, self.taken());
        let used = format!("{own:.1} % of a CPU here and {programs:.1} % in the programs");
        if self.budget.step > step {
            warn!("--max-cpu {limit}: used {used}; takes less: {taken}");
        } else {
            info!("--max-cpu {limit}: used {used}; takes more: {taken}");
        }
    }

    /// Moves the kernel half's levers to where the step wants them.
    fn pull(&mut self) -> Result<(), probe::ControlError> {
        let cut = Truncate { from: 0, keep: self.normal.keep };
        let reduced = self.budget.step > 0;
        self.control.set_truncate(if reduced { Some(cut) } else { self.normal.truncate })?;
        self.control.set_sample(self.sample())
    }

    fn sample(&self) -> u32 {
        self.normal.sample.max(1).saturating_mul(self.budget.sample())
    }

    fn taken(&self) -> String {
        match self.budget.step {
            0 => "everything".to_owned(),
            1 => format!("{} bytes of a call", self.normal.keep),
            _ => format!(
                "{} bytes of a call, and one in {} of the connections that begin",
                self.normal.keep,
                self.sample()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Budget {
        Budget { limit: 10.0, step: 0, calm: 0, reduced: Reduced::default() }
    }

    #[test]
    fn it_steps_down_at_once_and_up_after_a_calm() {
        let mut budget = budget();
        assert!(!budget.second(10.0));
        assert!(budget.second(10.1));
        assert_eq!((budget.step, budget.sample()), (1, 1));
        assert!(budget.second(50.0));
        assert_eq!((budget.step, budget.sample()), (2, 2));
        for _ in 1..CALM {
            assert!(!budget.second(1.0));
        }
        // Not calm enough: counted from the start again.
        assert!(!budget.second(6.0));
        for _ in 1..CALM {
            assert!(!budget.second(1.0));
        }
        assert!(budget.second(1.0));
        assert_eq!(budget.step, 1);
        assert_eq!(budget.reduced, Reduced { down: 2, up: 1, seconds: 1 + 2 * u64::from(CALM) });
    }

    #[test]
    fn it_has_a_last_step_and_a_first() {
        let mut budget = budget();
        assert!(!(0..20).any(|_| budget.second(0.0)));
        assert_eq!((0..20).filter(|_| budget.second(100.0)).count(), STEPS as usize);
        assert_eq!(budget.sample(), 1024);
    }
}

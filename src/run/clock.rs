//! The same moment on both clocks: records carry one, people read the other.

use rustix::time::{ClockId, clock_gettime};

#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    boot_ns: u64,
    real_ns: u64,
}

/// Readings, of which the one that was interrupted least is taken.
const TRIES: usize = 3;

impl Clock {
    pub(super) fn now() -> Self {
        let read = || {
            let (before, real_ns) = (ns(ClockId::Boottime), ns(ClockId::Realtime));
            let took = ns(ClockId::Boottime) - before;
            (took, Self { boot_ns: before + took / 2, real_ns })
        };
        let first = read();
        let tries = (1..TRIES).map(|_| read());
        tries.fold(first, |best, next| if next.0 < best.0 { next } else { best }).1
    }

    /// CLOCK_BOOTTIME.
    pub(super) fn boot_ns(self) -> u64 {
        self.boot_ns
    }

    /// CLOCK_REALTIME.
    pub(super) fn wall_ns(self) -> u64 {
        self.real_ns
    }

    /// What to add to CLOCK_BOOTTIME to get wall-clock time.
    pub(super) fn offset_ns(self) -> i64 {
        self.real_ns.wrapping_sub(self.boot_ns) as i64
    }
}

fn ns(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

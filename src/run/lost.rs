//! Loss as it happens: one line for all shards of a run, at most one a second.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tracing::warn;

/// Between two lines.
const EVERY: Duration = Duration::from_secs(1);

/// What all shards of a run lost, and what was said of it.
#[derive(Debug, Default)]
pub(super) struct Lost {
    bytes: AtomicU64,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    bytes: u64,
    at: Option<Instant>,
}

impl Lost {
    /// A shard's batch ended, in which it found `more` bytes missing.
    pub(super) fn tell(&self, more: u64) {
        if let Some(bytes) = self.due(more, Instant::now()) {
            warn!(
                "lost events: {bytes} bytes so far found no room in the ring; --mapsize makes it \
                 larger, -p, -u, --comm and -t make less of it"
            );
        }
    }

    /// The sum, if it is time for a line about it.
    fn due(&self, more: u64, now: Instant) -> Option<u64> {
        let bytes = self.bytes.fetch_add(more, Ordering::Relaxed) + more;
        if bytes == 0 {
            return None;
        }
        // Another shard that holds it is saying the same.
        let mut told = self.told.try_lock().ok()?;
        let recent = told.at.is_some_and(|at| now.duration_since(at) < EVERY);
        if bytes <= told.bytes || recent {
            return None;
        }
        *told = Told { bytes, at: Some(now) };
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_shards_have_one_line_a_second() {
        let (lost, start) = (Lost::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(lost.due(0, at(0)), None);
        assert_eq!(lost.due(5, at(1)), Some(5));
        assert_eq!(lost.due(2, at(2)), None);
        assert_eq!(lost.due(3, at(1000)), None);
        // Said late by a shard that lost nothing itself, and only once.
        assert_eq!(lost.due(0, at(1001)), Some(10));
        assert_eq!(lost.due(0, at(5000)), None);
    }
}

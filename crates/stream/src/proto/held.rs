//! What all decoders of a run hold together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes held for messages that are not whole yet; clones count together. A decoder that finds
/// too many lets go of its own, so what one shard needs is not kept free for another that idles.
#[derive(Debug, Clone, Default)]
pub struct Held(Arc<AtomicUsize>);

impl Held {
    /// Bytes held now.
    pub fn now(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// A connection that held so many holds others. Told at every piece, mostly with no change.
    pub(super) fn change(&self, before: usize, after: usize) {
        if after > before {
            self.0.fetch_add(after - before, Ordering::Relaxed);
        } else if before > after {
            self.0.fetch_sub(before - after, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_count_together() {
        let one = Held::default();
        let two = one.clone();
        one.change(0, 5);
        two.change(0, 7);
        assert_eq!((one.now(), two.now()), (12, 12));
        one.change(5, 5);
        one.change(5, 1);
        assert_eq!(two.now(), 8);
    }
}

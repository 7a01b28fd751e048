//! What a table counts, for the summary.

use crate::reason::GapReason;

/// Gaps of one reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GapTotal {
    /// How many gaps.
    pub count: u64,
    /// How many bytes they stand for.
    pub bytes: u64,
}

/// Everything counted since a table began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Connections that moved bytes.
    pub connections: u64,
    /// Bytes shown, by [`abi::Dir`].
    pub captured: [u64; 2],
    /// Bytes in gaps, by [`abi::Dir`].
    pub missing: [u64; 2],
    /// Gaps by [`GapReason::index`].
    pub gaps: [GapTotal; GapReason::ALL.len()],
    /// Records that began before the end of the one before them.
    pub overlaps: u64,
    /// Bytes that were shown and stayed in the library's buffer.
    pub peeked: u64,
    /// Connections that were closed because the table was full.
    pub evicted: u64,
    /// Records that could not be read.
    pub undecoded: u64,
}

impl Totals {
    /// Adds another table's counts.
    pub fn merge(&mut self, other: &Self) {
        add(&mut self.connections, other.connections);
        for dir in 0..2 {
            add(&mut self.captured[dir], other.captured[dir]);
            add(&mut self.missing[dir], other.missing[dir]);
        }
        for (own, other) in self.gaps.iter_mut().zip(&other.gaps) {
            add(&mut own.count, other.count);
            add(&mut own.bytes, other.bytes);
        }
        add(&mut self.overlaps, other.overlaps);
        add(&mut self.peeked, other.peeked);
        add(&mut self.evicted, other.evicted);
        add(&mut self.undecoded, other.undecoded);
    }

    /// Gaps of one reason.
    pub fn gap(&self, reason: GapReason) -> GapTotal {
        self.gaps[reason.index()]
    }

    /// All gaps together.
    pub fn all_gaps(&self) -> GapTotal {
        let mut all = GapTotal::default();
        for gap in &self.gaps {
            add(&mut all.count, gap.count);
            add(&mut all.bytes, gap.bytes);
        }
        all
    }
}

/// Counters stop at the end instead of starting over: lengths come from a traced program.
pub(crate) fn add(counter: &mut u64, amount: u64) {
    *counter = counter.saturating_add(amount);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_adds_every_counter() {
        let mut one = Totals {
            connections: 1,
            captured: [2, 3],
            missing: [4, 5],
            overlaps: 6,
            peeked: 7,
            evicted: 8,
            undecoded: 9,
            ..Totals::default()
        };
        one.gaps[GapReason::Cap.index()] = GapTotal { count: 1, bytes: 9 };
        let mut sum = one;
        sum.merge(&one);
        assert_eq!(sum.connections, 2);
        assert_eq!((sum.captured, sum.missing), ([4, 6], [8, 10]));
        assert_eq!((sum.overlaps, sum.peeked, sum.evicted, sum.undecoded), (12, 14, 16, 18));
        assert_eq!(sum.gap(GapReason::Cap), GapTotal { count: 2, bytes: 18 });
        assert_eq!(sum.all_gaps(), GapTotal { count: 2, bytes: 18 });
    }

    #[test]
    fn counters_stop_at_the_end() {
        let mut sum = Totals { peeked: u64::MAX, ..Totals::default() };
        sum.merge(&Totals { peeked: 1, ..Totals::default() });
        assert_eq!(sum.peeked, u64::MAX);
    }
}

//! What one connection keeps in memory, by what bounds it.

use std::ops::{Add, Sub};

use super::Options;
use crate::limits;

/// Bytes of memory. They are apart because they are bounded apart: a body that is shown whole must
/// not cost the heads and tables without which nothing more can be decoded, nor the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Holding {
    /// What decodes: heads, tables, fragments, unanswered requests, events, decompressors.
    pub state: usize,
    /// Bodies as far as they are shown.
    pub shown: usize,
    /// Windows of content codings, as far as they were written to.
    pub windows: usize,
}

impl Holding {
    /// So much of what decodes, and nothing else.
    pub(crate) fn of_state(state: usize) -> Self {
        Self { state, ..Self::default() }
    }

    /// All of it.
    pub fn all(self) -> usize {
        self.state + self.shown + self.windows
    }

    /// Whether it is what one connection may hold.
    pub(crate) fn fits(self, options: &Options) -> bool {
        self.state <= limits::CONNECTION
            && self.shown <= limits::shown(options.max_body)
            && self.windows <= limits::WINDOWS
    }

    /// Bytes that bodies may still take.
    pub(crate) fn room(self, options: &Options) -> usize {
        limits::shown(options.max_body).saturating_sub(self.shown)
    }
}

impl Add for Holding {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            state: self.state + other.state,
            shown: self.shown + other.shown,
            windows: self.windows + other.windows,
        }
    }
}

impl Sub for Holding {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            state: self.state - other.state,
            shown: self.shown - other.shown,
            windows: self.windows - other.windows,
        }
    }
}

impl std::iter::Sum for Holding {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Self::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_its_own_bound() {
        let options = Options { max_body: 100, ..Options::default() };
        let most = Holding { state: limits::CONNECTION, shown: 200, windows: limits::WINDOWS };
        assert!(most.fits(&options));
        assert_eq!((most.room(&options), Holding::default().room(&options)), (0, 200));
        for one in [(1, 0, 0), (0, 1, 0), (0, 0, 1)] {
            let (state, shown, windows) = one;
            assert!(!(most + Holding { state, shown, windows }).fits(&options), "{one:?}");
        }
        assert_eq!(most - most, Holding::default());
        assert_eq!([most, Holding::of_state(1)].into_iter().sum::<Holding>().all(), most.all() + 1);
    }
}

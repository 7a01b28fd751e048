//! One direction of one connection: where the next byte belongs.

use crate::totals::add;

/// Positions and counts of a direction. `next` is always the start plus `captured + missing`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Direction {
    /// Position of the next byte.
    pub next: u64,
    /// Bytes shown.
    pub captured: u64,
    /// Bytes in gaps.
    pub missing: u64,
}

/// Missing bytes: from a position, so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hole {
    pub pos: u64,
    pub len: u64,
}

impl Direction {
    /// A direction that moved `next` bytes before.
    pub(crate) fn at(next: u64) -> Self {
        Self { next, ..Self::default() }
    }

    /// Steps over bytes that never came, up to `pos`.
    pub(crate) fn skip_to(&mut self, pos: u64) -> Option<Hole> {
        let len = pos.checked_sub(self.next).filter(|&len| len > 0)?;
        let hole = Hole { pos: self.next, len };
        self.next = pos;
        add(&mut self.missing, len);
        Some(hole)
    }

    /// Takes bytes that are shown; returns where they stand.
    pub(crate) fn capture(&mut self, len: u64) -> u64 {
        add(&mut self.captured, len);
        self.step(len)
    }

    /// Takes bytes that a record declares missing; returns where they would stand.
    pub(crate) fn miss(&mut self, len: u64) -> u64 {
        add(&mut self.missing, len);
        self.step(len)
    }

    fn step(&mut self, len: u64) -> u64 {
        let pos = self.next;
        add(&mut self.next, len);
        pos
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_a_hole() {
        let mut direction = Direction::at(10);
        assert_eq!(direction.skip_to(10), None);
        assert_eq!(direction.skip_to(13), Some(Hole { pos: 10, len: 3 }));
        assert_eq!(direction, Direction { next: 13, captured: 0, missing: 3 });
    }

    #[test]
    fn a_step_back_is_none() {
        let mut direction = Direction::at(10);
        assert_eq!(direction.skip_to(9), None);
        assert_eq!(direction.capture(5), 10);
        assert_eq!(direction.miss(1), 15);
        assert_eq!(direction, Direction { next: 16, captured: 5, missing: 1 });
    }

    #[test]
    fn positions_stop_at_the_end() {
        let mut direction = Direction::default();
        assert_eq!(direction.skip_to(u64::MAX), Some(Hole { pos: 0, len: u64::MAX }));
        assert_eq!(direction.capture(5), u64::MAX);
        assert_eq!(direction.next, u64::MAX);
    }
}

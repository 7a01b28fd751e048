//! What was seen already: both ends of a connection may run here, and a library may log a key
//! twice. Memory is bounded, whatever the number of connections.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, RandomState};

/// Things that are remembered, in each of two generations.
const GENERATION: usize = 65_536;

/// The last things that came, as hashes that nobody outside can aim at. One is forgotten when
/// between one and two generations of others came after it.
#[derive(Debug)]
pub struct Seen {
    state: RandomState,
    now: HashSet<u64>,
    before: HashSet<u64>,
    generation: usize,
}

impl Default for Seen {
    fn default() -> Self {
        Self::with_generation(GENERATION)
    }
}

impl Seen {
    fn with_generation(generation: usize) -> Self {
        Self { state: RandomState::new(), now: HashSet::new(), before: HashSet::new(), generation }
    }

    /// Whether this came, not so long ago.
    pub fn knows(&self, thing: &impl Hash) -> bool {
        let hash = self.state.hash_one(thing);
        self.now.contains(&hash) || self.before.contains(&hash)
    }

    /// Whether this is new.
    pub fn is_new(&mut self, thing: &impl Hash) -> bool {
        let hash = self.state.hash_one(thing);
        if self.now.contains(&hash) {
            return false;
        }
        let new = !self.before.contains(&hash);
        if self.now.len() >= self.generation {
            std::mem::swap(&mut self.now, &mut self.before);
            self.now.clear();
        }
        self.now.insert(hash);
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_new_once() {
        let mut seen = Seen::default();
        assert!(!seen.knows(&[1; 48]));
        assert!(seen.is_new(&[1; 48]));
        assert!(seen.knows(&[1; 48]));
        assert!(!seen.is_new(&[1; 48]));
        assert!(seen.is_new(&[2; 48]));
    }

    #[test]
    fn the_last_things_are_remembered_and_old_ones_forgotten() {
        let mut seen = Seen::with_generation(10);
        for number in 1..=200u8 {
            assert!(seen.is_new(&number));
            assert!(!seen.is_new(&(number.max(6) - 5)), "{number}");
            assert!(seen.now.len() <= 10 && seen.before.len() <= 10);
        }
        assert!(seen.is_new(&1u8));
    }
}

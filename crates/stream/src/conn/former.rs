//! Positions of connections that ended. A record may come late: a call that was still running
//! when another thread freed the connection, or bytes of a connection that was evicted. Taken for
//! a new connection's first record, it would look as if everything before it were lost.

use std::collections::{HashMap, VecDeque};

use super::Key;

/// The last positions of the connections that ended most recently.
#[derive(Debug, Default)]
pub(super) struct Former {
    limit: usize,
    positions: HashMap<Key, Position>,
    /// Oldest first. A key that came back and left again is in here twice, so entries are
    /// numbered and only the newest one counts.
    order: VecDeque<(Key, u64)>,
    count: u64,
}

#[derive(Debug)]
struct Position {
    next: [u64; 2],
    number: u64,
}

impl Former {
    /// Remembers so many connections.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Remembers where a connection ended.
    pub(super) fn remember(&mut self, key: Key, next: [u64; 2]) {
        if next == [0; 2] || self.limit == 0 {
            return;
        }
        while self.order.len() >= self.limit {
            self.forget_oldest();
        }
        self.count += 1;
        self.positions.insert(key, Position { next, number: self.count });
        self.order.push_back((key, self.count));
    }

    /// Where this connection ended; zeros for one that is not remembered.
    pub(super) fn positions(&self, key: &Key) -> [u64; 2] {
        self.positions.get(key).map_or([0; 2], |position| position.next)
    }

    fn forget_oldest(&mut self) {
        let Some((key, number)) = self.order.pop_front() else { return };
        if self.positions.get(&key).is_some_and(|position| position.number == number) {
            self.positions.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(conn: u64) -> Key {
        Key { tgid: 1, start_ns: 2, conn, born_ns: 3 }
    }

    #[test]
    fn the_oldest_is_forgotten_at_the_limit() {
        let mut former = Former::new(2);
        former.remember(key(1), [1, 1]);
        former.remember(key(2), [2, 2]);
        assert_eq!(former.positions(&key(1)), [1, 1]);
        former.remember(key(3), [3, 3]);
        assert_eq!(former.positions(&key(1)), [0, 0]);
        assert_eq!(former.positions(&key(2)), [2, 2]);
        assert_eq!(former.positions(&key(3)), [3, 3]);
    }

    #[test]
    fn a_key_that_left_twice_is_remembered_as_of_the_second_time() {
        let mut former = Former::new(2);
        former.remember(key(1), [1, 1]);
        former.remember(key(1), [5, 5]);
        former.remember(key(2), [2, 2]);
        assert_eq!(former.positions(&key(1)), [5, 5]);
        assert_eq!(former.order.len(), 2);
    }

    #[test]
    fn a_limit_of_zero_remembers_nothing() {
        let mut former = Former::new(0);
        former.remember(key(1), [1, 1]);
        assert_eq!(former.positions(&key(1)), [0, 0]);
    }
}

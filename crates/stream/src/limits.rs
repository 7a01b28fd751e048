//! How much a table may hold. A traced program decides how many connections there are.

/// What bounds a [`Table`](crate::Table)'s memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections followed at once. Past it, the one that was silent for longest is closed.
    pub connections: usize,
    /// Ended connections whose positions are remembered: a late record of one must not be
    /// taken for a new connection that lost its first bytes.
    pub remembered: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 65_536, remembered: 65_536 }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Table;
    use crate::event::{Data, Event};
    use crate::{
        Close, CloseReason, Conn, Context, Dir, Ended, Gap, Head, Ids, Key, Output, Piece,
    };

    struct Unknown;

    impl Context for Unknown {
        fn exe(&mut self, _: u32, _: u64) -> Arc<str> {
            "".into()
        }

        fn lib(&mut self, _: u32) -> Arc<str> {
            "".into()
        }

        fn ended(&mut self, _: &Key) -> Option<Ended> {
            None
        }
    }

    /// Which connections were closed because the table was full, and bytes in gaps.
    #[derive(Default)]
    struct Evicted(Vec<u64>, u64);

    impl Output for Evicted {
        fn open(&mut self, _: &Conn, _: u64) {}

        fn data(&mut self, _: &Conn, _: &Piece<'_>) {}

        fn gap(&mut self, _: &Conn, gap: &Gap) {
            self.1 += gap.len;
        }

        fn close(&mut self, conn: &Conn, close: &Close) {
            assert_eq!(close.reason, CloseReason::Evicted);
            self.0.push(conn.id);
        }
    }

    /// Feeds one byte of connection `conn` at `pos`.
    fn push(table: &mut Table, conn: u64, pos: u64, evicted: &mut Evicted) {
        let head = Head { conn, ..Head::default() };
        let (dir, bytes) = (Dir::Read, b"x".as_slice());
        let data = Data { head, dir, pos, call_len: 1, call_off: 0, bytes };
        table.push(&Event::Data(data), &mut Unknown, evicted);
    }

    fn table(connections: usize, remembered: usize) -> Table {
        Table::new(Limits { connections, remembered }, Ids::default())
    }

    #[test]
    fn the_one_that_was_silent_for_longest_makes_room() {
        let mut evicted = Evicted::default();
        let mut table = table(3, 10);
        for conn in [1, 2, 3] {
            push(&mut table, conn, 0, &mut evicted);
        }
        push(&mut table, 1, 1, &mut evicted);
        assert_eq!((table.len(), evicted.0.len()), (3, 0), "at the limit");
        push(&mut table, 4, 0, &mut evicted);
        assert_eq!((table.len(), evicted.0.as_slice()), (3, [2].as_slice()), "one past the limit");
        assert_eq!(table.totals().evicted, 1);
    }

    #[test]
    fn an_evicted_connection_goes_on_where_it_was() {
        let mut evicted = Evicted::default();
        let mut table = table(1, 1);
        push(&mut table, 1, 0, &mut evicted);
        push(&mut table, 2, 0, &mut evicted);
        push(&mut table, 1, 1, &mut evicted);
        assert_eq!(evicted.0, [1, 2]);
        assert_eq!(evicted.1, 0, "no gap is invented");
        assert_eq!(table.totals().captured, [3, 0]);
    }

    #[test]
    fn past_the_limit_positions_are_forgotten() {
        let mut evicted = Evicted::default();
        let mut table = table(1, 1);
        for conn in [1, 2, 3] {
            push(&mut table, conn, 0, &mut evicted);
        }
        // 2 pushed 1 out of memory, so 1's second byte looks like the first that came through.
        push(&mut table, 1, 1, &mut evicted);
        assert_eq!(evicted.1, 1);
    }

    #[test]
    fn a_limit_of_none_holds_one() {
        let mut evicted = Evicted::default();
        let mut table = table(0, 0);
        for conn in [1, 1, 2] {
            push(&mut table, conn, 0, &mut evicted);
        }
        assert_eq!((table.len(), evicted.0.as_slice()), (1, [1].as_slice()));
    }
}

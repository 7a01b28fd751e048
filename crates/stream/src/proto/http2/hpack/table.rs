//! The dynamic table of one direction (RFC 7541, section 2.3.2), of which parts may not be known.
//!
//! # Why a value is never a wrong one
//!
//! An index counts from the newest entry: index 62 is the last one that was added, 63 the one before
//! it, and so on. Entries leave only at the old end (section 4.4). So the meaning of an index depends
//! on nothing but what was added after that entry, neither on the size of the table nor on what was
//! evicted. As long as every block since some moment was read, the entries added since then are
//! known by their indexes; larger indexes mean entries from before that moment, and are unknown.
//! What remains is to show that none of the unknowns can shift an index:
//!
//! - *The real table is smaller than we think* (its `SETTINGS_HEADER_TABLE_SIZE` was not seen): an
//!   entry that we hold may be gone there. A peer that refers to it breaks the protocol (section
//!   2.3.3); one that does not never makes us look at it. No index moves.
//! - *An entry is too large for the real table*: it is not added and empties the table (section 4.4).
//!   If we hold it, it stands in front of entries that are gone as well, so all that can be referred
//!   to is newer, and counts right.
//! - *An entry refers to an unknown name*: it has an index like any other and is held with that part
//!   unknown. Its size is known to be at least that of the rest.
//! - *An entry is larger than what we hold at all*: it is held as unknown, so that it has its index.
//! - *A block was lost, or could not be decoded*: an unknown number of entries was added, so all is
//!   forgotten ([`Table::late`]).
//!
//! Entries are given up as evicted only if the real table's limit is known (from the connection's
//! beginning, or from a size update) and the sizes of the newer ones, each taken as the least that
//! it can be, leave no room for it. That proves also that nothing older is left. From then on an
//! index past the end is an error of the peer's, and no longer something unknown.

use std::collections::VecDeque;

/// Name and value of an entry; `None` for a part that is not known.
pub(super) type Entry<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// What an entry costs beyond its bytes (RFC 7541, section 4.1).
pub(super) const OVERHEAD: usize = 32;

/// The table's limit until a size update says otherwise (RFC 9113, section 6.5.2).
const INITIAL_MAX: usize = 4_096;

/// Dead bytes at the front that are not worth moving the others for.
const SLACK: usize = 4_096;

/// The entries that are known, newest first.
#[derive(Debug)]
pub(super) struct Table {
    entries: VecDeque<Place>,
    bytes: Vec<u8>,
    /// Bytes ever dropped from the front of `bytes`.
    dropped: u64,
    /// Sum of the least sizes of the entries.
    least: usize,
    /// The real table's limit, if it is known.
    max: Option<usize>,
    /// Nothing is in the real table but what is in `entries`.
    complete: bool,
    /// Bytes that may be held.
    budget: usize,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    /// Where the name begins, the value after it; counted as if no byte had ever been dropped.
    at: u64,
    name: Option<usize>,
    value: Option<usize>,
}

impl Place {
    fn held(&self) -> usize {
        self.name.unwrap_or(0) + self.value.unwrap_or(0)
    }

    fn least(&self) -> usize {
        OVERHEAD + self.held()
    }
}

impl Table {
    /// That of a connection whose first byte was seen. `budget`: bytes to hold, by the RFC's count.
    pub(super) fn fresh(budget: usize) -> Self {
        Self { max: Some(INITIAL_MAX), complete: true, ..Self::late(budget) }
    }

    /// One of which nothing is known.
    pub(super) fn late(budget: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            bytes: Vec::new(),
            dropped: 0,
            least: 0,
            max: None,
            complete: false,
            budget,
        }
    }

    /// Bytes that it keeps.
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity() + self.entries.capacity() * size_of::<Place>()
    }

    /// The `nth` entry from the newest, 0 first.
    ///
    /// # Errors
    ///
    /// The real table cannot have so many.
    pub(super) fn entry(&self, nth: usize) -> Result<Entry<'_>, &'static str> {
        if let Some(place) = self.entries.get(nth) {
            let at = (place.at - self.dropped) as usize;
            let middle = at + place.name.unwrap_or(0);
            let name = place.name.map(|len| &self.bytes[at..at + len]);
            let value = place.value.map(|len| &self.bytes[middle..middle + len]);
            return Ok((name, value));
        }
        let older = nth - self.entries.len();
        let room = self.max.map(|max| max.saturating_sub(self.least) / OVERHEAD);
        if self.complete || room.is_some_and(|room| older >= room) {
            return Err("an index past the end of the table");
        }
        Ok((None, None))
    }

    /// Adds an entry (section 4.4).
    pub(super) fn add(&mut self, name: Option<&[u8]>, value: Option<&[u8]>) {
        let place = self.begin();
        self.end(place, name, value);
    }

    /// Adds an entry with the name of the `nth`, if there is one, and this value.
    pub(super) fn add_named_as(&mut self, nth: usize, value: Option<&[u8]>) {
        // The name may belong to an entry that is evicted on the way, so it is copied first.
        let named = self.entries.get(nth).and_then(|place| Some((place.at, place.name?)));
        let mut place = self.begin();
        if let Some((at, len)) = named {
            let at = (at - self.dropped) as usize;
            self.bytes.extend_from_within(at..at + len);
            place.name = Some(len);
        }
        self.end(place, None, value);
    }

    /// Sets the limit (section 4.3).
    pub(super) fn resize(&mut self, max: usize) {
        self.max = Some(max);
        self.evict();
    }

    fn begin(&self) -> Place {
        Place { at: self.dropped + self.bytes.len() as u64, name: None, value: None }
    }

    fn end(&mut self, mut place: Place, name: Option<&[u8]>, value: Option<&[u8]>) {
        if let Some(name) = name {
            self.bytes.extend_from_slice(name);
            place.name = Some(name.len());
        }
        if let Some(value) = value {
            self.bytes.extend_from_slice(value);
            place.value = Some(value.len());
        }
        self.least += place.least();
        self.entries.push_front(place);
        self.evict();
        while self.least > self.budget && self.entries.len() > 1 {
            self.drop_oldest();
            self.complete = false;
        }
        if self.least > self.budget {
            // Larger than all that may be held: only its place counts.
            self.drop_oldest();
            self.complete = false;
            let unknown = self.begin();
            self.least += unknown.least();
            self.entries.push_front(unknown);
        }
        self.compact();
    }

    /// Gives up what cannot be in the real table any more.
    fn evict(&mut self) {
        let Some(max) = self.max else { return };
        while self.least > max && !self.entries.is_empty() {
            self.drop_oldest();
            self.complete = true;
        }
        if self.least + OVERHEAD > max {
            self.complete = true;
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(place) = self.entries.pop_back() {
            self.least -= place.least();
        }
    }

    /// Moves the bytes to the front when there are more dead ones than others.
    fn compact(&mut self) {
        let end = self.dropped + self.bytes.len() as u64;
        let first = self.entries.back().map_or(end, |place| place.at);
        let dead = (first - self.dropped) as usize;
        if dead > SLACK.max(self.bytes.len() / 2) {
            self.bytes.drain(..dead);
            self.dropped = first;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: usize = 65_536;

    fn both<'a>(name: &'a str, value: &'a str) -> Result<Entry<'a>, &'static str> {
        Ok((Some(name.as_bytes()), Some(value.as_bytes())))
    }

    fn add(table: &mut Table, name: &str, value: &str) {
        table.add(Some(name.as_bytes()), Some(value.as_bytes()));
    }

    #[test]
    fn the_newest_is_first_and_the_oldest_leaves() {
        let mut table = Table::fresh(BUDGET);
        table.resize(80);
        add(&mut table, "a", "1");
        add(&mut table, "b", "2");
        assert_eq!(table.entry(0), both("b", "2"));
        assert_eq!(table.entry(1), both("a", "1"));
        assert!(table.entry(2).is_err());
        add(&mut table, "c", "3");
        assert_eq!(table.entry(1), both("b", "2"));
        assert!(table.entry(2).is_err(), "evicted");
        table.resize(0);
        assert!(table.entry(0).is_err());
        add(&mut table, "d", "4");
        assert!(table.entry(0).is_err(), "no room for any");
    }

    #[test]
    fn what_was_there_before_is_unknown_until_it_cannot_be_there() {
        let mut table = Table::late(BUDGET);
        assert_eq!(table.entry(0), Ok((None, None)));
        add(&mut table, "a", "1");
        assert_eq!(table.entry(0), both("a", "1"));
        assert_eq!(table.entry(1), Ok((None, None)));
        assert_eq!(table.entry(1_000_000), Ok((None, None)), "its size is not known");
        // 34 bytes are taken; 66 are room for two more entries at most.
        table.resize(100);
        assert_eq!(table.entry(2), Ok((None, None)));
        assert!(table.entry(3).is_err());
        add(&mut table, "b", "2");
        assert_eq!(table.entry(2), Ok((None, None)), "32 bytes are left");
        add(&mut table, "c", "");
        // 34 + 34 + 33 > 100: the oldest that was seen is gone, and so is all before it.
        assert_eq!(table.entry(1), both("b", "2"));
        assert!(table.entry(2).is_err());
    }

    #[test]
    fn a_size_update_to_nothing_ends_all_doubt() {
        let mut table = Table::late(BUDGET);
        table.resize(0);
        table.resize(4_096);
        add(&mut table, "a", "1");
        assert_eq!(table.entry(0), both("a", "1"));
        assert!(table.entry(1).is_err());
    }

    #[test]
    fn an_unknown_name_takes_its_place() {
        let mut table = Table::late(BUDGET);
        table.add_named_as(7, Some(b"v"));
        add(&mut table, "a", "1");
        table.add_named_as(0, Some(b"2"));
        table.add_named_as(2, Some(b"w"));
        assert_eq!(table.entry(0), Ok((None, Some(&b"w"[..]))));
        assert_eq!(table.entry(1), both("a", "2"));
        assert_eq!(table.entry(2), both("a", "1"));
        assert_eq!(table.entry(3), Ok((None, Some(&b"v"[..]))));
    }

    #[test]
    fn what_is_too_large_to_hold_keeps_its_index() {
        let mut table = Table::late(100);
        add(&mut table, "a", "1");
        add(&mut table, "b", &"x".repeat(100));
        add(&mut table, "c", "3");
        assert_eq!(table.entry(0), both("c", "3"));
        assert_eq!(table.entry(1), Ok((None, None)));
        assert_eq!(table.entry(2), Ok((None, None)), "given up for it");
    }

    #[test]
    fn the_name_of_an_evicted_entry_can_be_used() {
        // RFC 7541, section 4.4.
        let mut table = Table::fresh(BUDGET);
        table.resize(40);
        add(&mut table, "name", "1");
        table.add_named_as(0, Some(b"2"));
        assert_eq!(table.entry(0), both("name", "2"));
        assert!(table.entry(1).is_err());
    }

    #[test]
    fn memory_stays_within_bounds() {
        let mut table = Table::late(10_000);
        for round in 0..10_000 {
            add(&mut table, &format!("name-{round}"), &"v".repeat(round % 300));
            assert!(table.least <= 10_000 && table.bytes.len() <= 2 * 10_000 + SLACK);
        }
        assert_eq!(table.entry(0), both("name-9999", &"v".repeat(99)));
    }
}

//! Where connections live: found by key, by process and by how long they were silent.

use std::collections::HashMap;
use std::collections::hash_map::Entry as MapEntry;

use super::direction::Direction;
use super::list::{Link, List, NONE};
use super::{Conn, Key};

/// A connection and where its directions stand.
#[derive(Debug)]
pub(super) struct Entry {
    pub key: Key,
    /// `id` is 0 until the connection moved bytes.
    pub conn: Conn,
    pub directions: [Direction; 2],
}

/// All connections of a table.
#[derive(Debug)]
pub(super) struct Store {
    slots: Vec<Option<Entry>>,
    free: Vec<u32>,
    by_key: HashMap<Key, u32>,
    /// The newest connection at a pointer.
    by_place: HashMap<Place, u32>,
    by_process: HashMap<Process, List>,
    process_links: Vec<Link>,
    /// Silent for longest first.
    recent: List,
    recent_links: Vec<Link>,
}

/// A key without its birth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    process: Process,
    conn: u64,
}

/// A process and when it started.
pub(super) type Process = (u32, u64);

impl Store {
    pub(super) fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::new(),
            by_place: HashMap::new(),
            by_process: HashMap::new(),
            process_links: Vec::new(),
            recent: List::EMPTY,
            recent_links: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// The connection in a slot.
    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Entry> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    /// The slot of a connection, which now counts as the least silent one.
    pub(super) fn find(&mut self, key: &Key) -> Option<u32> {
        // Long calls come as many records in a row.
        let last = self.recent.tail;
        if self.get_mut(last).is_some_and(|entry| entry.key == *key) {
            return Some(last);
        }
        let slot = *self.by_key.get(key)?;
        self.recent.remove(&mut self.recent_links, slot);
        self.recent.push(&mut self.recent_links, slot);
        Some(slot)
    }

    /// An older connection at the same pointer.
    pub(super) fn predecessor(&self, key: &Key) -> Option<u32> {
        let slot = *self.by_place.get(&place(key))?;
        let entry = self.slots.get(slot as usize)?.as_ref()?;
        (entry.key.born_ns < key.born_ns).then_some(slot)
    }

    /// Adds a connection that is not there yet.
    pub(super) fn insert(&mut self, entry: Entry) -> u32 {
        let key = entry.key;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.recent_links.push(Link::FREE);
            self.process_links.push(Link::FREE);
            (self.slots.len() - 1) as u32
        });
        self.slots[slot as usize] = Some(entry);
        self.by_key.insert(key, slot);
        let newest = self.by_place.get(&place(&key)).and_then(|&slot| self.birth(slot));
        if newest.is_none_or(|newest| newest < key.born_ns) {
            self.by_place.insert(place(&key), slot);
        }
        self.recent.push(&mut self.recent_links, slot);
        let process = self.by_process.entry(process(&key)).or_insert(List::EMPTY);
        process.push(&mut self.process_links, slot);
        slot
    }

    /// Takes a connection out.
    pub(super) fn remove(&mut self, slot: u32) -> Option<Entry> {
        let entry = self.slots.get_mut(slot as usize)?.take()?;
        self.by_key.remove(&entry.key);
        if let MapEntry::Occupied(newest) = self.by_place.entry(place(&entry.key))
            && *newest.get() == slot
        {
            newest.remove();
        }
        self.recent.remove(&mut self.recent_links, slot);
        if let MapEntry::Occupied(mut list) = self.by_process.entry(process(&entry.key)) {
            list.get_mut().remove(&mut self.process_links, slot);
            if list.get().is_empty() {
                list.remove();
            }
        }
        self.free.push(slot);
        Some(entry)
    }

    /// The connection that was silent for longest.
    pub(super) fn most_silent(&self) -> Option<u32> {
        (self.recent.head != NONE).then_some(self.recent.head)
    }

    /// The first connection of a process.
    pub(super) fn first_of(&self, process: Process) -> Option<u32> {
        self.by_process.get(&process).map(|list| list.head)
    }

    /// The slots of all connections.
    pub(super) fn all(&self) -> Vec<u32> {
        self.by_key.values().copied().collect()
    }

    fn birth(&self, slot: u32) -> Option<u64> {
        Some(self.slots.get(slot as usize)?.as_ref()?.key.born_ns)
    }
}

fn place(key: &Key) -> Place {
    Place { process: process(key), conn: key.conn }
}

pub(super) fn process(key: &Key) -> Process {
    (key.tgid, key.start_ns)
}

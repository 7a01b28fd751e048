//! Prepared statements by their names, within bounds: past them the oldest is forgotten.

use std::collections::HashMap;
use std::hash::Hash;

use crate::limits;

/// Values by name. The client chooses both.
#[derive(Debug)]
pub(crate) struct Named<K, V> {
    all: HashMap<K, Entry<V>>,
    next: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry<V> {
    age: u64,
    bytes: usize,
    value: V,
}

impl<K, V> Default for Named<K, V> {
    fn default() -> Self {
        Self { all: HashMap::new(), next: 0, bytes: 0 }
    }
}

impl<K: Hash + Eq + Clone, V> Named<K, V> {
    /// Adds one that takes so many bytes, and makes room.
    pub(crate) fn insert(&mut self, name: K, value: V, bytes: usize) {
        self.remove(&name);
        self.next += 1;
        self.bytes += bytes;
        self.all.insert(name, Entry { age: self.next, bytes, value });
        while self.all.len() > limits::STATEMENTS
            || self.bytes > limits::STATEMENT_BYTES && self.all.len() > 1
        {
            let oldest = self.all.iter().min_by_key(|(_, entry)| entry.age);
            let Some(name) = oldest.map(|(name, _)| name.clone()) else { return };
            self.remove(&name);
        }
    }

    pub(crate) fn remove(&mut self, name: &K) -> Option<V> {
        let entry = self.all.remove(name)?;
        self.bytes -= entry.bytes;
        Some(entry.value)
    }

    pub(crate) fn find(&self, name: &K) -> Option<&V> {
        self.all.get(name).map(|entry| &entry.value)
    }

    pub(crate) fn find_mut(&mut self, name: &K) -> Option<&mut V> {
        self.all.get_mut(name).map(|entry| &mut entry.value)
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Bytes of memory that it takes.
    pub(crate) fn held(&self) -> usize {
        self.bytes + self.all.capacity() * size_of::<(K, Entry<V>)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room() {
        let mut named = Named::default();
        for name in 0..limits::STATEMENTS {
            named.insert(name, name, 1);
        }
        assert_eq!(named.find(&0), Some(&0), "at the limit");
        named.insert(usize::MAX, 0, 1);
        assert_eq!((named.find(&0), named.find(&1)), (None, Some(&1)));
        named.insert(7, 8, limits::STATEMENT_BYTES);
        assert_eq!((named.find(&7), named.find(&8)), (Some(&8), None), "by bytes, too");
        assert_eq!(named.remove(&7), Some(8));
        assert_eq!(named.bytes, 0);
    }
}

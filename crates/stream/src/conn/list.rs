//! Doubly linked lists through the slots of a slab: a slot joins, leaves and moves in constant
//! time, so that neither a busy connection nor a dying process costs a scan.

/// No slot.
pub(crate) const NONE: u32 = u32::MAX;

/// A slot's neighbours in one list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    prev: u32,
    next: u32,
}

impl Link {
    /// In no list.
    pub(crate) const FREE: Self = Self { prev: NONE, next: NONE };
}

/// Both ends of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List {
    pub head: u32,
    pub tail: u32,
}

impl List {
    pub(crate) const EMPTY: Self = Self { head: NONE, tail: NONE };

    /// Adds a slot at the tail.
    pub(crate) fn push(&mut self, links: &mut [Link], slot: u32) {
        links[slot as usize] = Link { prev: self.tail, next: NONE };
        match self.tail {
            NONE => self.head = slot,
            tail => links[tail as usize].next = slot,
        }
        self.tail = slot;
    }

    /// Takes a slot out.
    pub(crate) fn remove(&mut self, links: &mut [Link], slot: u32) {
        let Link { prev, next } = links[slot as usize];
        match prev {
            NONE => self.head = next,
            prev => links[prev as usize].next = next,
        }
        match next {
            NONE => self.tail = prev,
            next => links[next as usize].prev = prev,
        }
        links[slot as usize] = Link::FREE;
    }

    /// Whether there is no slot.
    pub(crate) fn is_empty(&self) -> bool {
        self.head == NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(list: &List, links: &[Link]) -> Vec<u32> {
        let mut found = Vec::new();
        let mut slot = list.head;
        while slot != NONE {
            found.push(slot);
            slot = links[slot as usize].next;
        }
        assert_eq!(found.last().copied().unwrap_or(NONE), list.tail);
        found
    }

    #[test]
    fn slots_leave_from_head_middle_and_tail() {
        let mut links = [Link::FREE; 4];
        let mut list = List::EMPTY;
        for slot in 0..4 {
            list.push(&mut links, slot);
        }
        list.remove(&mut links, 1);
        assert_eq!(slots(&list, &links), [0, 2, 3]);
        list.remove(&mut links, 0);
        assert_eq!(slots(&list, &links), [2, 3]);
        list.remove(&mut links, 3);
        assert_eq!(slots(&list, &links), [2]);
        list.remove(&mut links, 2);
        assert!(list.is_empty());
        assert_eq!(slots(&list, &links), []);
    }
}

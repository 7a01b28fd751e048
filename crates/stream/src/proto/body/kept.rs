//! The beginning of a body: what is shown of it.

use crate::limits;
use crate::message::Hole;
use crate::proto::append;

/// The first bytes, and how many there were.
#[derive(Debug, Default)]
pub(super) struct Kept {
    bytes: Vec<u8>,
    len: u64,
    holes: Vec<Hole>,
    max: usize,
    /// Likewise, for now.
    room: usize,
    /// It was cut before the most that is shown: others had taken the room.
    crowded: bool,
}

impl Kept {
    /// Forgets all; keeps at most `max` bytes from now on.
    pub(super) fn clear(&mut self, max: usize) {
        self.bytes.clear();
        self.holes.clear();
        self.len = 0;
        (self.max, self.room) = (max, max);
        self.crowded = false;
    }

    /// So many more bytes of memory may be taken for now. What finds no room is counted, and so is
    /// all that follows it.
    pub(super) fn allow(&mut self, room: usize) {
        if self.bytes.is_empty() && self.bytes.capacity() > room {
            self.bytes = Vec::new();
        }
        self.room = self.max.min(self.shown().saturating_add(room));
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.len = self.len.saturating_add(bytes.len() as u64);
        let take = bytes.len().min(self.room - self.bytes.len());
        append(&mut self.bytes, &bytes[..take], self.room);
        if take < bytes.len() {
            self.crowded |= self.bytes.len() < self.max;
            (self.max, self.room) = (self.bytes.len(), self.bytes.len());
        }
    }

    /// Bytes are missing before the next. Where nothing more is shown they are only counted.
    pub(super) fn hole(&mut self, len: Option<u64>) {
        let at = self.bytes.len();
        let shown = self.bytes.len() < self.max;
        self.len = self.len.saturating_add(len.unwrap_or(0));
        let kept = self.holes.len();
        match self.holes.last_mut() {
            Some(last) if last.at == at => {
                last.len = last.len.zip(len).map(|(before, more)| before.saturating_add(more));
            }
            _ if shown && kept < limits::HOLES => self.holes.push(Hole { at, len }),
            _ => {}
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn holes(&self) -> &[Hole] {
        &self.holes
    }

    /// Whether it was cut for want of room, before the most that is shown.
    pub(super) fn is_crowded(&self) -> bool {
        self.crowded
    }

    /// Memory of what is shown.
    pub(super) fn shown(&self) -> usize {
        if self.bytes.is_empty() { 0 } else { self.bytes.capacity() }
    }

    /// Memory beside that: holes, and room that waits for the next body.
    pub(super) fn held(&self) -> usize {
        let waits = self.bytes.capacity() - self.shown();
        waits + self.holes.capacity() * size_of::<Hole>()
    }

    pub(super) fn shrink(&mut self) {
        if self.bytes.capacity() > limits::ROOM {
            self.bytes = Vec::new();
        }
        if self.holes.capacity() * size_of::<Hole>() > limits::ROOM {
            self.holes = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_is_kept_and_the_rest_counted() {
        let mut kept = Kept::default();
        kept.clear(5);
        kept.push(b"abc");
        kept.push(b"defg");
        assert_eq!((kept.bytes(), kept.len()), (&b"abcde"[..], 7));
        kept.hole(Some(3));
        assert_eq!((kept.holes(), kept.len()), (&[][..], 10), "past what is shown");
    }

    #[test]
    fn want_of_room_is_told_from_the_limit() {
        let mut kept = Kept::default();
        kept.clear(100);
        kept.allow(10);
        kept.push(&[b'x'; 9]);
        assert!(!kept.is_crowded());
        assert!(kept.shown() <= 10 && kept.held() == 0);
        kept.push(&[b'x'; 9]);
        kept.allow(1_000);
        kept.push(&[b'x'; 9]);
        assert_eq!((kept.bytes().len(), kept.len(), kept.is_crowded()), (10, 27, true));
        kept.clear(10);
        assert_eq!((kept.shown(), kept.held()), (0, 10), "its room waits");
        kept.allow(9);
        assert_eq!(kept.held(), 0, "there is no room for it");
        kept.allow(10);
        kept.push(&[b'x'; 20]);
        assert!(!kept.is_crowded(), "all that is shown of any");
    }

    #[test]
    fn holes_have_a_place_and_join() {
        let mut kept = Kept::default();
        kept.clear(10);
        kept.push(b"ab");
        kept.hole(Some(3));
        kept.hole(Some(4));
        kept.push(b"c");
        kept.hole(None);
        let holes = [Hole { at: 2, len: Some(7) }, Hole { at: 3, len: None }];
        assert_eq!((kept.bytes(), kept.holes()), (&b"abc"[..], &holes[..]));
        assert_eq!(kept.len(), 10);
    }
}

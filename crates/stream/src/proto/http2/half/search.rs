//! Bytes of which it is not known where frames begin.

use crate::limits;
use crate::proto::Chunk;

use super::super::sync::{self, Sync};
use super::{Half, State, Told, Unit, at, take};

impl Half {
    /// Takes the chunk and looks for a frame. Gives the bytes before it, and those from its
    /// beginning on, if there is one; these are to be taken next.
    pub(in super::super) fn search(
        &mut self,
        chunk: &mut Chunk<'_>,
    ) -> (Unit<'static>, Vec<u8>, Option<Vec<u8>>) {
        if self.held.is_empty() {
            self.at = at(chunk);
            self.patience = 0;
        }
        self.held.extend_from_slice(take(chunk, usize::MAX));
        let found = match self.held.len() < self.patience {
            true => Sync::Perhaps(0),
            false => sync::find(&self.held),
        };
        let passed = match found {
            Sync::At(start) => start,
            Sync::Perhaps(start) => start.max(self.held.len().saturating_sub(limits::SEARCH)),
        };
        let rest = self.held.split_off(passed);
        let before = std::mem::replace(&mut self.held, rest);
        let unit = Unit { ended: chunk.time, ..self.loose(before.len()) };
        self.at.pos += before.len() as u64;
        // With little more there is little more to see.
        self.patience = self.held.len() + self.held.len() / 16;
        let frames = matches!(found, Sync::At(_)).then(|| {
            self.state = State::Head;
            std::mem::take(&mut self.held)
        });
        (unit, before, frames)
    }

    fn loose(&self, len: usize) -> Unit<'static> {
        Unit { at: self.at, ended: self.at.time, wire: len as u64, what: Told::Loose(b"") }
    }
}

#[cfg(test)]
mod tests {
    use abi::Dir;

    use super::*;
    use crate::message::{By, Flaw};

    /// Frames of 16 KiB that are not sure yet are kept, as far as there is room for them.
    #[test]
    fn a_search_keeps_48_kib() {
        let frame = [&[0, 0x40, 0, 0, 0, 0, 0, 0, 5][..], &[b'x'; 16 << 10]].concat();
        let bytes = frame.repeat(3);
        let mut half = Half { state: State::Lost(Flaw::Late), ..Half::default() };
        let mut passed = |bytes: &[u8]| {
            let (time, by, dir, pos) = (1, By::default(), Dir::Read, 0);
            let (_, before, frames) = half.search(&mut Chunk { time, by, dir, pos, bytes });
            assert!(frames.is_none() && half.held.len() <= limits::SEARCH);
            before.len()
        };
        let (first, rest) = bytes.split_at(limits::SEARCH);
        assert_eq!((passed(first), passed(&rest[..1])), (0, 1));
    }
}

//! Which streams are open, and how much they may keep.

use std::mem;

use abi::Dir;

use super::Streams;
use super::stream::{Role, Stream, is_pushed};
use crate::limits;
use crate::message::{Flaw, Message};
use crate::proto::{End, Holding, other};

impl Streams {
    /// What bytes of a stream are a part of; `None`: that is not known. What began in one direction
    /// does not go on in the other, whatever a peer sends on a stream that is not its own.
    pub(super) fn role(&self, dir: Dir, id: u32) -> Option<Role> {
        let stream = self.by_id.get(&id);
        let role = match self.client {
            _ if is_pushed(id) => Role::Response,
            Some(client) if client == dir => Role::Request,
            Some(_) => Role::Response,
            // It was taken for a response before.
            None => {
                return (stream?.response.dir == Some(dir)).then_some(Role::Response);
            }
        };
        let began = stream.and_then(|stream| match role {
            Role::Request => stream.request.dir,
            Role::Response => stream.response.dir,
        });
        began.is_none_or(|began| began == dir).then_some(role)
    }

    /// Whether a stream's response began in the other direction.
    pub(super) fn answers_other_way(&self, dir: Dir, id: u32) -> bool {
        self.by_id.get(&id).is_some_and(|stream| stream.response.dir == Some(other(dir)))
    }

    /// Whether a stream is open, or is opened by this; otherwise it is over.
    pub(super) fn open(&mut self, id: u32, time: u64, tell: &mut impl FnMut(&Message<'_>)) -> bool {
        if self.by_id.contains_key(&id) {
            return true;
        }
        if self.ended.contains(&id) {
            return false;
        }
        if self.by_id.len() >= limits::STREAMS {
            self.evict(time, tell);
        }
        self.exchanges += 1;
        let mut stream = self.spare.pop().unwrap_or_default();
        stream.exchange = self.exchanges;
        self.by_id.insert(id, stream);
        true
    }

    /// Makes room: tells of the oldest stream as it is.
    pub(super) fn evict(&mut self, time: u64, tell: &mut impl FnMut(&Message<'_>)) {
        let oldest = self.by_id.iter().min_by_key(|(_, stream)| stream.exchange);
        if let Some((&id, _)) = oldest {
            self.finish(id, End { time, closed: false, flaw: Flaw::Limit }, tell);
        }
    }

    /// A stream has ended: what still comes for it belongs to nothing.
    pub(super) fn over(&mut self, id: u32, mut stream: Box<Stream>) {
        if self.ended.len() == limits::ENDED_STREAMS {
            self.ended.pop_front();
        }
        self.ended.push_back(id);
        self.counted = self.counted - mem::take(&mut stream.counted);
        stream.clear();
        if self.spare.len() < limits::SPARE_STREAMS && stream.holding().all() <= limits::ROOM {
            self.spare.push(stream);
        }
    }

    /// Counts what a stream keeps, and makes room if that is too much.
    pub(super) fn count(&mut self, id: u32, time: u64, tell: &mut impl FnMut(&Message<'_>)) {
        if let Some(stream) = self.by_id.get_mut(&id) {
            let now = stream.holding();
            self.counted = self.counted - mem::replace(&mut stream.counted, now) + now;
        }
        while !self.is_within() && !self.by_id.is_empty() {
            self.evict(time, tell);
        }
    }

    fn is_within(&self) -> bool {
        let all = self.holding() + Holding::of_state(self.beside);
        all.fits(&self.start.options)
    }

    /// Bytes that bodies may still take.
    pub(super) fn room(&self) -> usize {
        self.counted.room(&self.start.options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Start;

    #[test]
    fn room_of_8_streams_and_names_of_64_are_kept() {
        let mut streams = Streams::new(Start::default());
        let mut ended = |count: u32| {
            (0..count).for_each(|id| streams.over(id, Box::default()));
            (streams.spare.len(), streams.ended.len())
        };
        assert_eq!(ended(8), (limits::SPARE_STREAMS, 8));
        assert_eq!(ended(57), (limits::SPARE_STREAMS, limits::ENDED_STREAMS));
    }
}

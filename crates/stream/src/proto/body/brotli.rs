//! `br` (RFC 7932).

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::chain::Drain;
use crate::limits;
use crate::message::Problem;

type State = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

/// A stream.
pub(super) struct Brotli {
    state: Box<State>,
    room: Vec<u8>,
    total: usize,
    done: bool,
}

impl Brotli {
    /// Bytes of memory beside the window, about: the tables and the room for what comes out.
    pub(super) const HELD: usize = (96 << 10) + limits::DECODED;
    /// The largest window (RFC 7932, section 9.1). It is written to as data comes, so its memory
    /// is taken then.
    pub(super) const WINDOW: usize = 16 << 20;

    pub(super) fn new() -> Self {
        let alloc = StandardAlloc::default;
        let state = Box::new(State::new_strict(alloc(), alloc(), alloc()));
        Self { state, room: vec![0; limits::DECODED], total: 0, done: false }
    }

    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    pub(super) fn push(&mut self, bytes: &[u8], to: Drain<'_>) -> Result<(), Problem> {
        let (mut left, mut at) = (bytes.len(), 0);
        while !self.done {
            let (mut room, mut made) = (self.room.len(), 0);
            let result = BrotliDecompressStream(
                &mut left,
                &mut at,
                bytes,
                &mut room,
                &mut made,
                &mut self.room,
                &mut self.total,
                &mut self.state,
            );
            to(&self.room[..made])?;
            match result {
                BrotliResult::ResultSuccess => self.done = true,
                BrotliResult::NeedsMoreOutput => {}
                BrotliResult::NeedsMoreInput => return Ok(()),
                BrotliResult::ResultFailure => return Err(Problem::Corrupt),
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Brotli {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Brotli").field("total", &self.total).finish_non_exhaustive()
    }
}

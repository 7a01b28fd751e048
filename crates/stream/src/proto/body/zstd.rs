//! `zstd` (RFC 8878), with a window of at most 8 MiB (RFC 9659).
//!
//! The decoder reads whole blocks, so that what there is of one waits until the rest has come.

use std::io::Read as _;

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::chain::Drain;
use crate::limits;
use crate::message::Problem;

/// A stream of frames.
pub(super) struct Zstd {
    decoder: FrameDecoder,
    waiting: Vec<u8>,
    room: Vec<u8>,
    phase: Phase,
    /// Frames end with a checksum of four bytes.
    checksum: bool,
    done: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Frame,
    Block,
}

const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
/// Largest content of a block (RFC 8878, section 3.1.1.2.4).
const BLOCK: usize = 128 << 10;

impl Zstd {
    pub(super) fn new() -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(limits::ZSTD_WINDOW as u64);
        let (waiting, room) = (Vec::new(), vec![0; limits::DECODED]);
        Self { decoder, waiting, room, phase: Phase::Frame, checksum: false, done: false }
    }

    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Bytes of memory beside the window.
    pub(super) fn held(&self) -> usize {
        (128 << 10) + self.room.len() + self.waiting.capacity()
    }

    pub(super) fn push(&mut self, bytes: &[u8], to: Drain<'_>) -> Result<(), Problem> {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.extend_from_slice(bytes);
        let mut at = 0;
        let result = loop {
            match self.step(&waiting[at..], to) {
                Ok(0) => break Ok(()),
                Ok(used) => at += used,
                Err(problem) => break Err(problem),
            }
        };
        waiting.drain(..at);
        self.waiting = waiting;
        result
    }

    /// Decodes a frame's head or a block; returns how many bytes it took, 0 if it is not all there.
    fn step(&mut self, bytes: &[u8], to: Drain<'_>) -> Result<usize, Problem> {
        let needed = match self.phase {
            Phase::Frame => frame_head(bytes)?,
            Phase::Block => self.block(bytes)?,
        };
        let Some(part) = needed.and_then(|needed| bytes.get(..needed)) else { return Ok(0) };
        match self.phase {
            Phase::Frame => {
                self.checksum = part[4] & 4 != 0;
                self.decoder.reset(part).map_err(|_| Problem::Corrupt)?;
                (self.phase, self.done) = (Phase::Block, false);
            }
            Phase::Block => {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                let last = self.decoder.decode_blocks(part, one).map_err(|_| Problem::Corrupt)?;
                self.drain(to)?;
                if last {
                    (self.phase, self.done) = (Phase::Frame, true);
                }
            }
        }
        Ok(part.len())
    }

    fn drain(&mut self, to: Drain<'_>) -> Result<(), Problem> {
        loop {
            match self.decoder.read(&mut self.room) {
                Ok(0) => return Ok(()),
                Ok(made) => to(&self.room[..made])?,
                Err(_) => return Err(Problem::Corrupt),
            }
        }
    }

    /// How long a block is, its header and a checksum behind the last one included.
    fn block(&self, bytes: &[u8]) -> Result<Option<usize>, Problem> {
        let [a, b, c, ..] = *bytes else { return Ok(None) };
        let header = u32::from_le_bytes([a, b, c, 0]);
        let (last, kind, size) = (header & 1 == 1, header >> 1 & 3, (header >> 3) as usize);
        if size > BLOCK || kind == 3 {
            return Err(Problem::Corrupt);
        }
        // A block of one byte, repeated.
        let size = if kind == 1 { 1 } else { size };
        Ok(Some(3 + size + if last && self.checksum { 4 } else { 0 }))
    }
}

impl std::fmt::Debug for Zstd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Zstd").field("phase", &self.phase).finish_non_exhaustive()
    }
}

/// How long a frame's head is (RFC 8878, section 3.1.1.1).
fn frame_head(bytes: &[u8]) -> Result<Option<usize>, Problem> {
    if !bytes.starts_with(&MAGIC) {
        let perhaps = MAGIC.starts_with(bytes);
        return if perhaps { Ok(None) } else { Err(Problem::Corrupt) };
    }
    let Some(&descriptor) = bytes.get(4) else { return Ok(None) };
    let single = descriptor >> 5 & 1 == 1;
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let content = [usize::from(single), 2, 4, 8][usize::from(descriptor >> 6)];
    Ok(Some(5 + usize::from(!single) + dictionary + content))
}

//! The content of frames that is told as it comes, and what is passed over.

use super::super::frame::{FrameHead, Kind, flags};
use super::{From, Half, Made, State, Told};

impl Half {
    /// A part of a `DATA` frame; so many bytes of it are still to come.
    pub(super) fn data<'c>(
        &mut self,
        head: FrameHead,
        content: usize,
        padding: usize,
        from: From<'c>,
        pad: usize,
    ) -> Option<Made<'c>> {
        let done = content + padding == 0;
        let end = done && head.has(flags::END_STREAM);
        self.state = match done {
            true => State::Head,
            false => State::Data { head, content, padding },
        };
        let len = match from {
            From::Chunk(bytes) => bytes.len(),
            _ => 0,
        };
        let wire = std::mem::take(&mut self.untold) + (len + pad) as u64;
        let made = self.made(Told::Data { stream: head.stream, bytes: b"", end }, wire);
        self.at.pos += wire;
        Some(Made { from, ..made })
    }

    pub(super) fn empty_data(
        &mut self,
        head: FrameHead,
        content: usize,
        padding: usize,
    ) -> Option<Made<'static>> {
        match content + padding {
            0 => self.data(head, 0, 0, From::Chunk(&[]), 0),
            _ => None,
        }
    }

    /// Bytes of a frame that is passed over.
    pub(super) fn passed(&mut self, kind: Kind, left: usize, len: u64) -> Option<Made<'static>> {
        self.state = match left {
            0 => State::Head,
            _ => State::Pass { kind, left },
        };
        let wire = std::mem::take(&mut self.untold) + len;
        (wire > 0).then(|| self.made(Told::Overhead, wire))
    }
}

//! Header blocks, put together from their frames.

use crate::message::Flaw;
use crate::proto::Parsed;

use super::super::frame::{self, FrameHead, Kind, flags};
use super::{Block, From, Half, Made, Open, Told};

impl Half {
    /// A whole `HEADERS`, `PUSH_PROMISE` or `CONTINUATION` frame.
    pub(super) fn fragment<'c>(
        &mut self,
        head: FrameHead,
        from: From<'c>,
        wire: u64,
    ) -> Option<Made<'c>> {
        let payload = match from {
            From::Chunk(bytes) => bytes,
            From::Held(_) | From::Fragments => &self.held,
        };
        if let (Kind::Continuation, Some(mut open)) = (head.kind, self.open) {
            self.fragments.extend_from_slice(payload);
            self.held.clear();
            open.wire += wire;
            self.open = Some(open);
            return match head.has(flags::END_HEADERS) {
                true => self.block_end(None),
                false => None,
            };
        }
        let padded = match frame::padded(&head, payload) {
            Parsed::Whole(padded, _) => padded,
            Parsed::More | Parsed::Broken(_) => {
                return match from {
                    From::Chunk(bytes) => self.broken(bytes),
                    _ => self.broken(&[]),
                };
            }
        };
        let fields = padded.before..padded.before + padded.content;
        let open = Open {
            at: self.at,
            wire,
            stream: head.stream,
            promised: match head.kind {
                Kind::PushPromise => frame::promised(&head, payload),
                _ => None,
            },
            end: head.kind == Kind::Headers && head.has(flags::END_STREAM),
            told: false,
        };
        self.open = Some(open);
        let from = match from {
            From::Chunk(bytes) if head.has(flags::END_HEADERS) => {
                From::Chunk(bytes.get(fields).unwrap_or_default())
            }
            _ => {
                self.fragments.clear();
                self.fragments.extend_from_slice(payload.get(fields).unwrap_or_default());
                self.held.clear();
                From::Fragments
            }
        };
        match head.has(flags::END_HEADERS) {
            true => self.block_end(None).map(|made| Made { from, ..made }),
            false => None,
        }
    }

    /// Tells of the block that is open, whose bytes are the fragments.
    pub(super) fn block_end(&mut self, flaw: Option<Flaw>) -> Option<Made<'static>> {
        let Open { at, wire, stream, promised, end, told } = self.open.take()?;
        if told {
            return None;
        }
        let what = Told::Block(Block { stream, promised, end, bytes: b"", flaw });
        Some(Made { what, from: From::Fragments, at, wire })
    }

    /// Tells of a block of which something is missing in this frame, from the part before.
    /// `wire`: bytes of the frame that belong to it beside those that are not told of.
    pub(super) fn cut_block(&mut self, head: FrameHead, wire: u64, flaw: Flaw) -> Made<'static> {
        let mut open = self.open.unwrap_or(Open {
            at: self.at,
            wire: 0,
            stream: head.stream,
            promised: None,
            end: head.kind == Kind::Headers && head.has(flags::END_STREAM),
            told: false,
        });
        if head.kind == Kind::Continuation {
            self.fragments.extend_from_slice(&self.held);
        } else {
            self.fragments.clear();
            if let Parsed::Whole(padded, _) = frame::padded(&head, &self.held) {
                let end = self.held.len().min(padded.before + padded.content);
                let fields = self.held.get(padded.before..end).unwrap_or_default();
                self.fragments.extend_from_slice(fields);
            }
            if head.kind == Kind::PushPromise {
                open.promised = frame::promised(&head, &self.held).or(Some(0));
            }
        }
        self.held.clear();
        open.wire += std::mem::take(&mut self.untold) + wire;
        let Open { at, wire, stream, promised, end, .. } = open;
        open.told = true;
        self.open = (!head.has(flags::END_HEADERS)).then_some(open);
        let what = Told::Block(Block { stream, promised, end, bytes: b"", flaw: Some(flaw) });
        Made { what, from: From::Fragments, at, wire }
    }
}

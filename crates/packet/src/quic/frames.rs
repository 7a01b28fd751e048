//! The handshake's bytes in Initial packets: CRYPTO frames (RFC 9000, section 19.6), which come in any
//! order, in pieces of any size, and more than once.

use std::ops::Range;

use super::header::varint;

/// Bytes of a handshake that are kept, and with them how far apart pieces may lie. A ClientHello
/// with a post-quantum key share has some 1,800.
pub(super) const KEPT_MAX: usize = 16_384;
/// Pieces with holes between them.
const PIECES_MAX: usize = 64;

const PADDING: usize = 0x00;
const PING: usize = 0x01;
const ACK: usize = 0x02;
const ACK_ECN: usize = 0x03;
const CRYPTO: usize = 0x06;

/// What is known of one direction of a handshake.
#[derive(Debug, Default)]
pub(super) struct Handshake {
    bytes: Vec<u8>,
    /// In order, and never touching each other.
    pieces: Vec<Range<usize>>,
}

impl Handshake {
    /// Takes the CRYPTO frames of a packet in, up to the first frame that has no business there.
    pub(super) fn take(&mut self, mut frames: &[u8]) {
        while let Some((offset, piece)) = next(&mut frames) {
            self.put(offset, piece);
        }
    }

    /// The bytes from the beginning to the first hole.
    pub(super) fn prefix(&self) -> &[u8] {
        let end = self.pieces.first().filter(|first| first.start == 0).map_or(0, |first| first.end);
        &self.bytes[..end]
    }

    fn put(&mut self, offset: usize, piece: &[u8]) {
        let end = offset.saturating_add(piece.len());
        if piece.is_empty() || end > KEPT_MAX {
            return;
        }
        // Those that it touches become one with it.
        let from = self.pieces.partition_point(|known| known.end < offset);
        let to = self.pieces.partition_point(|known| known.start <= end);
        if from == to && self.pieces.len() >= PIECES_MAX {
            return;
        }
        let touched = &self.pieces[from..to];
        let start = touched.first().map_or(offset, |first| first.start.min(offset));
        let whole = start..touched.last().map_or(end, |last| last.end.max(end));
        self.pieces.splice(from..to, [whole]);
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[offset..end].copy_from_slice(piece);
    }
}

/// The next CRYPTO frame: where its bytes belong, and they themselves.
fn next<'a>(frames: &mut &'a [u8]) -> Option<(usize, &'a [u8])> {
    loop {
        match varint(frames)? {
            PADDING | PING => {}
            kind @ (ACK | ACK_ECN) => skip_ack(frames, kind == ACK_ECN)?,
            CRYPTO => {
                let offset = varint(frames)?;
                let len = varint(frames)?;
                return Some((offset, frames.split_off(..len)?));
            }
            _ => return None,
        }
    }
}

/// RFC 9000, section 19.3.
fn skip_ack(frames: &mut &[u8], counts: bool) -> Option<()> {
    let [_largest, _delay] = [varint(frames)?, varint(frames)?];
    let ranges = varint(frames)?;
    let _first = varint(frames)?;
    let numbers = ranges.checked_mul(2)?.checked_add(if counts { 3 } else { 0 })?;
    // Each takes a byte at least, so this ends with the packet.
    for _ in 0..numbers {
        varint(frames)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn crypto(offset: u16, piece: &[u8]) -> Vec<u8> {
        let (offset, len) = (offset | 0x4000, piece.len() as u16 | 0x4000);
        [&[6], offset.to_be_bytes().as_slice(), &len.to_be_bytes(), piece].concat()
    }

    #[test]
    fn other_frames_are_passed() {
        let mut handshake = Handshake::default();
        let ack = [2, 9, 0, 1, 0, 0, 0];
        let ack_ecn = [3, 9, 0, 0, 0, 1, 1, 1];
        let frames = [&[0, 0, 1], &ack[..], &crypto(0, b"he"), &ack_ecn, &crypto(2, b"llo")];
        handshake.take(&frames.concat());
        assert_eq!(handshake.prefix(), b"hello");
    }

    #[test]
    fn a_frame_that_has_no_business_there_ends_the_packet() {
        let mut handshake = Handshake::default();
        handshake
            .take(&[crypto(0, b"one").as_slice(), &[0x1c, 0, 0, 0], &crypto(3, b"x")].concat());
        handshake.take(&[6, 0x40, 3, 0x40, 9, 1]);
        handshake.take(&crypto(KEPT_MAX as u16 - 1, b"ab"));
        assert_eq!((handshake.prefix(), handshake.bytes.len()), (&b"one"[..], 3));
    }

    #[test]
    fn holes_are_bounded() {
        let mut handshake = Handshake::default();
        for at in 0..1000 {
            handshake.take(&crypto(1 + at * 2, b"x"));
        }
        assert_eq!(handshake.pieces.len(), PIECES_MAX);
        assert_eq!(handshake.prefix(), b"");
    }

    proptest! {
        #[test]
        fn any_order_gives_the_same(
            cuts in proptest::collection::vec((0..200usize, 1..60usize), 0..60),
        ) {
            let whole: Vec<u8> = (0..=255).collect();
            let mut handshake = Handshake::default();
            let mut seen = [false; 256];
            for (at, len) in cuts {
                let piece = at..(at + len).min(256);
                handshake.take(&crypto(at as u16, &whole[piece.clone()]));
                seen[piece].fill(true);
            }
            let known = seen.iter().position(|seen| !seen).unwrap_or(256);
            prop_assert_eq!(handshake.prefix(), &whole[..known]);
            prop_assert!(handshake.pieces.windows(2).all(|two| two[0].end < two[1].start));
        }

        #[test]
        fn no_frames_are_too_odd(frames in proptest::collection::vec(0..32u8, 0..300)) {
            Handshake::default().take(&frames);
        }
    }
}

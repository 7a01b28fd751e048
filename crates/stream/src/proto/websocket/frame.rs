//! Frame headers (RFC 6455, section 5.2) and masks (section 5.3).

use crate::limits;
use crate::proto::Parsed;

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Header {
    /// The last one of its message.
    pub(super) fin: bool,
    /// Of the first frame of a message: it is compressed (RFC 7692, section 6).
    pub(super) rsv1: bool,
    /// Extensions that are not known use these.
    pub(super) rsv23: bool,
    pub(super) opcode: u8,
    pub(super) mask: Option<[u8; 4]>,
    /// Bytes of the payload.
    pub(super) len: u64,
}

/// The longest header.
pub(super) const HEADER_MAX: usize = 14;

pub(super) const CONTINUATION: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const CLOSE: u8 = 8;
pub(super) const PONG: u8 = 10;

impl Header {
    /// Reads a header. `masked`: what the direction asks for, if it is known.
    pub(super) fn parse(bytes: &[u8], masked: Option<bool>) -> Parsed<Self> {
        let [first, second, rest @ ..] = bytes else { return Parsed::More };
        let has_mask = second & 0x80 != 0;
        let (len, used) = match (second & 0x7f, rest) {
            (126, [a, b, ..]) => (u64::from(u16::from_be_bytes([*a, *b])), 4),
            (127, [a, b, c, d, e, f, g, h, ..]) => {
                (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), 10)
            }
            // Of a length that is not all there it is known that it is not short.
            (126 | 127, _) => (126, HEADER_MAX + 1),
            (len, _) => (u64::from(len), 2),
        };
        let header = Self {
            fin: first & 0x80 != 0,
            rsv1: first & 0x40 != 0,
            rsv23: first & 0x30 != 0,
            opcode: first & 0x0f,
            mask: None,
            len,
        };
        if let Some(why) = header.problem(masked.is_some_and(|masked| masked != has_mask)) {
            return Parsed::Broken(why);
        }
        if used > HEADER_MAX {
            return Parsed::More;
        }
        if !has_mask {
            return Parsed::Whole(header, used);
        }
        match bytes.get(used..).and_then(|rest| rest.first_chunk()) {
            Some(key) => Parsed::Whole(Self { mask: Some(*key), ..header }, used + 4),
            None => Parsed::More,
        }
    }

    pub(super) fn is_control(&self) -> bool {
        self.opcode >= CLOSE
    }

    fn problem(&self, wrong_mask: bool) -> Option<&'static str> {
        match self.opcode {
            3..=7 | 11..=15 => Some("an opcode that is reserved"),
            CLOSE..=PONG if !self.fin => Some("a control frame in fragments"),
            CLOSE..=PONG if self.len > 125 => Some("a control frame that is too long"),
            _ if self.len > i64::MAX as u64 => Some("a length that is too large"),
            _ if wrong_mask => Some("a mask where none belongs, or none where one does"),
            _ => None,
        }
    }
}

/// Appends bytes without their mask; `at` is their place in the payload.
pub(super) fn unmask(out: &mut Vec<u8>, bytes: &[u8], key: [u8; 4], at: u64) {
    let start = (at % 4) as usize;
    let key: [u8; 4] = std::array::from_fn(|index| key[(start + index) % 4]);
    let from = out.len();
    out.extend_from_slice(bytes);
    let (words, rest) = out[from..].as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(key)).to_ne_bytes();
    }
    rest.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
}

/// How well bytes read as frames from their first byte on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chain {
    /// Frames that are all there.
    pub(super) whole: usize,
    /// A header begins that is not all there, or a payload or a message goes on past the end.
    pub(super) open: bool,
}

/// Reads frame after frame; `None`: the bytes are none, or none that a fresh start would have.
pub(super) fn chain(bytes: &[u8], masked: Option<bool>) -> Option<Chain> {
    let mut chain = Chain { whole: 0, open: false };
    let mut rest = bytes;
    while !rest.is_empty() {
        match Header::parse(rest, masked) {
            Parsed::Whole(header, used) if !header.rsv23 && header.len <= limits::PLAUSIBLE => {
                let shortest = match header.len {
                    0..126 => 2,
                    126..0x1_0000 => 4,
                    _ => 10,
                };
                if used - if header.mask.is_some() { 4 } else { 0 } != shortest {
                    return None;
                }
                match rest.get(used + header.len as usize..) {
                    Some(next) => rest = next,
                    None => return Some(Chain { open: true, ..chain }),
                }
                chain.whole += 1;
                if !header.is_control() {
                    chain.open = !header.fin;
                }
            }
            Parsed::More => return Some(Chain { open: true, ..chain }),
            Parsed::Whole(..) | Parsed::Broken(_) => return None,
        }
    }
    Some(chain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> (Header, usize) {
        match Header::parse(bytes, None) {
            Parsed::Whole(header, used) => (header, used),
            other => panic!("{other:?}"),
        }
    }

    /// RFC 6455, section 5.7.
    #[test]
    fn the_examples_of_the_rfc() {
        let (header, used) = whole(&[0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
        assert_eq!(
            (header.fin, header.opcode, header.len, header.mask, used),
            (true, 1, 5, None, 2)
        );
        let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let (header, used) = whole(&masked);
        let mut out = Vec::new();
        unmask(&mut out, &masked[used..], header.mask.unwrap(), 0);
        assert_eq!((out.as_slice(), used), (&b"Hello"[..], 6));
        assert!(!whole(&[0x01, 0x03, 0x48, 0x65, 0x6c]).0.fin);
        assert_eq!(whole(&[0x80, 0x02, 0x6c, 0x6f]).0.opcode, CONTINUATION);
        assert_eq!(whole(&[0x89, 0x05]).0.opcode, 9);
        assert_eq!(
            (whole(&[0x82, 0x7e, 0x01, 0x00]).0.len, whole(&[0x82, 0x7e, 0x01, 0x00]).1),
            (256, 4)
        );
        let large = [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0];
        assert_eq!((whole(&large).0.len, whole(&large).1), (65536, 10));
    }

    #[test]
    fn a_mask_goes_on_at_every_place() {
        let (bytes, key): (Vec<u8>, _) = ((0..23).collect(), [9, 8, 7, 6]);
        let mut all = Vec::new();
        unmask(&mut all, &bytes, key, 0);
        for at in 0..bytes.len() {
            let mut parts = Vec::new();
            unmask(&mut parts, &bytes[..at], key, 0);
            unmask(&mut parts, &bytes[at..], key, at as u64);
            assert_eq!(parts, all);
        }
    }

    #[test]
    fn what_is_no_header() {
        for bytes in [
            &[0x83, 0][..],
            &[0x8b, 0],
            &[0x08, 0],
            &[0x88, 126],
            &[0x82, 127, 255, 0, 0, 0, 0, 0, 0, 0],
        ] {
            assert!(matches!(Header::parse(bytes, None), Parsed::Broken(_)), "{bytes:?}");
        }
        assert!(matches!(Header::parse(&[0x81, 0x05], Some(true)), Parsed::Broken(_)));
        for bytes in [
            &[][..],
            &[0x81],
            &[0x81, 126, 0],
            &[0x81, 127, 0, 0, 0, 0, 0, 0, 0],
            &[0x81, 0x85, 1, 2, 3],
        ] {
            assert_eq!(Header::parse(bytes, None), Parsed::More, "{bytes:?}");
        }
    }

    #[test]
    fn frames_in_a_row() {
        let frames = [0x81, 1, b'a', 0x89, 0, 0x82, 3, 1];
        assert_eq!(chain(&frames, Some(false)), Some(Chain { whole: 2, open: true }));
        assert_eq!(chain(&frames[..5], None), Some(Chain { whole: 2, open: false }));
        let fragment = [0x01, 1, b'a', 0x89, 0];
        assert_eq!(chain(&fragment, Some(false)), Some(Chain { whole: 2, open: true }));
        assert_eq!(chain(&[0x83, 1, b'a'], None), None);
        assert_eq!(chain(&[0x81, 126, 0, 1, b'a'], None), None, "a length that could be shorter");
    }

    #[test]
    fn a_frame_that_is_looked_for_has_16_mib() {
        let begins = |len: u64| {
            let header = [&[0x82, 0x7f][..], &len.to_be_bytes(), b"payload"].concat();
            chain(&header, Some(false))
        };
        assert_eq!(begins(limits::PLAUSIBLE), Some(Chain { whole: 0, open: true }));
        assert_eq!(begins(limits::PLAUSIBLE + 1), None);
    }
}

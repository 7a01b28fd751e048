//! The chunked transfer coding (RFC 9112, section 7.1), byte by byte where it is framing and in
//! runs where it is data.

use crate::limits;
use crate::message::Flaw;

/// Where in the coding the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunked {
    /// In a size; digits so far.
    Size { size: u64, digits: u8 },
    /// In what follows a size, up to the line's end: extensions, which nobody needs.
    Extension { size: u64, len: usize },
    /// In data, so many bytes before its end.
    Data(u64),
    /// In the line end after data.
    DataEnd,
    /// In the trailers.
    Trailers,
}

/// What the next bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// So many bytes of framing.
    Framing(usize),
    /// So many bytes of the body.
    Data(usize),
    /// No chunk goes on like this, or none that is followed.
    Broken(Flaw),
}

impl Chunked {
    /// Before the first chunk.
    pub(super) const START: Self = Self::Size { size: 0, digits: 0 };

    /// Takes bytes; `bytes` is not empty.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Part {
        if let Self::Data(left) = self {
            let len = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
            self.take(len as u64);
            return Part::Data(len);
        }
        for (at, &byte) in bytes.iter().enumerate() {
            match self.framing(byte) {
                Some(()) if matches!(self, Self::Data(_) | Self::Trailers) => {
                    return Part::Framing(at + 1);
                }
                Some(()) => {}
                None if matches!(self, Self::Extension { .. }) => return Part::Broken(Flaw::Limit),
                None => return Part::Broken(Flaw::Broken),
            }
        }
        Part::Framing(bytes.len())
    }

    /// Bytes of data that the chunk still has; `None` within framing.
    pub(super) fn left(self) -> Option<u64> {
        if let Self::Data(left) = self { Some(left) } else { None }
    }

    /// Steps over data, at most what is left.
    pub(super) fn take(&mut self, len: u64) {
        if let Self::Data(left) = self {
            *left -= len.min(*left);
            if *left == 0 {
                *self = Self::DataEnd;
            }
        }
    }

    fn framing(&mut self, byte: u8) -> Option<()> {
        *self = match (*self, byte) {
            (Self::Size { size, digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F')
                if digits < 16 =>
            {
                let digit = (byte as char).to_digit(16)?;
                Self::Size { size: size << 4 | u64::from(digit), digits: digits + 1 }
            }
            (Self::Size { size, digits: 1.. }, b'\n') | (Self::Extension { size, .. }, b'\n') => {
                if size == 0 {
                    Self::Trailers
                } else {
                    Self::Data(size)
                }
            }
            (Self::Size { size, digits: 1.. }, b';' | b' ' | b'\t' | b'\r') => {
                Self::Extension { size, len: 1 }
            }
            (Self::Extension { size, len }, _) if len < limits::EXTENSION => {
                Self::Extension { size, len: len + 1 }
            }
            (Self::DataEnd, b'\r') => Self::DataEnd,
            (Self::DataEnd, b'\n') => Self::START,
            _ => return None,
        };
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The data, and how many bytes were taken up to the trailers, fed in pieces of a length.
    fn decode(bytes: &[u8], step: usize) -> Option<(Vec<u8>, usize)> {
        let (mut chunked, mut data, mut at) = (Chunked::START, Vec::new(), 0);
        while at < bytes.len() {
            let piece = &bytes[at..bytes.len().min(at + step)];
            if chunked == Chunked::Trailers {
                return Some((data, at));
            }
            at += match chunked.next(piece) {
                Part::Framing(len) => len,
                Part::Data(len) => {
                    data.extend_from_slice(&piece[..len]);
                    len
                }
                Part::Broken(_) => return None,
            };
        }
        None
    }

    #[test]
    fn data_comes_out_wherever_bytes_are_split() {
        let coded = b"4\r\nWiki\r\n7 ;a=\"b\"\r\npedia i\r\n0B\nn \r\nchunks.\n0;x\r\n\r\n";
        for step in 1..coded.len() {
            let (data, used) = decode(coded, step).unwrap();
            assert_eq!(data, b"Wikipedia in \r\nchunks.");
            assert_eq!(used, coded.len() - 2);
        }
    }

    #[test]
    fn what_is_no_chunk_is_broken() {
        for bytes in [&b"\r\n"[..], b"g\r\n", b";\r\n", b"1\r\nab\r\n", b"11112222333344445\r\n"] {
            assert_eq!(decode(bytes, 3), None, "{bytes:?}");
        }
        let long = [b"1;".as_slice(), &[b'x'; limits::EXTENSION], b"\r\n"].concat();
        assert_eq!(decode(&long, 100), None);
        for (bytes, flaw) in [(&long[..], Flaw::Limit), (b"g", Flaw::Broken)] {
            let mut chunked = Chunked::START;
            assert_eq!(chunked.next(bytes), Part::Broken(flaw));
        }
    }
}

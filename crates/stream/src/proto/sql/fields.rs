//! Fields of a unit, one after the other.

/// What is left of a unit. Every reader answers `None` past its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    /// So many bytes.
    pub(crate) fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    /// An array of bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    /// The fields after so many bytes; none, if there are fewer.
    pub(crate) fn after(self, len: usize) -> Self {
        Self(self.0.get(len..).unwrap_or_default())
    }

    /// One byte.
    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// Two bytes, most significant first.
    pub(crate) fn be16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Four bytes, most significant first.
    pub(crate) fn be32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Two bytes, least significant first.
    pub(crate) fn le16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// Four bytes, least significant first.
    pub(crate) fn le32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// Bytes up to a NUL, which is passed.
    pub(crate) fn text(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(0, self.0)?;
        let text = &self.0[..end];
        self.0 = &self.0[end + 1..];
        Some(text)
    }

    /// MySQL's integer of variable length ("Protocol::LengthEncodedInteger"); 0xfb and 0xff, which
    /// mean something else, are none.
    pub(crate) fn lenenc(&mut self) -> Option<u64> {
        let le = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        match self.byte()? {
            0xfb | 0xff => None,
            0xfc => self.bytes(2).map(le),
            0xfd => self.bytes(3).map(le),
            0xfe => self.bytes(8).map(le),
            small => Some(small.into()),
        }
    }

    /// Bytes after their length in that form.
    pub(crate) fn lenenc_bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.lenenc()?;
        self.bytes(usize::try_from(len).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_past_the_end() {
        let mut fields = Fields(b"ab\0\x01\x02\x03");
        assert_eq!(fields.text(), Some(&b"ab"[..]));
        assert_eq!(fields.be16(), Some(0x102));
        assert_eq!((fields.be16(), fields.text()), (None, None));
        assert_eq!((fields.byte(), fields.byte()), (Some(3), None));
    }

    #[test]
    fn integers_have_four_lengths() {
        for (bytes, value) in [
            (&b"\xfa"[..], Some(250)),
            (b"\xfb", None),
            (b"\xfc\x01\x02", Some(0x201)),
            (b"\xfd\x01\x02\x03", Some(0x3_0201)),
            (b"\xfe\x01\0\0\0\0\0\0\x80", Some(0x8000_0000_0000_0001)),
            (b"\xfe\x01", None),
            (b"\xff", None),
        ] {
            assert_eq!(Fields(bytes).lenenc(), value, "{bytes:?}");
        }
        assert_eq!(Fields(b"\x02abc").lenenc_bytes(), Some(&b"ab"[..]));
        assert_eq!(Fields(b"\x04abc").lenenc_bytes(), None);
    }
}

//! The shape that all blocks share (section 3.1) and their options (section 3.5).

/// A block that is being appended.
pub(super) struct Block<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    /// Options were written, so that a last one must end them.
    options: bool,
}

const LENGTH_AT: usize = 4;
const ALIGNMENT: usize = 4;
const OPT_END: u16 = 0;

impl<'a> Block<'a> {
    pub(super) fn begin(out: &'a mut Vec<u8>, kind: u32) -> Self {
        let start = out.len();
        out.extend_from_slice(&kind.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        Self { out, start, options: false }
    }

    pub(super) fn u16(&mut self, value: u16) -> &mut Self {
        self.out.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(super) fn u32(&mut self, value: u32) -> &mut Self {
        self.out.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(super) fn u64(&mut self, value: u64) -> &mut Self {
        self.out.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// A point in time: the upper half first (section 4.3).
    pub(super) fn time(&mut self, time_ns: u64) -> &mut Self {
        self.u32((time_ns >> 32) as u32).u32(time_ns as u32)
    }

    /// Bytes, and zeros up to the next boundary. Blocks begin at one in the file, but not
    /// necessarily in the buffer.
    pub(super) fn padded(&mut self, bytes: &[u8]) -> &mut Self {
        self.out.extend_from_slice(bytes);
        self.pad(bytes.len());
        self
    }

    pub(super) fn option(&mut self, code: u16, value: &[u8]) {
        self.option_with(code, |out| out.extend_from_slice(value));
    }

    pub(super) fn option_time(&mut self, code: u16, time_ns: u64) {
        self.u16(code).u16(8).time(time_ns);
        self.options = true;
    }

    /// An option that `write` appends. What is longer than an option can be is cut, and not in
    /// the middle of a character.
    pub(super) fn option_with(&mut self, code: u16, write: impl FnOnce(&mut Vec<u8>)) {
        self.u16(code).u16(0);
        let start = self.out.len();
        write(self.out);
        let mut len = (self.out.len() - start).min(usize::from(u16::MAX));
        while self.out.get(start + len).is_some_and(|byte| byte & 0xc0 == 0x80) {
            len -= 1;
        }
        self.out.truncate(start + len);
        self.out[start - 2..start].copy_from_slice(&(len as u16).to_le_bytes());
        self.pad(len);
        self.options = true;
    }

    /// Ends the options, if there are any, and sets both lengths.
    pub(super) fn end(mut self) {
        if self.options {
            self.u16(OPT_END).u16(0);
        }
        let len = (self.out.len() - self.start + size_of::<u32>()) as u32;
        let at = self.start + LENGTH_AT;
        self.out[at..at + size_of::<u32>()].copy_from_slice(&len.to_le_bytes());
        self.u32(len);
    }

    fn pad(&mut self, len: usize) {
        let pad = len.next_multiple_of(ALIGNMENT) - len;
        self.out.extend_from_slice(&[0; ALIGNMENT][..pad]);
    }
}

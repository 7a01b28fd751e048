//! `gzip` (RFC 1952) and `deflate`: the zlib format (RFC 1950), and the raw one (RFC 1951) that
//! some servers send under that name.

use flate2::{Decompress, FlushDecompress, Status};

use super::chain::Drain;
use crate::limits;
use crate::message::Problem;

/// A stream of either.
#[derive(Debug)]
pub(super) struct Inflate {
    /// `None` until the first bytes tell the format, and at the end.
    inflate: Option<Decompress>,
    format: Format,
    /// The first bytes, while there are too few of them.
    first: Vec<u8>,
    room: Vec<u8>,
    members: usize,
    done: bool,
    /// Bytes stood behind the end: what comes after them is no member either.
    over: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Gzip,
    Deflate,
}

impl Inflate {
    /// Bytes of memory, about: the window, the tables and the room for what comes out.
    pub(super) const HELD: usize = (48 << 10) + limits::DECODED;

    pub(super) fn gzip() -> Self {
        Self::new(Format::Gzip)
    }

    pub(super) fn deflate() -> Self {
        Self::new(Format::Deflate)
    }

    fn new(format: Format) -> Self {
        let (first, room) = (Vec::new(), vec![0; limits::DECODED]);
        Self { inflate: None, format, first, room, members: 0, done: false, over: false }
    }

    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    pub(super) fn push(&mut self, bytes: &[u8], to: Drain<'_>) -> Result<(), Problem> {
        if self.over {
            return Ok(());
        }
        if self.inflate.is_some() {
            return self.decode(bytes, to);
        }
        let mut first = std::mem::take(&mut self.first);
        first.extend_from_slice(bytes);
        if first.len() < 2 {
            self.first = first;
            return Ok(());
        }
        self.decode(&first, to)
    }

    fn decode(&mut self, mut bytes: &[u8], to: Drain<'_>) -> Result<(), Problem> {
        loop {
            if self.inflate.is_none() && !self.begin(bytes)? {
                return Ok(());
            }
            let Some(inflate) = &mut self.inflate else { return Ok(()) };
            let before = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(bytes, &mut self.room, FlushDecompress::None);
            let used = (inflate.total_in() - before.0) as usize;
            let made = (inflate.total_out() - before.1) as usize;
            to(&self.room[..made])?;
            bytes = &bytes[used..];
            match status {
                Ok(Status::StreamEnd) => (self.inflate, self.done) = (None, true),
                Ok(_) if used == 0 && made == 0 => return Ok(()),
                Ok(_) => {}
                Err(_) => return Err(Problem::Corrupt),
            }
        }
    }

    /// Begins a stream, or another member of a gzip file; false if nothing follows. What stands
    /// behind the end and is no member is passed over, as browsers do.
    fn begin(&mut self, bytes: &[u8]) -> Result<bool, Problem> {
        let gzip = self.format == Format::Gzip;
        if bytes.is_empty() || self.done && !(gzip && bytes.starts_with(&[0x1f])) {
            self.over = !bytes.is_empty();
            return Ok(false);
        }
        self.members += 1;
        if self.members > limits::MEMBERS {
            return Err(Problem::Corrupt);
        }
        self.done = false;
        self.inflate = Some(match self.format {
            Format::Gzip => Decompress::new_gzip(15),
            Format::Deflate => Decompress::new(is_zlib(bytes)),
        });
        Ok(true)
    }
}

/// Whether the two first bytes are a header of zlib: method 8, and a multiple of 31.
fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [cmf, flags, ..]
        if cmf & 15 == 8 && u16::from_be_bytes([*cmf, *flags]).is_multiple_of(31))
}

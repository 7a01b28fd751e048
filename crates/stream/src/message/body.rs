//! The body of a message: what is shown of it, and what was counted.

/// A body after transfer and content codings were taken off.
#[derive(Debug, Clone, Copy, Default)]
pub struct Body<'a> {
    /// The first bytes, up to the limit on what is shown.
    pub bytes: &'a [u8],
    /// Bytes of it in all, as decoded; those past the limit were only counted.
    pub len: u64,
    /// Bytes of it before the content coding was taken off, missing ones included.
    pub wire_len: u64,
    /// The content coding (RFC 9110, section 8.4), as the header names it; empty: none.
    pub coding: &'a [u8],
    /// Places in `bytes` at which bytes are missing, in order.
    pub holes: &'a [Hole],
    /// Why `bytes` is not all that the body was.
    pub problem: Option<Problem>,
    /// How many bytes stood in the place of `bytes`, if secrets in them were masked.
    pub masked: Option<u64>,
}

impl Body<'_> {
    /// Bytes past those that are shown, which were only counted.
    pub fn rest(&self) -> u64 {
        let holes = self.holes.iter().filter_map(|hole| hole.len).fold(0, u64::saturating_add);
        let shown = self.masked.unwrap_or(self.bytes.len() as u64);
        self.len.saturating_sub(shown.saturating_add(holes))
    }
}

/// Bytes that are missing inside a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// They stood before this place in the bytes that are shown.
    pub at: usize,
    /// How many; `None`: not known.
    pub len: Option<u64>,
}

/// Why a body could not be decoded to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Problem {
    /// A coding that is not decoded; the bytes are as they came.
    UnknownCoding,
    /// The coded data breaks its format.
    Corrupt,
    /// It grows past all reason when it is decoded.
    Bomb,
    /// Bytes in the coded data are missing: the rest can't be decoded.
    Gap,
}

impl Problem {
    /// Every problem.
    pub const ALL: [Self; 4] = [Self::UnknownCoding, Self::Corrupt, Self::Bomb, Self::Gap];

    /// The name in every output.
    pub fn name(self) -> &'static str {
        match self {
            Self::UnknownCoding => "unknown-coding",
            Self::Corrupt => "corrupt",
            Self::Bomb => "bomb",
            Self::Gap => "gap",
        }
    }
}

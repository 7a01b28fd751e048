//! Content codings (RFC 9110, section 8.4) taken off as the bytes come, one behind the other.

use super::{brotli::Brotli, inflate::Inflate, zstd::Zstd};
use crate::limits;
use crate::message::Problem;

/// Codings of one body, the one to be taken off first in front.
#[derive(Debug)]
pub(super) struct Chain {
    layers: Vec<Layer>,
}

/// One coding.
#[derive(Debug)]
struct Layer {
    coder: Coder,
    /// Bytes that came out of it.
    out: u64,
}

#[derive(Debug)]
enum Coder {
    Inflate(Inflate),
    Brotli(Brotli),
    Zstd(Box<Zstd>),
}

/// Takes what was decoded, or says why no more of it is wanted.
pub(super) type Drain<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), Problem>;

impl Chain {
    /// The chain that takes off codings that were put on in this order; `None` if one of them is
    /// not known, or there are too many.
    pub(super) fn new<'v>(codings: impl Iterator<Item = &'v [u8]>) -> Option<Self> {
        let mut layers = Vec::new();
        for coding in codings {
            let coder = match coding.to_ascii_lowercase().as_slice() {
                b"gzip" | b"x-gzip" => Coder::Inflate(Inflate::gzip()),
                b"deflate" => Coder::Inflate(Inflate::deflate()),
                b"br" => Coder::Brotli(Brotli::new()),
                b"zstd" => Coder::Zstd(Box::new(Zstd::new())),
                _ => return None,
            };
            layers.push(Layer { coder, out: 0 });
        }
        layers.reverse();
        (layers.len() <= limits::CODINGS).then_some(Self { layers })
    }

    /// Decodes bytes; `wire_len` is how many came in all, these included.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        wire_len: u64,
        to: Drain<'_>,
    ) -> Result<(), Problem> {
        push(&mut self.layers, bytes, wire_len, to)
    }

    /// Whether every coding has come to its end.
    pub(super) fn is_done(&self) -> bool {
        self.layers.iter().all(|layer| match &layer.coder {
            Coder::Inflate(inflate) => inflate.is_done(),
            Coder::Brotli(brotli) => brotli.is_done(),
            Coder::Zstd(zstd) => zstd.is_done(),
        })
    }

    /// Bytes of memory that the decoders take beside their windows.
    pub(super) fn held(&self) -> usize {
        let around = |layer: &Layer| match &layer.coder {
            Coder::Inflate(_) => Inflate::HELD,
            Coder::Brotli(_) => Brotli::HELD,
            Coder::Zstd(zstd) => zstd.held(),
        };
        self.layers.iter().map(around).sum()
    }

    /// Bytes of windows, as far as they were written to; that of `gzip` and `deflate` is small.
    pub(super) fn windows(&self) -> usize {
        let window = |layer: &Layer| match &layer.coder {
            Coder::Inflate(_) => 0,
            Coder::Brotli(_) => Brotli::WINDOW,
            Coder::Zstd(_) => limits::ZSTD_WINDOW,
        };
        let written = |layer: &Layer| usize::try_from(layer.out).unwrap_or(usize::MAX);
        self.layers.iter().map(|layer| written(layer).min(window(layer))).sum()
    }
}

fn push(layers: &mut [Layer], bytes: &[u8], wire_len: u64, to: Drain<'_>) -> Result<(), Problem> {
    let Some((first, rest)) = layers.split_first_mut() else { return to(bytes) };
    let Layer { coder, out } = first;
    let mut next = |decoded: &[u8]| {
        *out = out.saturating_add(decoded.len() as u64);
        // A layer in the middle may grow, too, and shrink again behind it.
        if *out > limits::BOMB && *out / limits::BOMB_RATIO > wire_len {
            return Err(Problem::Bomb);
        }
        push(rest, decoded, wire_len, to)
    };
    match coder {
        Coder::Inflate(inflate) => inflate.push(bytes, &mut next),
        Coder::Brotli(brotli) => brotli.push(bytes, &mut next),
        Coder::Zstd(zstd) => zstd.push(bytes, &mut next),
    }
}

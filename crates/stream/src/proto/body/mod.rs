//! Bodies as they are built: content codings taken off, the beginning kept, the rest counted.

mod brotli;
mod chain;
mod inflate;
mod kept;
mod zstd;

use super::{Holding, Options};
use crate::message::{Body, Hole, Problem};

use chain::Chain;
use kept::Kept;

/// A body under way. Its room is used again for the next one after [`begin`](Self::begin).
#[derive(Debug, Default)]
pub struct Builder {
    kept: Kept,
    /// What takes the codings off, if there are any and all are known.
    chain: Option<Box<Chain>>,
    wire_len: u64,
    coding: Vec<u8>,
    problem: Option<Problem>,
}

impl Builder {
    /// Begins a body. `codings` are the values of `Content-Encoding`, in order; of HTTP/1 those of
    /// `Transfer-Encoding` follow, without the last `chunked`.
    pub fn begin<'v>(&mut self, codings: impl Iterator<Item = &'v [u8]>, options: &Options) {
        self.kept.clear(options.max_body);
        self.wire_len = 0;
        self.problem = None;
        self.coding.clear();
        for coding in codings.filter(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
            if !self.coding.is_empty() {
                self.coding.extend_from_slice(b", ");
            }
            self.coding.extend_from_slice(coding);
        }
        self.chain = None;
        if !self.coding.is_empty() {
            let codings = self.coding.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
            self.chain = Chain::new(codings).map(Box::new);
            if self.chain.is_none() {
                self.problem = Some(Problem::UnknownCoding);
            }
        }
    }

    /// Takes bytes as they came; `tap` sees what they decode to, all of it.
    pub fn push(&mut self, bytes: &[u8], mut tap: impl FnMut(&[u8])) {
        self.wire_len = self.wire_len.saturating_add(bytes.len() as u64);
        let Self { kept, chain, wire_len, problem, .. } = self;
        let Some(chain) = chain else {
            kept.push(bytes);
            return tap(bytes);
        };
        if problem.is_some() {
            return;
        }
        let decoded = chain.push(bytes, *wire_len, &mut |bytes| {
            kept.push(bytes);
            tap(bytes);
            Ok(())
        });
        *problem = decoded.err();
    }

    /// Bytes are missing here; `None`: not known how many.
    pub fn missing(&mut self, len: Option<u64>) {
        self.wire_len = self.wire_len.saturating_add(len.unwrap_or(0));
        match &self.chain {
            None => self.kept.hole(len),
            Some(chain) if self.problem.is_none() && !chain.is_done() => {
                self.problem = Some(Problem::Gap);
                self.kept.hole(None);
            }
            Some(_) => {}
        }
    }

    /// So many more bytes of memory may be taken for now. What finds no room is counted, and so is
    /// all that follows it.
    pub fn allow(&mut self, room: usize) {
        self.kept.allow(room);
    }

    /// Nothing follows. `whole`: the end was seen, so a coding that goes on is broken.
    pub fn end(&mut self, whole: bool) {
        // Responses to HEAD name the coding of a body that they don't have.
        let done = self.chain.as_ref().is_none_or(|chain| chain.is_done()) || self.wire_len == 0;
        if whole && !done && self.problem.is_none() {
            self.problem = Some(Problem::Corrupt);
        }
        self.chain = None;
    }

    /// What was built so far.
    pub fn body(&self) -> Body<'_> {
        Body {
            bytes: self.kept.bytes(),
            len: self.kept.len(),
            wire_len: self.wire_len,
            coding: &self.coding,
            holes: self.kept.holes(),
            problem: self.problem,
            masked: None,
        }
    }

    /// Less of it is shown than could be, for want of room.
    pub fn is_crowded(&self) -> bool {
        self.kept.is_crowded()
    }

    /// What it keeps.
    pub fn holding(&self) -> Holding {
        let chain = |of: fn(&Chain) -> usize| self.chain.as_deref().map_or(0, of);
        Holding {
            state: self.kept.held() + self.coding.capacity() + chain(Chain::held),
            shown: self.kept.shown(),
            windows: chain(Chain::windows),
        }
    }

    /// Gives back all but a little room.
    pub fn shrink(&mut self) {
        self.kept.shrink();
    }
}

/// Bytes and holes of a body that was not built here.
impl<'a> Body<'a> {
    /// A whole body without a coding.
    pub fn plain(bytes: &'a [u8]) -> Self {
        let len = bytes.len() as u64;
        let holes: &[Hole] = &[];
        Self { bytes, len, wire_len: len, coding: b"", holes, problem: None, masked: None }
    }
}

//! Where frames begin, in bytes from the middle of a direction.
//!
//! A frame says how long it is, so each true beginning leads to the next one. Each head of such a
//! chain that keeps the rules is evidence, in bits: about as many as other bytes would have to
//! match by chance. A chain counts once it has [`ENOUGH`]. Zeros are frequent in all kinds of data, so what
//! consists of zeros counts little.

use crate::limits;
use crate::proto::Parsed;

use super::fields::is_status;
use super::frame::{self, FrameHead, HEAD_LEN, Kind, flags};
use super::hpack::{BlockEnd, Decoder};

/// Evidence that makes a chain.
const ENOUGH: u32 = 60;

/// The largest payload until a peer allows more (RFC 9113, section 6.5.2).
const USUAL_MAX: usize = 16_384;

/// Evidence that makes a frame a beginning by itself.
const STRONG: u32 = 24;

/// What a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sync {
    /// A frame begins here.
    At(usize),
    /// None that is sure; one may begin here or later.
    Perhaps(usize),
}

/// Looks for the first chain of frames.
pub(super) fn find(bytes: &[u8]) -> Sync {
    let mut perhaps = None;
    for start in 0..bytes.len() {
        match chain(&bytes[start..]) {
            Chain::Sure => return Sync::At(start),
            Chain::Perhaps => perhaps = perhaps.or(Some(start)),
            Chain::No => {}
        }
    }
    Sync::Perhaps(perhaps.unwrap_or(bytes.len()))
}

#[derive(Debug, PartialEq, Eq)]
enum Chain {
    Sure,
    Perhaps,
    No,
}

fn chain(bytes: &[u8]) -> Chain {
    let mut bits = 0;
    let mut rest = bytes;
    let mut open = None;
    let mut last = 0;
    let mut weak = false;
    for _ in 0..limits::CHAIN {
        if rest.is_empty() && rest.len() < bytes.len() {
            // It ends where the bytes do, as what one call wrote mostly does.
            bits += 16;
        }
        if bits >= ENOUGH {
            return Chain::Sure;
        }
        let head = match FrameHead::parse(rest) {
            Parsed::Whole(head, _) => head,
            Parsed::More if may_begin(rest) => return Chain::Perhaps,
            Parsed::More | Parsed::Broken(_) => return Chain::No,
        };
        if !plausible(&head) || open != (head.kind == Kind::Continuation).then_some(head.stream) {
            return Chain::No;
        }
        // The end of one head and the start of the next can be read as `DATA` that happens to end
        // where a frame does; a second frame of that stream does not follow by chance.
        let (first, doubted) = (rest.len() == bytes.len(), weak);
        let payload = &rest[HEAD_LEN..rest.len().min(head.whole())];
        match evidence(&head, payload) {
            Some(0) if first => return Chain::No,
            Some(more) => {
                weak = first && more < STRONG;
                bits += more;
            }
            None => return Chain::No,
        }
        if head.stream != 0 && std::mem::replace(&mut last, head.stream) == head.stream {
            // Streams alternate, but not with each frame.
            bits += 20;
        } else if doubted {
            return Chain::No;
        }
        open = match head.kind {
            Kind::Headers | Kind::PushPromise | Kind::Continuation => {
                (!head.has(flags::END_HEADERS)).then_some(head.stream)
            }
            _ => None,
        };
        match rest.get(head.whole()..) {
            Some(after) => rest = after,
            None if bits >= ENOUGH => return Chain::Sure,
            None => return Chain::Perhaps,
        }
    }
    Chain::No
}

/// Whether less than a head may begin one.
fn may_begin(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(|&byte| byte == 0)
}

/// Whether a sender that does nothing unusual sends such a head.
fn plausible(head: &FrameHead) -> bool {
    let known = match head.kind {
        // ALTSVC (RFC 7838), ORIGIN (RFC 8336) and PRIORITY_UPDATE (RFC 9218).
        Kind::Other(kind) => matches!(kind, 0x0a | 0x0c | 0x10) && head.flags == 0,
        kind => head.flags & !kind.flags() == 0,
    };
    known && !head.reserved && head.len <= USUAL_MAX
}

/// What a frame counts for; `None`: it is none. The payload may be cut.
fn evidence(head: &FrameHead, payload: &[u8]) -> Option<u32> {
    let whole = payload.len() == head.len;
    match head.kind {
        Kind::Data if head.len == 0 => Some(0),
        Kind::Data => match frame::padded(head, payload) {
            Parsed::Broken(_) => None,
            _ => Some(4),
        },
        Kind::Continuation => Some(4),
        Kind::Headers | Kind::PushPromise if whole => fields(head, payload),
        Kind::Headers | Kind::PushPromise => Some(4),
        Kind::WindowUpdate => match payload.first_chunk() {
            Some(step) => matches!(u32::from_be_bytes(*step), 1..=0x7fff_ffff).then_some(36),
            None => Some(30),
        },
        Kind::RstStream => match frame::reset(payload) {
            Some(code) => (code <= 13).then_some(52),
            None => Some(30),
        },
        Kind::Ping => Some(48),
        Kind::GoAway => Some(40),
        Kind::Settings if head.len == 0 => Some(48),
        Kind::Settings => settings(head, payload),
        Kind::Priority => Some(32),
        Kind::Other(_) => Some(4),
    }
}

fn settings(head: &FrameHead, payload: &[u8]) -> Option<u32> {
    // A dozen settings are registered; none is sent twice.
    let known = |setting: &[u8]| matches!(setting, [0, 1..=0x10, ..]);
    if head.len > 6 * 16 || !payload.chunks_exact(6).all(known) {
        return None;
    }
    Some(40 + 8 * (payload.len() / 6) as u32)
}

/// A block whose fields keep the rules: the more that are known, the less it can be anything else.
fn fields(head: &FrameHead, payload: &[u8]) -> Option<u32> {
    let Parsed::Whole(padded, _) = frame::padded(head, payload) else { return None };
    let block = &payload[padded.before..padded.before + padded.content];
    let shown = &block[..block.len().min(limits::CHAIN_BLOCK)];
    let mut seen = Seen::default();
    let end = Decoder::late(USUAL_MAX).decode(shown, |name, value| seen.field(name, value));
    let cut = !head.has(flags::END_HEADERS) || block.len() > limits::CHAIN_BLOCK;
    if end.is_err() || !cut && end != Ok(BlockEnd::Whole) || seen.broken || seen.fields == 0 {
        return None;
    }
    let begins = seen.request >= 2 || seen.response == 1;
    Some(if begins { 24 + 8 * seen.known.min(5) } else { 4 })
}

/// What a block consists of.
#[derive(Default)]
struct Seen {
    fields: u32,
    known: u32,
    /// Pseudo-headers of a request, and of a response.
    request: u32,
    response: u32,
    regular: bool,
    broken: bool,
}

impl Seen {
    fn field(&mut self, name: Option<&[u8]>, value: Option<&[u8]>) {
        self.fields += 1;
        self.known += u32::from(name.is_some() && value.is_some());
        self.broken |= value.is_some_and(|value| !value.iter().all(is_printed));
        let Some(name) = name else { return };
        let pseudo = match name {
            b":method" | b":scheme" | b":authority" | b":path" | b":protocol" => &mut self.request,
            b":status" => &mut self.response,
            _ => {
                self.regular = true;
                self.broken |= !is_name(name);
                return;
            }
        };
        *pseudo += 1;
        // They come first (RFC 9113, section 8.3), and each head has its own.
        self.broken |= self.regular || self.request > 0 && self.response > 0 || self.response > 1;
        self.broken |= name == b":status" && !value.is_none_or(is_status);
    }
}

/// Field names are in lower case (RFC 9113, section 8.2.1).
fn is_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name.iter().all(|byte| matches!(byte, 0x21..=0x7e) && !byte.is_ascii_uppercase())
}

fn is_printed(byte: &u8) -> bool {
    matches!(byte, b'\t' | 0x20..=0x7e | 0x80..)
}

#[cfg(test)]
mod tests;

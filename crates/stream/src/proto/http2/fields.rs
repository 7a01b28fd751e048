//! The fields of one header block: pseudo-headers apart (RFC 9113, section 8.3).

use super::hpack::{BlockEnd, Decoder};
use crate::limits;
use crate::message::{Head, RequestLine};

/// A decoded block. Its room is used again for the next one.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// All others, in order.
    pub(super) head: Head,
    method: Part,
    scheme: Part,
    authority: Part,
    path: Part,
    status: Part,
    /// The name of the first field is not known, and it may be `:status`.
    first_may_be_status: bool,
    /// More than is kept.
    pub(super) too_many: bool,
}

#[derive(Debug, Default)]
struct Part {
    known: bool,
    bytes: Vec<u8>,
}

impl Part {
    fn get(&self) -> Option<&[u8]> {
        self.known.then_some(&self.bytes)
    }
}

impl Fields {
    /// Decodes a block.
    ///
    /// # Errors
    ///
    /// As [`Decoder::decode`]; the fields before the error are there.
    pub(super) fn decode(
        &mut self,
        decoder: &mut Decoder,
        block: &[u8],
    ) -> Result<BlockEnd, &'static str> {
        let Self { head, method, scheme, authority, path, status, first_may_be_status, too_many } =
            self;
        head.clear();
        for part in [&mut *method, scheme, authority, path, status] {
            part.known = false;
        }
        (*first_may_be_status, *too_many) = (false, false);
        let mut count = 0;
        decoder.decode(block, |name, value| {
            count += 1;
            let size = head.len() + name.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
            if size > limits::HEADER_LIST || count > limits::FIELDS {
                *too_many = true;
                return;
            }
            *first_may_be_status |= count == 1 && name.is_none() && value.is_none_or(is_status);
            let part = match name {
                Some(b":method") => &mut *method,
                Some(b":scheme") => scheme,
                Some(b":authority") => authority,
                Some(b":path") => path,
                Some(b":status") => status,
                _ => return head.push(name, value),
            };
            if let Some(value) = value {
                part.known = true;
                part.bytes.clear();
                part.bytes.extend_from_slice(value);
            }
        })
    }

    /// Bytes that it keeps.
    pub(super) fn held(&self) -> usize {
        let parts = [&self.method, &self.scheme, &self.authority, &self.path, &self.status];
        let parts: usize = parts.into_iter().map(|part| part.bytes.capacity()).sum();
        self.head.held() + parts
    }

    /// Whether it can only be a request's.
    pub(super) fn is_request(&self) -> bool {
        [&self.method, &self.scheme, &self.authority, &self.path].into_iter().any(|part| part.known)
    }

    /// Whether it can only be a response's.
    pub(super) fn is_response(&self) -> bool {
        self.status.known
    }

    /// Whether its first field may be the status.
    pub(super) fn may_be_response(&self) -> bool {
        self.is_response() || self.first_may_be_status
    }

    /// What is asked for.
    pub(super) fn line(&self) -> RequestLine<'_> {
        RequestLine {
            method: self.method.get(),
            scheme: self.scheme.get(),
            authority: self.authority.get().or_else(|| self.head.headers().first(b"host")),
            target: self.path.get(),
        }
    }

    /// The status: three digits.
    pub(super) fn status(&self) -> Option<u16> {
        let status = self.status.get().filter(|status| is_status(status))?;
        std::str::from_utf8(status).ok()?.parse().ok()
    }
}

/// Whether it is three digits.
pub(super) fn is_status(value: &[u8]) -> bool {
    value.len() == 3 && value.iter().all(u8::is_ascii_digit)
}

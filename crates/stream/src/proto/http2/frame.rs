//! Frames (RFC 9113, sections 4 and 6): pure parsers of their heads and of their payloads.

use crate::proto::Parsed;

/// What a client sends first (section 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of a frame's head.
pub(super) const HEAD_LEN: usize = 9;

/// Bits of [`FrameHead::flags`].
pub(super) mod flags {
    pub(in crate::proto::http2) const END_STREAM: u8 = 0x1;
    pub(in crate::proto::http2) const ACK: u8 = 0x1;
    pub(in crate::proto::http2) const END_HEADERS: u8 = 0x4;
    pub(in crate::proto::http2) const PADDED: u8 = 0x8;
    pub(in crate::proto::http2) const PRIORITY: u8 = 0x20;
}

use flags::{ACK, END_HEADERS, END_STREAM, PADDED, PRIORITY};

/// The type of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    Headers,
    Priority,
    RstStream,
    Settings,
    PushPromise,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    /// Of an extension; a peer ignores what it does not know (section 5.5).
    Other(u8),
}

impl Kind {
    fn of(byte: u8) -> Self {
        match byte {
            0 => Self::Data,
            1 => Self::Headers,
            2 => Self::Priority,
            3 => Self::RstStream,
            4 => Self::Settings,
            5 => Self::PushPromise,
            6 => Self::Ping,
            7 => Self::GoAway,
            8 => Self::WindowUpdate,
            9 => Self::Continuation,
            other => Self::Other(other),
        }
    }

    /// Whether it carries compressed fields.
    pub(super) fn is_block(self) -> bool {
        matches!(self, Self::Headers | Self::PushPromise | Self::Continuation)
    }

    /// The flags that the RFC defines for it; senders leave the others unset.
    pub(super) fn flags(self) -> u8 {
        match self {
            Self::Data => END_STREAM | PADDED,
            Self::Headers => END_STREAM | END_HEADERS | PADDED | PRIORITY,
            Self::PushPromise => END_HEADERS | PADDED,
            Self::Settings | Self::Ping => ACK,
            Self::Continuation => END_HEADERS,
            Self::Priority | Self::RstStream | Self::GoAway | Self::WindowUpdate => 0,
            Self::Other(_) => 0xff,
        }
    }
}

/// The first nine bytes of a frame (section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHead {
    /// Bytes of the payload.
    pub(super) len: usize,
    pub(super) kind: Kind,
    pub(super) flags: u8,
    /// The bit that senders leave unset and receivers ignore.
    pub(super) reserved: bool,
    pub(super) stream: u32,
}

impl FrameHead {
    /// Reads a head and checks it by the rules of its type.
    pub(super) fn parse(bytes: &[u8]) -> Parsed<Self> {
        let Some(&[a, b, c, kind, flags, d, e, f, g]) = bytes.first_chunk() else {
            return Parsed::More;
        };
        let stream = u32::from_be_bytes([d, e, f, g]);
        let head = Self {
            len: u32::from_be_bytes([0, a, b, c]) as usize,
            kind: Kind::of(kind),
            flags,
            reserved: stream >> 31 == 1,
            stream: stream & 0x7fff_ffff,
        };
        match head.check() {
            Ok(()) => Parsed::Whole(head, HEAD_LEN),
            Err(why) => Parsed::Broken(why),
        }
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Bytes of the frame.
    pub(super) fn whole(&self) -> usize {
        HEAD_LEN + self.len
    }

    fn check(&self) -> Result<(), &'static str> {
        let on_stream = self.stream != 0;
        let (stream_fits, len_fits) = match self.kind {
            Kind::Data | Kind::Headers | Kind::Continuation => (on_stream, true),
            Kind::PushPromise => (on_stream, self.len >= 4),
            Kind::Priority => (on_stream, self.len == 5),
            Kind::RstStream => (on_stream, self.len == 4),
            Kind::Settings if self.has(ACK) => (!on_stream, self.len == 0),
            Kind::Settings => (!on_stream, self.len.is_multiple_of(6)),
            Kind::Ping => (!on_stream, self.len == 8),
            Kind::GoAway => (!on_stream, self.len >= 8),
            Kind::WindowUpdate => (true, self.len == 4),
            Kind::Other(_) => (true, true),
        };
        match (stream_fits, len_fits) {
            (true, true) => Ok(()),
            (false, _) => Err("a frame on a stream where its type cannot be"),
            (_, false) => Err("a frame whose type has another length"),
        }
    }
}

/// The part of a payload between its padding (section 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Padded {
    /// Bytes before the content.
    pub(super) before: usize,
    /// Bytes of the content.
    pub(super) content: usize,
}

/// Where the content of a `DATA`, `HEADERS` or `PUSH_PROMISE` frame is, from the first bytes of its
/// payload: past the length of the padding, the priority and the promised stream.
pub(super) fn padded(head: &FrameHead, start: &[u8]) -> Parsed<Padded> {
    let (mut before, mut after) = (0, 0);
    if head.has(PADDED) {
        match start.first() {
            _ if head.len == 0 => return Parsed::Broken("no room for the length of padding"),
            None => return Parsed::More,
            Some(&len) => (before, after) = (1, usize::from(len)),
        }
    }
    before += match head.kind {
        Kind::Headers if head.has(PRIORITY) => 5,
        Kind::PushPromise => 4,
        _ => 0,
    };
    match head.len.checked_sub(before + after) {
        Some(content) => Parsed::Whole(Padded { before, content }, before),
        None => Parsed::Broken("more padding than payload"),
    }
}

/// The stream that a `PUSH_PROMISE` promises (section 6.6), from the whole payload.
pub(super) fn promised(head: &FrameHead, payload: &[u8]) -> Option<u32> {
    let at = usize::from(head.has(PADDED));
    Some(u32::from_be_bytes(*payload.get(at..)?.first_chunk()?) & 0x7fff_ffff)
}

/// The error of a `RST_STREAM` (section 6.4), from the whole payload.
pub(super) fn reset(payload: &[u8]) -> Option<u32> {
    payload.first_chunk().map(|code| u32::from_be_bytes(*code))
}

/// The last stream, the error and the debug data of a `GOAWAY` (section 6.8), from the payload as
/// far as it is there.
pub(super) fn goaway(payload: &[u8]) -> Option<(u32, u32, &[u8])> {
    let (last, rest) = payload.split_first_chunk()?;
    let (code, debug) = rest.split_first_chunk()?;
    Some((u32::from_be_bytes(*last) & 0x7fff_ffff, u32::from_be_bytes(*code), debug))
}

/// An error code's name (section 7).
pub(super) fn error_name(code: u32) -> &'static str {
    const NAMES: [&str; 14] = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ];
    NAMES.get(code as usize).copied().unwrap_or("unknown error")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(bytes: [u8; 9]) -> Parsed<FrameHead> {
        FrameHead::parse(&bytes)
    }

    fn whole<T>(parsed: Parsed<T>) -> T {
        match parsed {
            Parsed::Whole(it, _) => it,
            Parsed::More => panic!("more"),
            Parsed::Broken(why) => panic!("{why}"),
        }
    }

    #[test]
    fn a_head_is_read() {
        let read = whole(head([0, 0x40, 1, 1, 0x25, 0x80, 0, 0, 3]));
        let expected = FrameHead {
            len: 0x4001,
            kind: Kind::Headers,
            flags: END_STREAM | END_HEADERS | PRIORITY,
            reserved: true,
            stream: 3,
        };
        assert_eq!(read, expected);
        assert_eq!(read.whole(), 0x4001 + 9);
        assert_eq!(FrameHead::parse(&[0; 8]), Parsed::More);
    }

    #[test]
    fn each_type_has_its_length_and_its_stream() {
        // Type, length, whether it may stand on a stream and on the connection.
        let rules = [
            (0, 0, true, false),
            (1, 0, true, false),
            (2, 5, true, false),
            (3, 4, true, false),
            (4, 6, false, true),
            (5, 4, true, false),
            (6, 8, false, true),
            (7, 8, false, true),
            (8, 4, true, true),
            (9, 0, true, false),
            (0x10, 7, true, true),
        ];
        for (kind, len, on_stream, on_connection) in rules {
            for (stream, fits) in [(1, on_stream), (0, on_connection)] {
                let read = head([0, 0, len, kind, 0, 0, 0, 0, stream]);
                assert_eq!(matches!(read, Parsed::Whole(..)), fits, "type {kind}, stream {stream}");
            }
            let other = head([0, 0, len + 1, kind, 0, 0, 0, 0, u8::from(on_stream)]);
            let any = matches!(kind, 0 | 1 | 5 | 7 | 9 | 0x10);
            assert_eq!(matches!(other, Parsed::Whole(..)), any, "type {kind}, a longer one");
        }
        assert!(matches!(head([0, 0, 6, 4, ACK, 0, 0, 0, 0]), Parsed::Broken(_)));
        assert!(matches!(head([0, 0, 3, 5, 0, 0, 0, 0, 1]), Parsed::Broken(_)));
        assert!(matches!(head([0, 0, 7, 7, 0, 0, 0, 0, 0]), Parsed::Broken(_)));
    }

    #[test]
    fn padding_is_taken_off() {
        let data = whole(head([0, 0, 10, 0, PADDED, 0, 0, 0, 1]));
        assert_eq!(padded(&data, &[]), Parsed::More);
        assert_eq!(whole(padded(&data, &[9])), Padded { before: 1, content: 0 });
        assert_eq!(whole(padded(&data, &[2])), Padded { before: 1, content: 7 });
        assert!(matches!(padded(&data, &[10]), Parsed::Broken(_)));
        let headers = whole(head([0, 0, 10, 1, PADDED | PRIORITY, 0, 0, 0, 1]));
        assert_eq!(whole(padded(&headers, &[4])), Padded { before: 6, content: 0 });
        assert!(matches!(padded(&headers, &[5]), Parsed::Broken(_)));
        let plain = whole(head([0, 0, 10, 0, 0, 0, 0, 0, 1]));
        assert_eq!(whole(padded(&plain, &[])), Padded { before: 0, content: 10 });
        let empty = whole(head([0, 0, 0, 0, PADDED, 0, 0, 0, 1]));
        assert!(matches!(padded(&empty, &[]), Parsed::Broken(_)));
    }

    #[test]
    fn payloads_are_read() {
        let promise = whole(head([0, 0, 6, 5, PADDED, 0, 0, 0, 1]));
        assert_eq!(promised(&promise, &[0, 0x80, 0, 0, 2, 0]), Some(2));
        assert_eq!(whole(padded(&promise, &[0])), Padded { before: 5, content: 1 });
        assert_eq!(reset(&[0, 0, 0, 8]).map(error_name), Some("CANCEL"));
        assert_eq!(goaway(&[0, 0, 0, 5, 0, 0, 0, 11, b'x']), Some((5, 11, &b"x"[..])));
        assert_eq!(goaway(&[0; 7]), None);
        assert_eq!(error_name(13), "HTTP_1_1_REQUIRED");
        assert_eq!(error_name(14), "unknown error");
    }
}

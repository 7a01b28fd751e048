//! Heads of HTTP/1: the start line and the fields, and what they say of the body.

use std::mem::MaybeUninit;

use super::super::Parsed;
use crate::limits;
use crate::message::{Flaw, Head};

/// Why a head is none of which only more is there than is kept.
const MANY: &str = "more fields than are kept";

/// What a head or trailers that were not read are.
pub(super) fn flaw(why: &str) -> Flaw {
    if why == MANY { Flaw::Limit } else { Flaw::Broken }
}

/// The start of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start<'a> {
    Request { method: &'a [u8], target: &'a [u8] },
    Response { status: u16, reason: &'a [u8] },
}

/// A head, apart from its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    pub start: Start<'a>,
    /// HTTP/1.1 rather than 1.0.
    pub one: bool,
}

/// Reads a request's head (RFC 9112, sections 2 to 5); its fields are added to `fields`.
pub(super) fn request<'a>(bytes: &'a [u8], fields: &mut Head) -> Parsed<Parts<'a>> {
    let mut room = [const { MaybeUninit::uninit() }; limits::FIELDS];
    let mut request = httparse::Request::new(&mut []);
    let config = httparse::ParserConfig::default();
    let parsed = config.parse_request_with_uninit_headers(&mut request, bytes, &mut room);
    match parsed {
        Ok(httparse::Status::Complete(used)) => {
            keep(request.headers, fields);
            let (method, target) = (request.method.unwrap_or(""), request.path.unwrap_or(""));
            let start = Start::Request { method: method.as_bytes(), target: target.as_bytes() };
            Parsed::Whole(Parts { start, one: request.version == Some(1) }, used)
        }
        Ok(httparse::Status::Partial) => Parsed::More,
        Err(error) => Parsed::Broken(why(error)),
    }
}

/// Reads a response's head, likewise. Folded values and blanks after a name are still met in the
/// wild, and clients accept them.
pub(super) fn response<'a>(bytes: &'a [u8], fields: &mut Head) -> Parsed<Parts<'a>> {
    let mut room = [const { MaybeUninit::uninit() }; limits::FIELDS];
    let mut response = httparse::Response::new(&mut []);
    let mut config = httparse::ParserConfig::default();
    config
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true);
    let parsed = config.parse_response_with_uninit_headers(&mut response, bytes, &mut room);
    match parsed {
        Ok(httparse::Status::Complete(used)) => {
            keep(response.headers, fields);
            let status = response.code.unwrap_or(0);
            let reason = reason(bytes);
            let start = Start::Response { status, reason };
            Parsed::Whole(Parts { start, one: response.version == Some(1) }, used)
        }
        Ok(httparse::Status::Partial) => Parsed::More,
        Err(error) => Parsed::Broken(why(error)),
    }
}

/// Reads fields up to the blank line that ends them: trailers (RFC 9112, section 7.1.2).
pub(super) fn trailers(bytes: &[u8], fields: &mut Head) -> Parsed<()> {
    let mut room = [httparse::EMPTY_HEADER; limits::TRAILERS];
    match httparse::parse_headers(bytes, &mut room) {
        Ok(httparse::Status::Complete((used, headers))) => {
            keep(headers, fields);
            Parsed::Whole((), used)
        }
        Ok(httparse::Status::Partial) => Parsed::More,
        Err(error) => Parsed::Broken(why(error)),
    }
}

/// Where the blank line ends that ends a head; `from` were looked at before.
pub(super) fn end_of_head(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from.saturating_sub(3);
    while let Some(line_end) = bytes[at..].iter().position(|&byte| byte == b'\n') {
        at += line_end + 1;
        match bytes.get(at..) {
            Some([b'\n', ..]) => return Some(at + 1),
            Some([b'\r', b'\n', ..]) => return Some(at + 2),
            _ => {}
        }
    }
    None
}

/// How many bytes of empty lines stand before a message (RFC 9112, section 2.2).
pub(super) fn empty_lines(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len())
}

/// The words after the status, as bytes: httparse leaves out those that are not ASCII.
fn reason(bytes: &[u8]) -> &[u8] {
    let bytes = &bytes[empty_lines(bytes)..];
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let line = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]);
    line.get("HTTP/1.1 200 ".len()..).unwrap_or_default()
}

fn keep(headers: &[httparse::Header<'_>], fields: &mut Head) {
    for header in headers {
        fields.push(Some(header.name.as_bytes()), Some(header.value));
    }
}

fn why(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::HeaderName => "a field's name has bytes that no name has",
        httparse::Error::HeaderValue => "a field's value has bytes that no value has",
        httparse::Error::NewLine => "a line does not end as lines do",
        httparse::Error::Status => "no status",
        httparse::Error::Token => "a method or target has bytes that none has",
        httparse::Error::TooManyHeaders => MANY,
        httparse::Error::Version => "another version",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_standard() {
        // RFC 9112, section 2.1 and RFC 9110, section 3.9.
        let request_bytes = b"GET /hello.txt HTTP/1.1\r\nUser-Agent: curl/7.64.1\r\n\
            Host: www.example.com\r\nAccept-Language: en, mi\r\n\r\nnext";
        let mut fields = Head::new();
        let Parsed::Whole(parts, used) = request(request_bytes, &mut fields) else { panic!() };
        assert_eq!(used, request_bytes.len() - 4);
        assert_eq!(parts.start, Start::Request { method: b"GET", target: b"/hello.txt" });
        assert!(parts.one);
        assert_eq!(fields.headers().first(b"host"), Some(&b"www.example.com"[..]));

        let mut fields = Head::new();
        let bytes = b"HTTP/1.0 404 Not F\xf6und \r\nVia:  1.0 fred\r\n\tfolded\r\n\r\n";
        let Parsed::Whole(parts, used) = response(bytes, &mut fields) else { panic!() };
        assert_eq!(used, bytes.len());
        assert_eq!(parts.start, Start::Response { status: 404, reason: b"Not F\xf6und " });
        assert!(!parts.one);
    }

    #[test]
    fn a_part_is_no_head_and_rubbish_never_will_be() {
        let mut fields = Head::new();
        assert_eq!(request(b"GET / HTTP/1.1\r\nHost", &mut fields), Parsed::More);
        assert!(matches!(request(b"GET / HTTP/3.1\r\n\r\n", &mut fields), Parsed::Broken(_)));
        assert!(matches!(
            request(b"GET / HTTP/1.1\r\na b: c\r\n\r\n", &mut fields),
            Parsed::Broken(_)
        ));
        assert!(fields.is_empty());
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(limits::FIELDS));
        assert!(matches!(request(many.as_bytes(), &mut fields), Parsed::Whole(..)));
        let more = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(limits::FIELDS + 1));
        assert!(matches!(request(more.as_bytes(), &mut Head::new()), Parsed::Broken(_)));
    }

    #[test]
    fn the_end_is_found_wherever_bytes_were_split() {
        let head = b"a\r\nb\r\n\r\nbody";
        for from in 0..8 {
            assert_eq!(end_of_head(head, from), Some(8), "{from}");
        }
        assert_eq!(end_of_head(b"a\n\nb", 0), Some(3));
        assert_eq!(end_of_head(b"a\r\nb\r\n\r", 0), None);
        assert_eq!(empty_lines(b"\r\n\nGET"), 3);
    }
}

//! Whether bytes are the beginning of a message of HTTP/1.

use super::super::Seen;
use crate::limits;

/// Methods that are known by name (the IANA registry's common ones): with one of these the first
/// byte of the target decides; any other needs the whole line.
const METHODS: [&[u8]; 28] = [
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"PATCH",
    b"TRACE",
    b"CONNECT",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
    b"REPORT",
    b"SEARCH",
    b"ACL",
    b"BIND",
    b"LINK",
    b"UNLINK",
    b"PURGE",
    b"QUERY",
    b"NOTIFY",
    b"SUBSCRIBE",
    b"UNSUBSCRIBE",
    b"M-SEARCH",
];

/// What may follow a method, apart from CONNECT's `host:port` (RFC 9112, section 3.2).
const TARGETS: [&[u8]; 4] = [b"/", b"http://", b"https://", b"* HTTP/1."];

/// Whether a request begins here (RFC 9112, section 3).
pub fn recognise_request(bytes: &[u8]) -> Seen {
    recognise(bytes, |_, _| true)
}

/// Whether a request with a known method begins here. After missing bytes the beginning of a
/// method may be missing, too: `T / HTTP/1.1` is no request.
pub fn recognise_known_request(bytes: &[u8]) -> Seen {
    recognise(bytes, |method, whole| {
        METHODS.iter().any(|known| *known == method || !whole && known.starts_with(method))
    })
}

fn recognise(bytes: &[u8], may_be: impl Fn(&[u8], bool) -> bool) -> Seen {
    let Some(space) = bytes.iter().take(limits::METHOD + 1).position(|&byte| byte == b' ') else {
        let method = bytes.len() <= limits::METHOD && bytes.iter().all(is_method);
        return if method && may_be(bytes, false) && bytes.first() != Some(&b'-') {
            Seen::Perhaps
        } else {
            Seen::No
        };
    };
    let (method, target) = (&bytes[..space], &bytes[space + 1..]);
    if method.is_empty() || !method.iter().all(is_method) || !may_be(method, true) {
        return Seen::No;
    }
    let mut perhaps = false;
    if METHODS.contains(&method) {
        for start in TARGETS {
            if target.starts_with(start) {
                return Seen::Yes;
            }
            perhaps |= start.starts_with(target);
        }
    }
    let line = &bytes[..bytes.len().min(limits::LINE)];
    match line.iter().position(|&byte| byte == b'\n') {
        Some(end) if is_request_line(&line[..end]) => Seen::Yes,
        Some(_) => Seen::No,
        None if perhaps || bytes.len() < limits::LOOK && may_be_target(target) => Seen::Perhaps,
        None => Seen::No,
    }
}

/// Whether a response begins here (RFC 9112, section 4).
pub fn recognise_response(bytes: &[u8]) -> Seen {
    const SHAPE: &[u8] = b"HTTP/1.v ddd";
    for (&byte, &shape) in bytes.iter().zip(SHAPE) {
        let fits = match shape {
            b'v' => matches!(byte, b'0' | b'1'),
            b'd' => byte.is_ascii_digit(),
            _ => byte == shape,
        };
        if !fits {
            return Seen::No;
        }
    }
    if bytes.len() < SHAPE.len() { Seen::Perhaps } else { Seen::Yes }
}

/// Where the first request begins that has its whole line here.
pub(super) fn find_request(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(end) = bytes[from..].iter().position(|&byte| byte == b'\n') {
        let line = &bytes[from..from + end];
        // What precedes the request may be a body without a line end of its own.
        if let Some(target) =
            line.windows(9).position(|part| part == b" HTTP/1.1" || part == b" HTTP/1.0")
            && let Some(start) = start_of_request(&line[..target])
            && is_request_line(&line[start..])
        {
            return Some(from + start);
        }
        from += end + 1;
    }
    None
}

/// Where the first response begins that has its status here.
pub(super) fn find_response(bytes: &[u8]) -> Option<usize> {
    const LEN: usize = 12;
    bytes.windows(LEN).position(|part| part[0] == b'H' && recognise_response(part) == Seen::Yes)
}

/// Where the method stands in a line up to the end of its target: the last known one.
fn start_of_request(line: &[u8]) -> Option<usize> {
    let target = line.iter().rposition(|&byte| byte == b' ')?;
    let before = &line[..target];
    let longest =
        METHODS.iter().filter(|method| before.ends_with(method)).max_by_key(|m| m.len())?;
    Some(target - longest.len())
}

/// `METHOD SP target SP HTTP/1.x`, with or without `\r`.
fn is_request_line(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut parts = line.split(|&byte| byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let method_fits = !method.is_empty() && method.iter().all(is_method);
    method_fits && !target.is_empty() && matches!(version, b"HTTP/1.1" | b"HTTP/1.0")
}

/// Whether this is a target as far as it goes, or one with the beginning of a version.
fn may_be_target(bytes: &[u8]) -> bool {
    let space = bytes.iter().position(|&byte| byte == b' ').unwrap_or(bytes.len());
    let (target, version) = bytes.split_at(space);
    let begun = |version: &[u8]| b"HTTP/1.".starts_with(version) || version.starts_with(b"HTTP/1.");
    target.iter().all(is_visible) && version.strip_prefix(b" ").is_none_or(begun)
}

fn is_method(byte: &u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_')
}

fn is_visible(byte: &u8) -> bool {
    (0x21..0x7f).contains(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_seen_by_method_and_target() {
        for yes in [
            &b"GET /"[..],
            b"POST http://",
            b"OPTIONS * HTTP/1.1",
            b"CONNECT a:443 HTTP/1.1\r\n",
            b"BREW pot HTTP/1.0\n",
        ] {
            assert_eq!(recognise_request(yes), Seen::Yes, "{yes:?}");
        }
        for perhaps in [
            &b""[..],
            b"G",
            b"GET",
            b"GET ",
            b"GET htt",
            b"CONNECT a:4",
            b"OPTIONS *",
            b"A b HT",
            b"A b HTTP/1.1",
        ] {
            assert_eq!(recognise_request(perhaps), Seen::Perhaps, "{perhaps:?}");
        }
        for no in [
            &b" GET /"[..],
            b"get /",
            b"GET key\r\n",
            b"EHLO me\r\n",
            b"PRI * HTTP/2.0\r\n",
            b"OPTIONS * RTSP/1.0\r\n",
            b"\0\0\x12\x04",
            b"AMETHODTHATISFARTOOLONGTOBEONEOFTHEM",
        ] {
            assert_eq!(recognise_request(no), Seen::No, "{no:?}");
        }
    }

    #[test]
    fn responses_are_seen_by_version_and_status() {
        assert_eq!(recognise_response(b"HTTP/1.1 200"), Seen::Yes);
        assert_eq!(recognise_response(b"HTTP/1.0 404 no\r\n"), Seen::Yes);
        assert_eq!(recognise_response(b"HTTP/1.1 20"), Seen::Perhaps);
        assert_eq!(recognise_response(b""), Seen::Perhaps);
        assert_eq!(recognise_response(b"HTTP/2 200"), Seen::No);
        assert_eq!(recognise_response(b"HTTP/1.1 2x0"), Seen::No);
    }

    #[test]
    fn the_next_start_is_found_behind_a_body() {
        assert_eq!(find_request(b"abc\nxyzPOST /a HTTP/1.1\r\nHost"), Some(7));
        assert_eq!(find_request(b"GET / HTTP/1.1\r\n"), Some(0));
        assert_eq!(find_request(b"say GET and HTTP/1.1 \n"), None);
        assert_eq!(find_request(b"GET / HTTP/1.1"), None);
        assert_eq!(find_response(b"</html>HTTP/1.1 200 OK"), Some(7));
        assert_eq!(find_response(b"HTTP/1.1 rules"), None);
    }
}

//! How a body ends (RFC 9112, section 6.3).

use crate::message::Headers;

/// What the head says of the body's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none.
    Empty,
    /// After so many bytes.
    Length(u64),
    /// Chunks say so.
    Chunked,
    /// When the connection ends.
    Close,
}

/// The framing, and whether the head breaks a rule about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Framed {
    pub framing: Framing,
    pub broken: bool,
}

/// The fields that matter, read in one pass.
#[derive(Debug, Default)]
struct Facts<'a> {
    length: Option<u64>,
    length_broken: bool,
    /// The last transfer coding.
    last_coding: Option<&'a [u8]>,
}

/// How a request's body ends: without a length there is none.
pub(super) fn of_request(headers: Headers<'_>) -> Framed {
    let facts = facts(headers);
    match facts.last_coding {
        Some(_) if facts.is_chunked() => framed(Framing::Chunked, facts.length.is_some()),
        // A server can't know where such a request ends, and refuses it.
        Some(_) => framed(Framing::Close, true),
        None if facts.length_broken => framed(Framing::Close, true),
        None => framed(facts.length.map_or(Framing::Empty, length), false),
    }
}

/// How a response's body ends; `bodiless` if its request was HEAD, or CONNECT and it succeeded.
pub(super) fn of_response(status: u16, bodiless: bool, headers: Headers<'_>) -> Framed {
    if bodiless || matches!(status, 100..=199 | 204 | 304) {
        return framed(Framing::Empty, false);
    }
    let facts = facts(headers);
    match facts.last_coding {
        Some(_) if facts.is_chunked() => framed(Framing::Chunked, facts.length.is_some()),
        Some(_) => framed(Framing::Close, facts.length.is_some()),
        None if facts.length_broken => framed(Framing::Close, true),
        None => framed(facts.length.map_or(Framing::Close, length), false),
    }
}

fn framed(framing: Framing, broken: bool) -> Framed {
    Framed { framing, broken }
}

fn length(length: u64) -> Framing {
    if length == 0 { Framing::Empty } else { Framing::Length(length) }
}

impl Facts<'_> {
    fn is_chunked(&self) -> bool {
        self.last_coding.is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked"))
    }
}

fn facts(headers: Headers<'_>) -> Facts<'_> {
    let mut facts = Facts::default();
    for field in headers.iter() {
        let (Some(name), Some(value)) = (field.name, field.value) else { continue };
        // Both names have a length of their own among the common ones.
        if name.len() == 14 && name.eq_ignore_ascii_case(b"content-length") {
            for number in value.split(|&byte| byte == b',') {
                let number = decimal(number.trim_ascii());
                facts.length_broken |=
                    number.is_none() || facts.length.is_some_and(|l| Some(l) != number);
                facts.length = facts.length.or(number);
            }
        } else if name.len() == 17 && name.eq_ignore_ascii_case(b"transfer-encoding") {
            let last = value
                .rsplit(|&byte| byte == b',')
                .map(<[u8]>::trim_ascii)
                .find(|coding| !coding.is_empty());
            facts.last_coding = last.or(facts.last_coding);
        }
    }
    facts
}

/// Digits only, as the grammar has it: no sign, no blank.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, &digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Head;

    fn head(fields: &[(&str, &str)]) -> Head {
        let mut head = Head::new();
        for (name, value) in fields {
            head.push(Some(name.as_bytes()), Some(value.as_bytes()));
        }
        head
    }

    fn response(status: u16, fields: &[(&str, &str)]) -> (Framing, bool) {
        let Framed { framing, broken } = of_response(status, false, head(fields).headers());
        (framing, broken)
    }

    fn request(fields: &[(&str, &str)]) -> (Framing, bool) {
        let Framed { framing, broken } = of_request(head(fields).headers());
        (framing, broken)
    }

    #[test]
    fn the_rules_of_section_6_3_in_order() {
        let long = ("Content-Length", "5");
        let chunked = ("Transfer-Encoding", "gzip, Chunked");
        for status in [100, 199, 204, 304] {
            assert_eq!(response(status, &[long]), (Framing::Empty, false));
        }
        assert_eq!(of_response(200, true, head(&[long]).headers()).framing, Framing::Empty);
        assert_eq!(response(200, &[chunked]), (Framing::Chunked, false));
        assert_eq!(response(200, &[long, chunked]), (Framing::Chunked, true));
        assert_eq!(response(200, &[("transfer-encoding", "gzip")]), (Framing::Close, false));
        assert_eq!(response(200, &[long]), (Framing::Length(5), false));
        assert_eq!(response(200, &[]), (Framing::Close, false));
        assert_eq!(request(&[]), (Framing::Empty, false));
        assert_eq!(request(&[long]), (Framing::Length(5), false));
        assert_eq!(request(&[chunked]), (Framing::Chunked, false));
        assert_eq!(request(&[("Transfer-Encoding", "gzip")]), (Framing::Close, true));
    }

    #[test]
    fn lengths_must_be_numbers_and_agree() {
        let length = |value| response(200, &[("content-length", value)]);
        assert_eq!(length("42, 42"), (Framing::Length(42), false));
        assert_eq!(length("0"), (Framing::Empty, false));
        for broken in ["42, 43", "-1", "+1", "0x10", "1 2", "", "99999999999999999999"] {
            assert_eq!(length(broken), (Framing::Close, true), "{broken}");
        }
        let twice = [("content-length", "1"), ("content-length", "2")];
        assert_eq!(response(200, &twice), (Framing::Close, true));
    }
}

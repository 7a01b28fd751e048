//! Answers of the domain name system (RFC 1035, section 4): which name an address was asked for by.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::hello::host;

/// The port that answers come from.
pub(crate) const PORT: u16 = 53;

const ANSWERS_MAX: usize = 32;
const LABELS_MAX: usize = 128;
const A: u16 = 1;
const AAAA: u16 = 28;
const INTERNET: u16 = 1;

/// Hands over each address in an answer with the name that was asked for.
pub(crate) fn answers(message: &[u8], mut each: impl FnMut(IpAddr, &str)) -> Option<()> {
    let head: &[u8; 12] = message.first_chunk()?;
    let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let (flags, questions) = (word(2), word(4));
    // An answer, without an error, to one question.
    if flags & 0x800f != 0x8000 || questions != 1 {
        return None;
    }
    let mut rest = message.get(12..)?;
    let name = name(&mut rest)?;
    rest = rest.get(4..)?;
    for _ in 0..usize::from(word(6)).min(ANSWERS_MAX) {
        skip_name(&mut rest)?;
        let fixed: &[u8; 10] = rest.first_chunk()?;
        let [k0, k1, c0, c1, .., l0, l1] = *fixed;
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        let value = rest.get(10..10 + len)?;
        let address = match (u16::from_be_bytes([k0, k1]), u16::from_be_bytes([c0, c1])) {
            (A, INTERNET) => <[u8; 4]>::try_from(value).ok().map(|v4| Ipv4Addr::from(v4).into()),
            (AAAA, INTERNET) => {
                <[u8; 16]>::try_from(value).ok().map(|v6| Ipv6Addr::from(v6).into())
            }
            _ => None,
        };
        if let Some(address) = address {
            each(address, &name);
        }
        rest = rest.get(10 + len..)?;
    }
    Some(())
}

/// A question's name, which is written out.
fn name(rest: &mut &[u8]) -> Option<Box<str>> {
    let mut name = Vec::new();
    for _ in 0..LABELS_MAX {
        let (len, after) = rest.split_first()?;
        let (label, after) = after.split_at_checked(usize::from(*len))?;
        *rest = after;
        if label.is_empty() {
            return host(&name);
        }
        if !name.is_empty() {
            name.push(b'.');
        }
        name.extend_from_slice(label);
    }
    None
}

/// An answer's name, which may point to where it stands.
fn skip_name(rest: &mut &[u8]) -> Option<()> {
    for _ in 0..LABELS_MAX {
        let (len, after) = rest.split_first()?;
        match len {
            0 => {
                *rest = after;
                return Some(());
            }
            0xc0.. => {
                *rest = after.get(1..)?;
                return Some(());
            }
            _ => *rest = after.get(usize::from(*len)..)?,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An answer for `www.example.org`: an alias, then two addresses.
    fn answer() -> Vec<u8> {
        let mut bytes = vec![0, 1, 0x81, 0x80, 0, 1, 0, 3, 0, 0, 0, 0];
        bytes.extend(b"\x03www\x07example\x03org\x00\x00\x01\x00\x01");
        bytes.extend(b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x04\x01a\xc0\x10");
        bytes.extend(b"\x01a\xc0\x10\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x07");
        bytes.extend(b"\x01a\xc0\x10\x00\x1c\x00\x01\x00\x00\x00\x3c\x00\x10");
        bytes.extend([0x20; 16]);
        bytes
    }

    fn found(message: &[u8]) -> Vec<(String, String)> {
        let mut found = Vec::new();
        answers(message, |address, name| found.push((address.to_string(), name.to_owned())));
        found
    }

    #[test]
    fn addresses_have_the_name_that_was_asked_for() {
        let name = || "www.example.org".to_owned();
        let v6 = Ipv6Addr::from([0x20; 16]).to_string();
        assert_eq!(found(&answer()), [("10.0.0.7".to_owned(), name()), (v6, name())]);
    }

    #[test]
    fn questions_and_errors_name_nothing() {
        let mut question = answer();
        question[2] = 1;
        assert_eq!(found(&question), []);
        let mut failed = answer();
        failed[3] |= 3;
        assert_eq!(found(&failed), []);
        assert_eq!(found(&answer()[..60]), []);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(at in 0usize..200, byte in any::<u8>(), cut in 0usize..200) {
            let mut bytes = answer();
            let len = bytes.len();
            bytes[at % len] = byte;
            found(&bytes[..len - cut % len]);
        }
    }
}

//! The first message of a TLS connection, as far as one packet shows it: ClientHello in a TLS
//! record (RFC 8446, sections 4.1.2 and 5.1) or a DTLS one (RFC 9147, section 5), or by itself.
//! Everything in it comes from strangers.

/// What a ClientHello says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hello {
    /// The connection's name in key logs.
    pub(crate) random: [u8; 32],
    /// The server's name (RFC 6066, section 3), if it stands in the bytes at hand.
    pub(crate) name: Option<Box<str>>,
}

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;
/// Of a host name, as DNS has it.
const NAME_MAX: usize = 253;

/// In the first bytes of a TCP segment.
pub(crate) fn in_segment(payload: &[u8]) -> Option<Hello> {
    match payload {
        [HANDSHAKE, 3, _, _, _, message @ ..] => in_message(message),
        _ => None,
    }
}

/// In a datagram of DTLS.
pub(crate) fn in_datagram(payload: &[u8]) -> Option<Hello> {
    let [HANDSHAKE, 0xfe, ..] = payload else { return None };
    let message = payload.get(13..)?;
    // Between length and body stand the message's number and which fragment of it this is.
    let (head, offset) = (message.get(..4)?, message.get(6..9)?);
    if offset != [0; 3] {
        return None;
    }
    parse(head, message.get(12..)?, true)
}

/// In a handshake message.
pub(crate) fn in_message(message: &[u8]) -> Option<Hello> {
    parse(message.get(..4)?, message.get(4..)?, false)
}

/// Bytes that a handshake message has, its head included.
pub(crate) fn message_len(message: &[u8]) -> Option<usize> {
    let [_, a, b, c] = *message.first_chunk()?;
    Some(4 + u32::from_be_bytes([0, a, b, c]) as usize)
}

fn parse(head: &[u8], body: &[u8], datagram: bool) -> Option<Hello> {
    let (version, rest) = body.split_first_chunk()?;
    let known = if datagram { [0xfe, 0xfe] } else { [3, 3] };
    if head.first() != Some(&CLIENT_HELLO) || (version[0] != known[0] && version[0] != 3) {
        return None;
    }
    let _: &[u8; 2] = version;
    let (random, rest) = rest.split_first_chunk()?;
    Some(Hello { random: *random, name: server_name(rest, datagram) })
}

/// The name among the extensions, behind session, cookie, cipher suites and compression methods.
fn server_name(bytes: &[u8], datagram: bool) -> Option<Box<str>> {
    let mut rest = past_short(bytes)?;
    if datagram {
        rest = past_short(rest)?;
    }
    rest = long(rest)?.1;
    rest = past_short(rest)?;
    let mut extensions = rest.get(2..)?;
    loop {
        let (kind, after) = extensions.split_first_chunk()?;
        let (value, next) = long(after)?;
        if u16::from_be_bytes(*kind) == SERVER_NAME {
            let [HOST_NAME, name @ ..] = value.get(2..)? else { return None };
            return host(long(name)?.0);
        }
        extensions = next;
    }
}

/// What stands behind a vector with a length of one byte.
fn past_short(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(1 + usize::from(*bytes.first()?)..)
}

/// A vector with a length of two bytes, and what stands behind it.
fn long(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}

/// A name that may stand in a file of host names: nothing in it could be taken for anything else.
pub(crate) fn host(name: &[u8]) -> Option<Box<str>> {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let fits = !name.is_empty() && name.len() <= NAME_MAX && name.iter().all(allowed);
    fits.then(|| String::from_utf8_lossy(name).into())
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A ClientHello with this random and server name, as a handshake message.
    pub(crate) fn message(random: [u8; 32], name: &str) -> Vec<u8> {
        let short = |bytes: &[u8]| [&[bytes.len() as u8], bytes].concat();
        let long = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes(), bytes].concat();
        let host = long(&[&[HOST_NAME], long(name.as_bytes()).as_slice()].concat());
        let extensions = [[0, 10].as_slice(), &long(&[0, 2, 0, 29]), &[0, 0], &long(&host)];
        let body = [
            [3, 3].as_slice(),
            &random,
            &short(&[9; 32]),
            &long(&[0x13, 1]),
            &short(&[0]),
            &long(&extensions.concat()),
        ];
        let body = body.concat();
        [&[CLIENT_HELLO], &(body.len() as u32).to_be_bytes()[1..], &body].concat()
    }

    /// The same in a TLS record.
    pub(crate) fn record(random: [u8; 32], name: &str) -> Vec<u8> {
        let message = message(random, name);
        [&[HANDSHAKE, 3, 1], (message.len() as u16).to_be_bytes().as_slice(), &message].concat()
    }

    #[test]
    fn random_and_name_are_found() {
        let hello = in_segment(&record([7; 32], "www.example.org")).unwrap();
        assert_eq!((hello.random, hello.name.as_deref()), ([7; 32], Some("www.example.org")));
        assert_eq!(in_segment(b"GET / HTTP/1.1\r\n"), None);
        let mut server = record([7; 32], "a");
        server[5] = 2;
        assert_eq!(in_segment(&server), None);
    }

    #[test]
    fn a_hello_in_two_packets_has_its_random_in_the_first() {
        let record = record([7; 32], "www.example.org");
        assert_eq!(in_segment(&record[..60]).unwrap(), Hello { random: [7; 32], name: None });
        assert_eq!(in_segment(&record[..42]), None);
    }

    #[test]
    fn names_that_are_none() {
        for name in ["", "two words", "new\nline", "caf\u{e9}", &"a".repeat(254)] {
            assert_eq!(in_segment(&record([1; 32], name)).unwrap().name, None, "{name:?}");
        }
    }

    #[test]
    fn a_datagram() {
        let message = message([5; 32], "name");
        // A cookie stands behind the session.
        let mut body = message[4..].to_vec();
        body[..2].copy_from_slice(&[0xfe, 0xfd]);
        body.splice(67..67, [2, 1, 1]);
        let head = [[HANDSHAKE, 0xfe, 0xff].as_slice(), &[0; 10], &message[..4], &[0; 8]].concat();
        let hello = in_datagram(&[head.as_slice(), &body].concat()).unwrap();
        assert_eq!((hello.random, hello.name.as_deref()), ([5; 32], Some("name")));
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            in_segment(&bytes);
            in_datagram(&bytes);
            let hello = record([1; 32], "name");
            for (byte, right) in bytes.iter_mut().zip(&hello).take(44) {
                *byte = *right;
            }
            in_segment(&bytes);
        }

        #[test]
        fn damage_is_no_panic(at in 0usize..120, byte in any::<u8>(), cut in 0usize..120) {
            let mut hello = record([1; 32], "name");
            let len = hello.len();
            hello[at % len] = byte;
            in_segment(&hello[..len - cut % len]);
        }
    }
}

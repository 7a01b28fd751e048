//! From the bytes of a record to a handshake.

use std::net::SocketAddr;

use abi::{Head, Kind};

use crate::decode::address_of;

/// A TLS handshake that a process made on a TCP socket and that went so far that there are keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handshake {
    /// Who and when: `time_ns` is CLOCK_BOOTTIME.
    pub head: Head,
    /// The random of its ClientHello.
    pub client_random: [u8; abi::RANDOM],
    /// The process's own end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// The process took the ClientHello in, and did not send it.
    pub server: bool,
}

/// Whether a record is about a handshake.
#[inline]
pub fn is_handshake(record: &[u8]) -> bool {
    Head::from_bytes(record).is_some_and(|head| head.kind == Kind::Shake as u8)
}

impl Handshake {
    /// Reads a record; `None` if it is none.
    pub fn decode(record: &[u8]) -> Option<Self> {
        let raw = abi::Handshake::from_bytes(record)?;
        let address = address_of(raw.family).filter(|_| raw.head.kind == Kind::Shake as u8)?;
        Some(Self {
            head: raw.head,
            client_random: raw.client_random,
            local: SocketAddr::new(address(raw.local), raw.local_port),
            remote: SocketAddr::new(address(raw.remote), raw.remote_port),
            server: raw.server != 0,
        })
    }

    /// Whether this is the other end of that connection.
    pub(crate) fn is_peer_of(&self, other: &Self) -> bool {
        (self.local, self.remote) == (other.remote, other.local)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_who_and_where() {
        let mut raw = abi::Handshake { family: 4, server: 1, ..abi::Handshake::default() };
        (raw.head.kind, raw.head.tgid) = (Kind::Shake as u8, 812);
        (raw.local[0], raw.local_port, raw.remote[0], raw.remote_port) = (127, 443, 10, 40_000);
        let bytes = raw.to_bytes();
        assert!(is_handshake(&bytes) && !is_handshake(&bytes[..20]));
        let handshake = Handshake::decode(&bytes).unwrap();
        assert_eq!(handshake.local, "127.0.0.0:443".parse().unwrap());
        assert_eq!(handshake.remote, "10.0.0.0:40000".parse().unwrap());
        assert!(handshake.server && handshake.head.tgid == 812);
        assert_eq!(Handshake::decode(&bytes[..bytes.len() - 1]), None);
        raw.family = 7;
        assert_eq!(Handshake::decode(&raw.to_bytes()), None);
        (raw.family, raw.head.kind) = (6, Kind::Secret as u8);
        assert_eq!(Handshake::decode(&raw.to_bytes()), None);
    }
}

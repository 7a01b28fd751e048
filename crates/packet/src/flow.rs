//! Two ends that talk to each other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What carries a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// Connections with a beginning and an end.
    Tcp,
    /// Datagrams, QUIC among them.
    Udp,
}

impl Protocol {
    /// By its number in an IP header.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            6 => Some(Self::Tcp),
            17 => Some(Self::Udp),
            _ => None,
        }
    }
}

/// An address and a port. IPv4 addresses are kept mapped into IPv6, so that a socket that speaks
/// both and a packet that is one of them agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct End {
    address: u128,
    port: u16,
}

impl End {
    /// An end at an IPv4 address.
    pub fn v4(address: [u8; 4], port: u16) -> Self {
        Self { address: Ipv4Addr::from(address).to_ipv6_mapped().to_bits(), port }
    }

    /// An end at an IPv6 address, which may be a mapped one.
    pub fn v6(address: [u8; 16], port: u16) -> Self {
        Self { address: u128::from_be_bytes(address), port }
    }

    /// The same port at any address: what a socket that is bound to none answers to.
    pub(crate) fn anywhere(self) -> Self {
        Self { address: 0, port: self.port }
    }

    /// Whether the address stands for all of the machine's.
    pub(crate) fn is_anywhere(self) -> bool {
        self.address == 0 || self.address == Self::v4([0; 4], 0).address
    }

    /// Whether the address never leaves its network namespace.
    pub fn is_loopback(self) -> bool {
        self.socket_addr().ip().is_loopback()
    }

    /// The port.
    pub fn port(self) -> u16 {
        self.port
    }

    /// As the standard library has it.
    pub fn socket_addr(self) -> SocketAddr {
        let ip = IpAddr::V6(Ipv6Addr::from_bits(self.address)).to_canonical();
        SocketAddr::new(ip, self.port)
    }
}

/// Two ends and what lies between them, whichever way a packet goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flow {
    protocol: Protocol,
    ends: [End; 2],
}

impl Flow {
    /// The flow between two ends. Also says at which place the first one is kept.
    pub fn between(protocol: Protocol, one: End, other: End) -> (Self, usize) {
        if one <= other {
            (Self { protocol, ends: [one, other] }, 0)
        } else {
            (Self { protocol, ends: [other, one] }, 1)
        }
    }

    /// What carries it.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Whether another flow of the same kind has exactly one end in common with this one.
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        let common = self.ends.iter().filter(|end| other.ends.contains(end)).count();
        self.protocol == other.protocol && common == 1
    }

    /// Both ends, in an order of their own.
    pub fn ends(&self) -> [End; 2] {
        self.ends
    }
}

/// What a packet says of its flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting<'a> {
    /// The flow.
    pub flow: Flow,
    /// Which of its ends sent the packet.
    pub from: usize,
    /// The packet asks for a connection.
    pub opens: bool,
    /// The packet's sender ends its half.
    pub closes: bool,
    /// The packet ends the connection.
    pub resets: bool,
    /// What it carries.
    pub payload: &'a [u8],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_the_same_from_both_ends() {
        let (client, server) = (End::v4([10, 0, 0, 1], 40_000), End::v4([10, 0, 0, 2], 443));
        let (there, from_client) = Flow::between(Protocol::Tcp, client, server);
        let (back, from_server) = Flow::between(Protocol::Tcp, server, client);
        assert_eq!(there, back);
        assert_eq!(there.ends()[from_client], client);
        assert_eq!(back.ends()[from_server], server);
        assert_ne!(there, Flow::between(Protocol::Udp, client, server).0);
    }

    #[test]
    fn mapped_addresses_are_their_ipv4_ones() {
        let mapped = Ipv4Addr::new(127, 0, 0, 1).to_ipv6_mapped().octets();
        assert_eq!(End::v6(mapped, 1), End::v4([127, 0, 0, 1], 1));
        assert!(End::v6(mapped, 1).is_loopback());
        assert!(End::v6(Ipv6Addr::LOCALHOST.octets(), 1).is_loopback());
        assert!(!End::v4([10, 0, 0, 1], 1).is_loopback());
        assert_eq!(End::v6(mapped, 443).socket_addr().to_string(), "127.0.0.1:443");
        for all in [End::v4([0; 4], 9), End::v6([0; 16], 9), End::v4([1; 4], 9).anywhere()] {
            assert!(all.is_anywhere() && all.port() == 9);
        }
    }
}

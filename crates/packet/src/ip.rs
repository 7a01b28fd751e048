//! The ends of a flow in an IP packet's headers (RFC 791, RFC 8200, RFC 9293, RFC 768). Whatever a
//! stranger sends, nothing past the bytes at hand is looked at.

use crate::flow::{End, Flow, Protocol, Sighting};

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// IPv6 headers between the fixed one and the payload.
const EXTENSIONS_MAX: usize = 8;

/// The flow of an IP packet.
pub(crate) fn sight(packet: &[u8]) -> Option<Sighting<'_>> {
    match packet.first()? >> 4 {
        4 => v4(packet),
        6 => v6(packet),
        _ => None,
    }
}

fn v4(packet: &[u8]) -> Option<Sighting<'_>> {
    let header: &[u8; 20] = packet.first_chunk()?;
    let protocol = Protocol::from_number(header[9])?;
    let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x1fff;
    let len = usize::from(header[0] & 0xf) * 4;
    if fragment != 0 || len < header.len() {
        return None;
    }
    let [.., a, b, c, d, e, f, g, h] = *header;
    let whole = u16::from_be_bytes([header[2], header[3]]);
    transport(protocol, trimmed(packet, whole.into()).get(len..)?, |from, to| {
        (End::v4([a, b, c, d], from), End::v4([e, f, g, h], to))
    })
}

fn v6(packet: &[u8]) -> Option<Sighting<'_>> {
    let header: &[u8; 40] = packet.first_chunk()?;
    let (source, target) = (packet.get(8..)?.first_chunk()?, packet.get(24..)?.first_chunk()?);
    let (protocol, payload) = past_extensions(header[6], packet.get(40..)?)?;
    transport(protocol, payload, |from, to| (End::v6(*source, from), End::v6(*target, to)))
}

/// The transport protocol and its header, behind hop-by-hop options, routing, destination options,
/// authentication and a first fragment's header.
fn past_extensions(mut next: u8, mut rest: &[u8]) -> Option<(Protocol, &[u8])> {
    for _ in 0..=EXTENSIONS_MAX {
        if let Some(protocol) = Protocol::from_number(next) {
            return Some((protocol, rest));
        }
        let head: &[u8; 8] = rest.first_chunk()?;
        let len = match next {
            0 | 43 | 60 => (usize::from(head[1]) + 1) * 8,
            51 => (usize::from(head[1]) + 2) * 4,
            44 if u16::from_be_bytes([head[2], head[3]]) & 0xfff8 == 0 => 8,
            _ => return None,
        };
        next = head[0];
        rest = rest.get(len..)?;
    }
    None
}

/// Without what an Ethernet frame is filled up with. A packet that is yet to be cut into segments
/// has no length.
fn trimmed(packet: &[u8], len: usize) -> &[u8] {
    match packet.get(..len) {
        Some(packet) if len > 0 => packet,
        _ => packet,
    }
}

fn transport(
    protocol: Protocol,
    segment: &[u8],
    ends: impl FnOnce(u16, u16) -> (End, End),
) -> Option<Sighting<'_>> {
    let [a, b, c, d] = *segment.first_chunk()?;
    let (from, to) = ends(u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let (flow, from) = Flow::between(protocol, from, to);
    let flags = match protocol {
        Protocol::Tcp => segment.get(13).copied().unwrap_or(0),
        Protocol::Udp => 0,
    };
    let head = match protocol {
        Protocol::Tcp => usize::from(segment.get(12).copied().unwrap_or(0) >> 4) * 4,
        Protocol::Udp => 8,
    };
    Some(Sighting {
        flow,
        from,
        payload: segment.get(head..).unwrap_or_default(),
        opens: flags & (SYN | ACK) == SYN,
        closes: flags & FIN != 0,
        resets: flags & RST != 0,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An IPv4 packet with a TCP header.
    pub(crate) fn tcp4(from: ([u8; 4], u16), to: ([u8; 4], u16), flags: u8) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0];
        packet.extend(from.0);
        packet.extend(to.0);
        packet.extend(from.1.to_be_bytes());
        packet.extend(to.1.to_be_bytes());
        packet.extend([0; 8]);
        packet.extend([0x50, flags]);
        packet.extend([0; 6]);
        packet
    }

    fn v6_with(next: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0, 0, 0, next, 64];
        packet.extend([[0xa; 16], [0xb; 16]].concat());
        packet.extend(rest);
        packet
    }

    const UDP: [u8; 8] = [0x01, 0xbb, 0x9c, 0x40, 0, 8, 0, 0];

    #[test]
    fn ends_and_flags_of_tcp() {
        let (client, server) = (([10, 0, 0, 1], 40_000), ([10, 0, 0, 2], 443));
        let opening = tcp4(client, server, SYN);
        let seen = sight(&opening).unwrap();
        assert_eq!(seen.flow.protocol(), Protocol::Tcp);
        assert_eq!(seen.flow.ends()[seen.from], End::v4(client.0, client.1));
        assert_eq!(seen.flow.ends()[1 - seen.from], End::v4(server.0, server.1));
        assert!(seen.opens && !seen.closes && !seen.resets);
        assert!(!sight(&tcp4(server, client, SYN | ACK)).unwrap().opens);
        assert!(sight(&tcp4(server, client, FIN | ACK)).unwrap().closes);
        assert!(sight(&tcp4(server, client, RST)).unwrap().resets);
    }

    #[test]
    fn options_are_passed_and_later_fragments_are_not() {
        let mut packet = tcp4(([1; 4], 1), ([2; 4], 2), ACK);
        packet[0] = 0x46;
        packet.splice(20..20, [1; 4]);
        assert_eq!(sight(&packet).unwrap().flow.ends(), [End::v4([1; 4], 1), End::v4([2; 4], 2)]);
        packet[7] = 1;
        assert_eq!(sight(&packet), None);
        packet[7] = 0;
        packet[9] = 1;
        assert_eq!(sight(&packet), None);
        packet[9] = 6;
        packet[0] = 0x44;
        assert_eq!(sight(&packet), None);
    }

    #[test]
    fn ipv6_extensions_are_passed() {
        let flow =
            Flow::between(Protocol::Udp, End::v6([0xa; 16], 443), End::v6([0xb; 16], 40_000));
        let plain = v6_with(17, &UDP);
        assert_eq!(sight(&plain).unwrap().flow, flow.0);
        let hop_by_hop = [[60, 0].as_slice(), &[0; 6], &[17, 1], &[0; 14], &UDP].concat();
        assert_eq!(sight(&v6_with(0, &hop_by_hop)).unwrap().flow, flow.0);
        let first = [[17, 0, 0, 1].as_slice(), &[0; 4], &UDP].concat();
        assert_eq!(sight(&v6_with(44, &first)).unwrap().flow, flow.0);
        let later = [[17, 0, 0, 9].as_slice(), &[0; 4], &UDP].concat();
        assert_eq!(sight(&v6_with(44, &later)), None);
        assert_eq!(sight(&v6_with(0, &[0; 8].repeat(40))), None);
    }

    proptest! {
        #[test]
        fn no_packet_is_too_odd(mut bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            sight(&bytes);
            for version in [0x45, 0x60] {
                if let Some(first) = bytes.first_mut() {
                    *first = version;
                }
                sight(&bytes);
            }
        }
    }
}

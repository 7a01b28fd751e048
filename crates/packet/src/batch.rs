//! Takes a batch of datagrams apart. Between programs of one machine, and where the hardware does
//! it, the kernel passes several datagrams on as one (UDP GSO and GRO), which no wire ever saw.

use crate::Packet;
use crate::flow::{Protocol, Sighting};
use crate::quic;

const UDP: usize = 8;
const IPV4: usize = 20;
const IPV6: usize = 40;
const UDP_NUMBER: u8 = 17;

/// Datagrams with their headers in common.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    packet: Packet<'a>,
    /// Where the IP header begins.
    ip_at: usize,
    /// Headers of all layers.
    head: &'a [u8],
    payload: &'a [u8],
    len: usize,
}

impl<'a> Batch<'a> {
    /// The datagrams in a packet; `None` if it is a single one, or was cut, or has headers that
    /// are out of the ordinary. `id_len` is the length of its receiver's connection IDs.
    pub(crate) fn find(
        packet: Packet<'a>,
        seen: &Sighting<'a>,
        id_len: Option<u8>,
    ) -> Option<Self> {
        let payload = seen.payload;
        if seen.flow.protocol() != Protocol::Udp || packet.len as usize != packet.bytes.len() {
            return None;
        }
        let len = quic::datagram_len(payload, id_len)?;
        let head = packet.bytes.strip_suffix(payload)?;
        let v4 = seen.flow.ends()[0].socket_addr().is_ipv4();
        let ip_at = head.len().checked_sub(UDP + if v4 { IPV4 } else { IPV6 })?;
        let plain = match v4 {
            true => head[ip_at] == 0x45 && head[ip_at + 9] == UDP_NUMBER,
            false => head[ip_at] >> 4 == 6 && head[ip_at + 6] == UDP_NUMBER,
        };
        plain.then_some(Self { packet, ip_at, head, payload, len })
    }

    pub(crate) fn datagrams(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.payload.chunks(self.len)
    }

    /// Makes the packet of one datagram in `bytes`, as it would have come by itself.
    pub(crate) fn packet<'b>(
        &self,
        number: u16,
        datagram: &[u8],
        bytes: &'b mut Vec<u8>,
    ) -> Packet<'b> {
        bytes.clear();
        bytes.extend_from_slice(self.head);
        bytes.extend_from_slice(datagram);
        let ip = &mut bytes[self.ip_at..];
        // No longer than the packet that it comes from.
        let udp_len = (UDP + datagram.len()) as u16;
        let (at, addresses) = if ip[0] >> 4 == 4 {
            put(ip, 2, IPV4 as u16 + udp_len);
            put(ip, 4, word(ip, 4).wrapping_add(number));
            put(ip, 10, 0);
            put(ip, 10, !sum(0, &ip[..IPV4]));
            (IPV4, 12..20)
        } else {
            put(ip, 4, udp_len);
            (IPV6, 8..40)
        };
        put(ip, at + 4, udp_len);
        put(ip, at + 6, 0);
        let pseudo = sum(u32::from(UDP_NUMBER) + u32::from(udp_len), &ip[addresses]);
        let checksum = !sum(pseudo.into(), &ip[at..]);
        // 0 would mean that there is none (RFC 768).
        put(ip, at + 6, if checksum == 0 { u16::MAX } else { checksum });
        Packet { time_ns: self.packet.time_ns, len: bytes.len() as u32, bytes }
    }
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn put(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

/// The Internet's checksum (RFC 1071), not inverted, of less than 64 KiB.
fn sum(start: u32, bytes: &[u8]) -> u16 {
    let words =
        bytes.chunks(2).map(|two| u32::from(two[0]) << 8 | u32::from(*two.get(1).unwrap_or(&0)));
    let mut sum = start + words.sum::<u32>();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ip::sight;

    fn datagram(len: usize) -> Vec<u8> {
        let mut bytes = b"\x41receiver".to_vec();
        bytes.extend((bytes.len()..len).map(|at| (at * at * 31 % 251) as u8));
        bytes
    }

    /// From 10.0.0.1:1000 to 10.0.0.2:443, in a frame of Ethernet.
    fn v4(payload: &[u8]) -> Vec<u8> {
        let mut bytes = [[0; 12].as_slice(), &[8, 0]].concat();
        let len = (28 + payload.len()) as u16;
        bytes.extend([0x45, 0, (len >> 8) as u8, len as u8, 0, 7, 0x40, 0, 64, 17, 0, 0]);
        bytes.extend([10, 0, 0, 1, 10, 0, 0, 2, 3, 232, 1, 187, 0, 0, 0, 0]);
        [bytes.as_slice(), payload].concat()
    }

    fn v6(payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x60, 0, 0, 0, 0, 0, 17, 64];
        bytes.extend([[0xa; 16], [0xb; 16]].concat());
        bytes.extend([3, 232, 1, 187, 0, 0, 0, 0]);
        [bytes.as_slice(), payload].concat()
    }

    fn parts(bytes: &[u8], ip_at: usize) -> Vec<Vec<u8>> {
        let packet = Packet { time_ns: 5, len: bytes.len() as u32, bytes };
        let seen = sight(&bytes[ip_at..]).unwrap();
        let Some(batch) = Batch::find(packet, &seen, None) else { return Vec::new() };
        let mut room = Vec::new();
        let each = (0..).zip(batch.datagrams());
        each.map(|(number, datagram)| {
            let packet = batch.packet(number, datagram, &mut room);
            assert_eq!((packet.time_ns, packet.len as usize), (5, packet.bytes.len()));
            packet.bytes.to_vec()
        })
        .collect()
    }

    #[test]
    fn each_datagram_has_headers_of_its_own() {
        let whole = [datagram(1200), datagram(1200), datagram(99)].concat();
        for (bytes, ip_at, head) in [(v4(&whole), 14, 42), (v6(&whole), 0, 48)] {
            let parts = parts(&bytes, ip_at);
            assert_eq!(
                parts.iter().map(Vec::len).collect::<Vec<_>>(),
                [1200, 1200, 99].map(|n| n + head)
            );
            for (number, part) in (0u8..).zip(&parts) {
                let (was, seen) = (sight(&bytes[ip_at..]).unwrap(), sight(&part[ip_at..]).unwrap());
                assert_eq!((seen.flow, seen.from), (was.flow, was.from));
                assert_eq!(seen.payload, datagram(part.len() - head));
                let udp_len = (part.len() - head + 8) as u16;
                assert_eq!(word(part, head - 4), udp_len);
                let addresses = if head == 42 { 26..34 } else { 8..40 };
                let pseudo = sum(17 + u32::from(udp_len), &part[addresses]);
                assert_eq!(sum(pseudo.into(), &part[head - 8..]), 0xffff, "UDP's checksum");
                if head == 42 {
                    assert_eq!(sum(0, &part[14..34]), 0xffff, "IP's checksum");
                    assert_eq!((word(part, 16), part[19]), (udp_len + 20, 7 + number));
                }
            }
        }
    }

    #[test]
    fn what_is_cut_or_out_of_the_ordinary_stays_as_it_is() {
        let whole = [datagram(1200), datagram(1200)].concat();
        let mut options = v4(&whole);
        options[14] = 0x46;
        options.splice(34..34, [1; 4]);
        assert_eq!(parts(&options, 14), Vec::<Vec<u8>>::new());
        assert_eq!(parts(&v4(&datagram(1200)), 14), Vec::<Vec<u8>>::new());
        let bytes = v4(&whole);
        let packet = Packet { time_ns: 0, len: bytes.len() as u32 + 1, bytes: &bytes };
        assert!(Batch::find(packet, &sight(&bytes[14..]).unwrap(), None).is_none());
    }
}

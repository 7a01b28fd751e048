//! One TCP segment in an IP packet (RFC 791, RFC 8200, RFC 9293), with right checksums.

use std::net::{IpAddr, SocketAddr};

/// What a packet carries at most: the plaintext of one TLS record.
pub(super) const PAYLOAD_MAX: usize = 16_384;

pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const PSH: u8 = 0x08;
pub(super) const ACK: u8 = 0x10;

const TCP_HEADER: usize = 20;
const PROTOCOL_TCP: u8 = 6;
const HOPS: u8 = 64;

/// A segment. Both addresses are of one family.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment<'a> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) seq: u32,
    pub(super) ack: u32,
    pub(super) flags: u8,
    /// Not longer than [`PAYLOAD_MAX`].
    pub(super) payload: &'a [u8],
}

impl Segment<'_> {
    /// Writes the packet in place of what `out` holds.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.clear();
        let len = TCP_HEADER + self.payload.len();
        let pseudo = match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                ipv4_header(out, from.octets(), to.octets(), len);
                sum(&[from.octets(), to.octets()].concat())
            }
            (from, to) => {
                let (from, to) = (octets(from), octets(to));
                ipv6_header(out, from, to, len);
                sum(&[from, to].concat())
            }
        };
        let start = out.len();
        self.tcp(out);
        let pseudo = pseudo + u64::from(PROTOCOL_TCP) + len as u64;
        let checksum = fold(pseudo + sum(&out[start..]));
        out[start + 16..start + 18].copy_from_slice(&checksum.to_be_bytes());
    }

    fn tcp(&self, out: &mut Vec<u8>) {
        const WORDS: u8 = (TCP_HEADER / 4) as u8;
        out.extend_from_slice(&self.from.port().to_be_bytes());
        out.extend_from_slice(&self.to.port().to_be_bytes());
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.ack.to_be_bytes());
        out.extend_from_slice(&[WORDS << 4, self.flags]);
        out.extend_from_slice(&u16::MAX.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(self.payload);
    }
}

fn ipv4_header(out: &mut Vec<u8>, from: [u8; 4], to: [u8; 4], len: usize) {
    const HEADER: usize = 20;
    const DO_NOT_FRAGMENT: u8 = 0x40;
    let total = ((HEADER + len) as u16).to_be_bytes();
    out.extend_from_slice(&[0x45, 0, total[0], total[1]]);
    out.extend_from_slice(&[0, 0, DO_NOT_FRAGMENT, 0, HOPS, PROTOCOL_TCP, 0, 0]);
    out.extend_from_slice(&from);
    out.extend_from_slice(&to);
    let checksum = fold(sum(out));
    out[10..12].copy_from_slice(&checksum.to_be_bytes());
}

fn ipv6_header(out: &mut Vec<u8>, from: [u8; 16], to: [u8; 16], len: usize) {
    let len = (len as u16).to_be_bytes();
    out.extend_from_slice(&[0x60, 0, 0, 0, len[0], len[1], PROTOCOL_TCP, HOPS]);
    out.extend_from_slice(&from);
    out.extend_from_slice(&to);
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// The Internet checksum (RFC 1071), before it is folded.
fn sum(bytes: &[u8]) -> u64 {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let pairs: u64 = pairs.iter().map(|pair| u64::from(u16::from_be_bytes(*pair))).sum();
    pairs + rest.first().map_or(0, |last| u64::from(*last) << 8)
}

fn fold(mut sum: u64) -> u16 {
    while sum > u64::from(u16::MAX) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

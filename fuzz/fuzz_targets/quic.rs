//! Any bytes as what clients of QUIC send first: through the headers, the protection of Initial
//! packets, which is put on here, the frames, and the handshake that is made of them.
//!
//! The first byte says what the rest is, and of which version. 0: datagrams. 1: the frames of Initial
//! packets. 2: pieces of a handshake's bytes, each with its place before it. Each has its length
//! before it as 16 bits, of which the first says that it shares its packet with the one before.
//! Nothing may panic, every datagram must be handed over, and a name must stand in what was sent.
#![no_main]
#![forbid(unsafe_code)]

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use aes_gcm::aead::AeadInOut;
use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes_gcm::{Aes128Gcm, Nonce};
use hkdf::Hkdf;
use libfuzzer_sys::fuzz_target;
use packet::{Flows, Key, Limits, Link, Output, Packet, Whose, sight};
use sha2::Sha256;

fuzz_target!(|input: &[u8]| {
    let [kind, input @ ..] = input else { return };
    let client = Client::new(if kind & 0x80 == 0 { &ONE } else { &TWO });
    let (parts, kind) = (parts(input), kind & 3);
    let mut flows = Flows::new(Limits { flows: 4, ..Limits::default() }, false);
    // With more pieces, one may find no room.
    let handshake = (kind > 1 && parts.len() <= 64).then(|| vec![0; KEPT_MAX]);
    let mut out = Written { handshake, ..Written::default() };
    let mut sent = 0;
    for (number, group) in (0..).zip(groups(&parts)) {
        let frames = || group.iter().flat_map(|part| crypto(part)).collect::<Vec<_>>();
        let datagram = match kind {
            0 => group.concat(),
            1 => client.initial(number, &group.concat()),
            _ => client.initial(number, &frames()),
        };
        group.iter().for_each(|part| out.put(part));
        let packet = udp(&datagram);
        let time_ns = u64::from(number);
        let packet = Packet { time_ns, len: packet.len() as u32, bytes: &packet };
        flows.packet(packet, sight(Link::RAW, packet.bytes).as_ref(), &mut out);
        sent += 1;
    }
    flows.finish(&mut out);
    let totals = flows.totals();
    // Datagrams that passed as one packet are several by then.
    assert!(totals.written >= sent && totals.written == out.written);
    assert!(totals.connections <= totals.written);
});

/// Bytes of a handshake that are looked at.
const KEPT_MAX: usize = 16_384;

/// Pieces of the input, and whether each begins a packet.
fn parts(mut input: &[u8]) -> Vec<(bool, &[u8])> {
    let mut parts = Vec::new();
    while let Some((len, rest)) = input.split_first_chunk() {
        let len = u16::from_be_bytes(*len);
        let (part, rest) = rest.split_at(usize::from(len & 0x7fff).min(rest.len()));
        parts.push((len & 0x8000 == 0, part));
        input = rest;
    }
    parts
}

/// Those that share a packet together. It has room for no more.
fn groups<'a>(parts: &[(bool, &'a [u8])]) -> Vec<Vec<&'a [u8]>> {
    let mut all: Vec<Vec<&[u8]>> = Vec::new();
    let mut room = 0;
    for (begins, part) in parts {
        let part = &part[..part.len().min(16_000)];
        let cost = part.len() + 8;
        match all.last_mut().filter(|_| !begins && cost < room) {
            Some(last) => last.push(part),
            None => {
                all.push(vec![part]);
                room = 32_000;
            }
        }
        room -= cost;
    }
    all
}

/// A CRYPTO frame (RFC 9000, section 19.6): its place, then its bytes.
fn crypto(piece: &[u8]) -> Vec<u8> {
    let Some((place, bytes)) = piece.split_first_chunk::<2>() else { return Vec::new() };
    let place = u16::from_be_bytes(*place) & 0x3fff | 0x4000;
    let len = bytes.len() as u16 & 0x3fff | 0x4000;
    [&[6][..], &place.to_be_bytes(), &len.to_be_bytes(), bytes].concat()
}

/// How a version differs from others: RFC 9001, section 5.2; RFC 9369, section 3.
struct Version {
    number: [u8; 4],
    /// With a number of two bytes.
    initial: u8,
    salt: [u8; 20],
    labels: [&'static str; 3],
}

const ONE: Version = Version {
    number: [0, 0, 0, 1],
    initial: 0xc1,
    salt: [
        0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c,
        0xad, 0xcc, 0xbb, 0x7f, 0x0a,
    ],
    labels: ["quic key", "quic iv", "quic hp"],
};
const TWO: Version = Version {
    number: [0x6b, 0x33, 0x43, 0xcf],
    initial: 0xd1,
    salt: [
        0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d,
        0xcb, 0xf9, 0xbd, 0x2e, 0xd9,
    ],
    labels: ["quicv2 key", "quicv2 iv", "quicv2 hp"],
};
const TARGET: [u8; 8] = *b"a target";

/// A client that protects what it sends.
struct Client {
    version: &'static Version,
    packet: Aes128Gcm,
    iv: [u8; 12],
    header: Aes128,
}

impl Client {
    fn new(version: &'static Version) -> Self {
        let initial = Hkdf::<Sha256>::new(Some(&version.salt), &TARGET);
        let client = Hkdf::<Sha256>::from_prk(&expand::<32>(&initial, "client in")).expect("32");
        let [key, iv, hp] = version.labels;
        Self {
            version,
            packet: Aes128Gcm::new(&expand::<16>(&client, key).into()),
            iv: expand(&client, iv),
            header: Aes128::new(&expand::<16>(&client, hp).into()),
        }
    }

    /// An Initial packet (RFC 9000, section 17.2.2) with these frames.
    fn initial(&self, number: u16, frames: &[u8]) -> Vec<u8> {
        const TAG: usize = 16;
        let (number, padding) = (number.to_be_bytes(), 4);
        let len = (number.len() + frames.len() + padding + TAG) as u16;
        let mut packet = vec![self.version.initial];
        packet.extend(self.version.number);
        packet.push(TARGET.len() as u8);
        packet.extend(TARGET);
        // No ID of its own and no token; the length takes four bytes.
        packet.extend([0, 0, 0x80, 0]);
        packet.extend(len.to_be_bytes());
        let at = packet.len();
        packet.extend(number);
        let mut payload = [frames, &vec![0; padding]].concat();
        let mut nonce = self.iv;
        nonce[10] ^= number[0];
        nonce[11] ^= number[1];
        let tag = self
            .packet
            .encrypt_inout_detached(&Nonce::from(nonce), &packet, payload.as_mut_slice().into())
            .expect("a short packet");
        packet.extend(payload);
        packet.extend(tag);
        let mut mask = <[u8; 16]>::try_from(&packet[at + 4..at + 20]).expect("a sample").into();
        self.header.encrypt_block(&mut mask);
        packet[0] ^= mask[0] & 0x0f;
        packet[at] ^= mask[1];
        packet[at + 1] ^= mask[2];
        packet
    }
}

/// HKDF-Expand-Label without a context (RFC 8446, section 7.1).
fn expand<const N: usize>(secret: &Hkdf<Sha256>, label: &str) -> [u8; N] {
    let head = [0, N as u8, label.len() as u8 + 6];
    let mut out = [0; N];
    let info = [&head[..], b"tls13 ", label.as_bytes(), &[0]];
    secret.expand_multi_info(&info, &mut out).expect("less than 255 digests");
    out
}

/// IPv4 without a checksum, and UDP, from a client to its server.
fn udp(payload: &[u8]) -> Vec<u8> {
    let payload = &payload[..payload.len().min(60_000)];
    let len = (8 + payload.len()) as u16;
    let mut bytes = vec![0x45, 0];
    bytes.extend((20 + len).to_be_bytes());
    bytes.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    bytes.extend(40_000u16.to_be_bytes());
    bytes.extend(443u16.to_be_bytes());
    bytes.extend(len.to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(payload);
    bytes
}

#[derive(Default)]
struct Written {
    written: u64,
    /// The handshake's bytes, each where it belongs, if all count.
    handshake: Option<Vec<u8>>,
    /// A name is told again on later pages.
    names: HashSet<String>,
}

impl Written {
    fn put(&mut self, piece: &[u8]) {
        let Some(handshake) = &mut self.handshake else { return };
        let Some((place, bytes)) = piece.split_first_chunk::<2>() else { return };
        let place = usize::from(u16::from_be_bytes(*place) & 0x3fff);
        if let Some(there) = handshake.get_mut(place..place + bytes.len()) {
            there.copy_from_slice(bytes);
        }
    }
}

impl Output for Written {
    fn packet(&mut self, _: Packet<'_>, _: Whose<'_>) {
        self.written += 1;
    }

    fn key(&mut self, _: &Arc<Key>) {
        panic!("a key from nowhere");
    }

    fn name(&mut self, address: IpAddr, name: &str) {
        assert_eq!(address, IpAddr::from([10, 0, 0, 2]));
        assert!(!name.is_empty() && name.len() <= 253, "{name:?}");
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{name:?}");
        let Some(handshake) = &self.handshake else { return };
        if !self.names.contains(name) {
            let mut all = handshake.windows(name.len());
            assert!(all.any(|part| part == name.as_bytes()), "{name:?}");
            self.names.insert(name.to_owned());
        }
    }

    fn page(&self) -> u64 {
        self.written / 3
    }
}

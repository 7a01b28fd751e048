//! Protection of Initial packets (RFC 9001, section 5; RFC 9369, section 3.3): whoever sees the first
//! one can read them, so that nobody has to have seen a key.

use aes_gcm::aead::AeadInOut;
use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes_gcm::{Aes128Gcm, Nonce, Tag};
use hkdf::Hkdf;
use sha2::Sha256;

use super::header::{Long, Version};

/// What a client's Initial packets are protected with.
pub(super) struct Keys {
    version: Version,
    packet: Aes128Gcm,
    iv: [u8; 12],
    header: Aes128,
}

const SALT_1: [u8; 20] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad,
    0xcc, 0xbb, 0x7f, 0x0a,
];
const SALT_2: [u8; 20] = [
    0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb,
    0xf9, 0xbd, 0x2e, 0xd9,
];
const SAMPLE: usize = 16;
const TAG: usize = 16;
const NUMBER_MAX: usize = 4;

impl Keys {
    /// Of the client whose first packet had this connection ID as its target.
    pub(super) fn client(version: Version, target: &[u8]) -> Self {
        let (salt, labels) = match version {
            Version::One => (&SALT_1, ["quic key", "quic iv", "quic hp"]),
            Version::Two => (&SALT_2, ["quicv2 key", "quicv2 iv", "quicv2 hp"]),
        };
        let initial = Hkdf::<Sha256>::new(Some(salt), target);
        let client: [u8; 32] = expand(&initial, "client in");
        let client = Hkdf::<Sha256>::from_prk(&client).expect("as long as the digest");
        let [key, iv, hp] = labels;
        Self {
            version,
            packet: Aes128Gcm::new(&expand::<16>(&client, key).into()),
            iv: expand(&client, iv),
            header: Aes128::new(&expand::<16>(&client, hp).into()),
        }
    }

    /// The frames in a packet; `None` if it is not protected with these keys.
    pub(super) fn open(&self, packet: &Long<'_>) -> Option<Vec<u8>> {
        if packet.version != self.version {
            return None;
        }
        let at = packet.number_at;
        let sample: [u8; SAMPLE] = *packet.bytes.get(at + NUMBER_MAX..)?.first_chunk()?;
        let mut mask = sample.into();
        self.header.encrypt_block(&mut mask);
        let first = packet.bytes.first()? ^ mask[0] & 0x0f;
        let number_len = usize::from(first & 0b11) + 1;
        let mut header = packet.bytes.get(..at + number_len)?.to_vec();
        header[0] = first;
        let mut nonce = self.iv;
        // A client's first numbers are short enough to stand in the packet as they are.
        for i in 0..number_len {
            header[at + i] ^= mask[1 + i];
            nonce[12 - number_len + i] ^= header[at + i];
        }
        let (payload, tag) = packet.bytes.get(at + number_len..)?.split_last_chunk::<TAG>()?;
        let mut frames = payload.to_vec();
        let (nonce, tag) = (Nonce::from(nonce), Tag::from(*tag));
        let opened =
            self.packet.decrypt_inout_detached(&nonce, &header, frames.as_mut_slice().into(), &tag);
        opened.ok().map(|()| frames)
    }
}

/// HKDF-Expand-Label without a context (RFC 8446, section 7.1).
fn expand<const N: usize>(secret: &Hkdf<Sha256>, label: &str) -> [u8; N] {
    let name = label.len() as u8 + 6;
    let parts: [&[u8]; 5] = [&[0, N as u8], &[name], b"tls13 ", label.as_bytes(), &[0]];
    let mut out = [0; N];
    secret.expand_multi_info(&parts, &mut out).expect("less than 255 digests");
    out
}

#[cfg(test)]
mod tests {
    use super::super::header::split;
    use super::*;

    /// The same client in both versions: RFC 9001, appendix A.2, and RFC 9369, appendix A.2.
    const PACKETS: [&[u8]; 2] = [
        include_bytes!("../../tests/quic/rfc9001-a2"),
        include_bytes!("../../tests/quic/rfc9369-a2"),
    ];
    const TARGET: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];

    #[test]
    fn the_examples_of_both_versions() {
        for (bytes, version) in PACKETS.into_iter().zip([Version::One, Version::Two]) {
            let (packet, rest) = split(bytes).unwrap();
            assert!(packet.is_initial && rest.is_empty());
            assert_eq!((packet.version, packet.target), (version, TARGET.as_slice()));
            let frames = Keys::client(version, packet.target).open(&packet).unwrap();
            assert_eq!(frames.len(), 1162);
            assert_eq!(frames[..10], [0x06, 0x00, 0x40, 0xf1, 0x01, 0x00, 0x00, 0xed, 0x03, 0x03]);
        }
    }

    #[test]
    fn what_is_damaged_or_of_another_connection_stays_shut() {
        let mut bytes = PACKETS[0].to_vec();
        let other = Keys::client(Version::One, &[1; 8]);
        assert!(other.open(&split(&bytes).unwrap().0).is_none());
        assert!(Keys::client(Version::Two, &TARGET).open(&split(&bytes).unwrap().0).is_none());
        for at in [0, 18, 19, 600, 1199] {
            bytes[at] ^= 1;
            let keys = Keys::client(Version::One, &TARGET);
            assert!(keys.open(&split(&bytes).unwrap().0).is_none(), "byte {at}");
            bytes[at] ^= 1;
        }
    }
}

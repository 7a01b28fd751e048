//! The labels of the NSS key log format, as text.

use crate::{LABEL, Label};

impl Label {
    /// The label as the format writes it (draft-ietf-tls-keylogfile, section 2), and as every
    /// library that logs keys holds it.
    pub const fn text(self) -> &'static str {
        match self {
            Self::ClientRandom => "CLIENT_RANDOM",
            Self::ClientEarlyTrafficSecret => "CLIENT_EARLY_TRAFFIC_SECRET",
            Self::EarlyExporterSecret => "EARLY_EXPORTER_SECRET",
            Self::ClientHandshakeTrafficSecret => "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
            Self::ServerHandshakeTrafficSecret => "SERVER_HANDSHAKE_TRAFFIC_SECRET",
            Self::ClientTrafficSecret0 => "CLIENT_TRAFFIC_SECRET_0",
            Self::ServerTrafficSecret0 => "SERVER_TRAFFIC_SECRET_0",
            Self::ExporterSecret => "EXPORTER_SECRET",
        }
    }

    /// The text and zeros after it, as the kernel half compares it.
    pub fn padded(self) -> [u8; LABEL] {
        padded(self.text())
    }

    /// The texts that this secret is computed from: the label of TLS 1.3 with its prefix, as a
    /// `HkdfLabel` has it, and without (RFC 8446, section 7.1); those of a master secret
    /// (RFC 5246, section 8.1, and RFC 7627, section 4).
    pub const fn derived_from(self) -> [&'static str; 2] {
        match self {
            Self::ClientRandom => ["master secret", "extended master secret"],
            Self::ClientEarlyTrafficSecret => ["tls13 c e traffic", "c e traffic"],
            Self::EarlyExporterSecret => ["tls13 e exp master", "e exp master"],
            Self::ClientHandshakeTrafficSecret => ["tls13 c hs traffic", "c hs traffic"],
            Self::ServerHandshakeTrafficSecret => ["tls13 s hs traffic", "s hs traffic"],
            Self::ClientTrafficSecret0 => ["tls13 c ap traffic", "c ap traffic"],
            Self::ServerTrafficSecret0 => ["tls13 s ap traffic", "s ap traffic"],
            Self::ExporterSecret => ["tls13 exp master", "exp master"],
        }
    }

    /// The text that something is computed with from this secret, once in every handshake, resumed
    /// ones too: the keys of a connection, from a master secret (RFC 5246, section 6.3).
    pub const fn used_with(self) -> Option<&'static str> {
        match self {
            Self::ClientRandom => Some("key expansion"),
            _ => None,
        }
    }

    /// Whether a secret under this label may have so many bytes: a master secret has 48
    /// (RFC 5246, section 8.1), a traffic secret as many as the hash of its cipher suite, SHA-256
    /// or SHA-384 (RFC 8446, sections 7.1 and B.4).
    pub const fn allows(self, bytes: usize) -> bool {
        match self {
            Self::ClientRandom => bytes == 48,
            _ => bytes == 32 || bytes == 48,
        }
    }
}

/// A text and zeros after it, as the kernel half compares it. Longer ones are cut.
pub fn padded(text: &str) -> [u8; LABEL] {
    let mut padded = [0; LABEL];
    for (to, from) in padded.iter_mut().zip(text.bytes().take(LABEL - 1)) {
        *to = from;
    }
    padded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_has_room_and_a_zero_after_it() {
        for label in Label::ALL {
            assert_eq!(label.padded().last(), Some(&0));
            assert!(label.padded().starts_with(label.text().as_bytes()));
            for text in label.derived_from().into_iter().chain(label.used_with()) {
                assert!(padded(text).starts_with(text.as_bytes()) && text.len() < LABEL);
            }
        }
    }
}

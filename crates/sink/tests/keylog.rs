//! Lines of a key log.

use abi::{Head, Kind, Label, SecretSource};
use secret::Secret;

fn secret(label: Label, len: u8) -> Result<Secret, secret::DecodeError> {
    let raw = abi::Secret {
        head: Head { kind: Kind::Secret as u8, ..Head::default() },
        client_random: std::array::from_fn(|n| n as u8),
        secret: std::array::from_fn(|n| 0xff - n as u8),
        label: label as u8,
        secret_len: len,
        source: SecretSource::Logged as u8,
        ..abi::Secret::default()
    };
    Secret::decode(&raw.to_bytes())
}

#[test]
fn a_line_is_what_wireshark_reads() {
    let mut out = Vec::new();
    sink::keylog::line(&mut out, &secret(Label::ServerHandshakeTrafficSecret, 32).unwrap());
    sink::keylog::line(&mut out, &secret(Label::ClientRandom, 48).unwrap());
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "SERVER_HANDSHAKE_TRAFFIC_SECRET \
         000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f \
         fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0efeeedecebeae9e8e7e6e5e4e3e2e1e0\n\
         CLIENT_RANDOM 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f \
         fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0efeeedecebeae9e8e7e6e5e4e3e2e1e0\
         dfdedddcdbdad9d8d7d6d5d4d3d2d1d0\n"
    );
}

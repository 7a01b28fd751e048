//! Records, whole and broken.

use abi::{Head, Kind};
use proptest::prelude::*;
use secret::{DecodeError, Label, Secret, Source};

fn whole() -> abi::Secret {
    abi::Secret {
        head: Head { kind: Kind::Secret as u8, tgid: 7, ..Head::default() },
        client_random: [3; 32],
        secret: [5; 48],
        local: *b"\x7f\0\0\x01xxxxxxxxxxxx",
        remote: *b"\x0a\0\0\x02xxxxxxxxxxxx",
        local_port: 443,
        remote_port: 50_000,
        family: 4,
        protocol: 6,
        label: Label::ClientTrafficSecret0 as u8,
        secret_len: 32,
        source: Source::Logged as u8,
        ..abi::Secret::default()
    }
}

fn decode(raw: &abi::Secret) -> Result<Secret, DecodeError> {
    Secret::decode(&raw.to_bytes())
}

#[test]
fn a_key_is_read_with_its_socket() {
    let secret = decode(&whole()).unwrap();
    assert_eq!(secret.bytes(), [5; 32]);
    assert_eq!((secret.label, secret.client_random), (Label::ClientTrafficSecret0, [3; 32]));
    let socket = secret.socket.unwrap();
    assert_eq!(socket.local, "127.0.0.1:443".parse().unwrap());
    assert_eq!(socket.remote, "10.0.0.2:50000".parse().unwrap());
    assert_eq!(decode(&abi::Secret { family: 0, ..whole() }).unwrap().socket, None);
    let mapped = *b"\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\x02";
    let six = decode(&abi::Secret { family: 6, remote: mapped, ..whole() }).unwrap();
    assert_eq!(six.socket.unwrap().remote, "10.0.0.2:50000".parse().unwrap());
}

#[test]
fn what_no_key_can_be_is_refused() {
    let tls12 = abi::Secret { label: Label::ClientRandom as u8, ..whole() };
    let length = DecodeError::Length { label: Label::ClientRandom, len: 32 };
    assert_eq!(decode(&tls12), Err(length));
    decode(&abi::Secret { secret_len: 48, ..tls12 }).unwrap();
    for (wrong, why) in [
        (
            abi::Secret { secret_len: 200, ..whole() },
            DecodeError::Length { label: Label::ClientTrafficSecret0, len: 200 },
        ),
        (abi::Secret { label: 0, ..whole() }, DecodeError::Label(0)),
        (abi::Secret { label: 99, ..whole() }, DecodeError::Label(99)),
        (abi::Secret { source: 0, ..whole() }, DecodeError::Source(0)),
        (abi::Secret { family: 5, ..whole() }, DecodeError::Family(5)),
        (
            abi::Secret { secret: [0; 48], ..whole() },
            DecodeError::Empty(Label::ClientTrafficSecret0),
        ),
        (
            abi::Secret { client_random: [0; 32], ..whole() },
            DecodeError::Empty(Label::ClientTrafficSecret0),
        ),
        (abi::Secret { head: Head::default(), ..whole() }, DecodeError::Kind(0)),
    ] {
        assert_eq!(decode(&wrong), Err(why));
    }
}

#[test]
fn a_record_that_ends_early_is_refused_at_every_byte() {
    let record = whole().to_bytes();
    for end in 0..record.len() {
        assert_eq!(Secret::decode(&record[..end]), Err(DecodeError::Short(end)));
    }
}

#[test]
fn a_key_is_not_shown_to_who_debugs() {
    let shown = format!("{:?}", decode(&abi::Secret { secret: [0xab; 48], ..whole() }).unwrap());
    assert!(!shown.contains("171, 171"), "{shown}");
}

proptest! {
    #[test]
    fn any_bytes_are_a_key_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(secret) = Secret::decode(&bytes) {
            prop_assert!(secret.label.allows(secret.bytes().len()));
        }
    }
}

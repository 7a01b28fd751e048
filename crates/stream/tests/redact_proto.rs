//! Secrets in described messages of Protocol Buffers: masked by their fields' names, lengths kept.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod said;

use std::path::Path;

use proptest::prelude::*;
use said::{Said, conn, line, message};
use stream::message::{Body, Hole, Messages as _, Rpc, What};
use stream::protobuf::{DescriptorError, Descriptors, is_whole};
use stream::redact::{Names, Redaction, Show};

/// `tests/programs/proto/shop.proto`, as protoc describes it.
fn set() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/programs/proto/shop.pb");
    std::fs::read(path).unwrap()
}

/// A body's shown bytes, and how many stood there before if any was masked.
type Shown = (Vec<u8>, Option<u64>);

fn masked(payload: Body<'_>, show: Show) -> Shown {
    let mut descriptors = Descriptors::default();
    descriptors.add(&set()).unwrap();
    let mut redaction = Redaction::new(Some(Names::default()), show).describing(descriptors);
    let mut said = Said::default();
    let rpc = What::Rpc(Rpc { number: 1, answer: false, payload });
    let request = line("POST", "h", "/shop.Orders/Place");
    redaction.onto(&mut said).message(&conn(1), &message(1, request, rpc));
    let What::Rpc(rpc) = said.messages[0].message().what else { panic!("a message") };
    (rpc.payload.bytes.to_vec(), rpc.payload.masked)
}

fn body(bytes: &[u8]) -> Body<'_> {
    Body { bytes, len: bytes.len() as u64, wire_len: bytes.len() as u64, ..Body::default() }
}

#[track_caller]
fn assert_masked(bytes: &[u8], expected: &[u8]) {
    assert_eq!(bytes.len(), expected.len());
    let (shown, before) = masked(body(bytes), Show::All);
    assert_eq!(shown, expected, "{:?}", String::from_utf8_lossy(&shown));
    assert_eq!(before, (bytes != expected).then_some(bytes.len() as u64));
}

#[test]
fn by_name() {
    // Order 5 of ann, its password and its secret number, 300.
    assert_masked(
        b"\x08\x05\x12\x03ann\x6a\x07hunter2\x78\xac\x02",
        b"\x08\x05\x12\x03ann\x6a\x07*******\x78\x80\x00",
    );
    // Labels by their keys.
    assert_masked(
        b"\x2a\x0b\x0a\x05token\x12\x02ab\x2a\x0b\x0a\x05color\x12\x02ab",
        b"\x2a\x0b\x0a\x05token\x12\x02**\x2a\x0b\x0a\x05color\x12\x02ab",
    );
    // Text that tells of its secrets by itself.
    assert_masked(b"\x12\x0bpassword=hi", b"\x12\x0bpassword=**");
    assert_masked(b"\x22\x0d\x0a\x0bpassword=hi", b"\x22\x0d\x0a\x0bpassword=**");
    assert_masked(b"\x08\x05\x12\x03ann", b"\x08\x05\x12\x03ann");
}

#[test]
fn in_parts() {
    let cut = Body { len: 500, ..body(b"\x08\x05\x6a\x80\x03hunter2") };
    assert_eq!(masked(cut, Show::All).0, b"\x08\x05\x6a\x80\x03*******");
    let holes = [Hole { at: 2, len: Some(4) }];
    let holed = Body { holes: &holes, ..body(b"\x08\x05nter2") };
    assert_eq!(masked(holed, Show::All).0, b"", "which field the bytes belong to is not known");
    assert_eq!(masked(body(b"\x08\x05"), Show::Headers).0, b"");
}

#[test]
fn sets_that_are_none() {
    let add = |bytes: &[u8]| Descriptors::default().add(bytes).unwrap_err();
    for bytes in [&b""[..], b"syntax = \"proto3\";", &set()[1..]] {
        assert!(matches!(add(bytes), DescriptorError::NoSet), "{bytes:?}");
    }
    // The second file alone: `shop.proto`, which imports the first.
    let set = set();
    let second = 2
        + usize::from(set[1] & 0x7f)
        + if set[1] & 0x80 == 0 { 0 } else { 1 + (usize::from(set[2]) << 7) };
    assert!(matches!(add(&set[second..]), DescriptorError::Import(_)));
    let mut twice = Descriptors::default();
    twice.add(&set).unwrap();
    twice.add(&set).unwrap();
    assert_eq!(twice.services(), 1);
}

proptest! {
    #[test]
    fn lengths_stay(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (shown, _) = masked(body(&bytes), Show::All);
        prop_assert_eq!(shown.len(), bytes.len());
        prop_assert!(!is_whole(&bytes) || is_whole(&shown), "{:?} became {:?}", bytes, shown);
    }
}

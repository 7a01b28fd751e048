//! Frames found, and other bytes left alone.

use super::*;

/// `:method: GET`, `:scheme: https`, `:path: /` and an authority that is not known.
const GET: &[u8] = &[0, 0, 4, 1, 5, 0, 0, 0, 3, 0x82, 0x87, 0x84, 0xbe];

#[test]
fn a_request_alone_is_seen() {
    assert_eq!(find(GET), Sync::At(0));
}

#[test]
fn frames_after_the_rest_of_another_are_found() {
    for before in [&b"the end of a body"[..], &[0; 40], &[0xff; 9], &[]] {
        let window = [0, 0, 4, 8, 0, 0, 0, 0, 3, 0, 1, 0, 0];
        let bytes = [before, &window, GET].concat();
        assert_eq!(find(&bytes), Sync::At(before.len()));
    }
}

#[test]
fn the_end_of_a_frame_is_no_frame() {
    let window = [0, 0, 4, 8, 0, 0, 0, 0, 3, 0, 0, 0x61, 0x73];
    let bytes = [&window[4..], GET].concat();
    assert_eq!(find(&bytes), Sync::At(9));
}

#[test]
fn what_is_not_whole_is_waited_for() {
    for len in 1..GET.len() {
        assert_eq!(find(&GET[..len]), Sync::Perhaps(0), "{len}");
    }
    let data = [0, 0x40, 0, 0, 0, 0, 0, 0, 5, b'x'];
    assert_eq!(find(&data), Sync::Perhaps(0));
}

#[test]
fn other_bytes_are_none() {
    let text = b"It was a bright cold day in April, and the clocks were striking thirteen.";
    assert_eq!(find(text), Sync::Perhaps(text.len()));
    assert!(matches!(find(&[0; 4_096]), Sync::Perhaps(_)));
    let counted: Vec<u8> = (0u32..5_000).flat_map(|n| n.to_be_bytes()).collect();
    assert!(matches!(find(&counted), Sync::Perhaps(_)));
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    assert!(matches!(find(hello), Sync::Perhaps(1..)));
}

/// A frame on this stream without a payload, or with one of zeros.
fn plain(kind: u8, len: u8, stream: u8) -> Vec<u8> {
    [&[0, 0, len, kind, 0, 0, 0, 0, stream][..], &vec![0; len.into()]].concat()
}

#[test]
fn a_chain_has_16_frames() {
    // A strong one, those that count nothing, and another strong one that proves them.
    let chain_of = |frames: u8| {
        let mut bytes = plain(2, 5, 1);
        (0..frames - 2).for_each(|nth| bytes.extend(plain(0, 0, 3 + 2 * (nth % 2))));
        bytes.extend(plain(6, 8, 0));
        bytes.extend(plain(6, 8, 0));
        chain(&bytes)
    };
    assert_eq!(limits::CHAIN, 16);
    // Whether it is proved is asked at the head of the one after it.
    assert_eq!((chain_of(15), chain_of(16)), (Chain::Sure, Chain::No));
}

#[test]
fn of_a_block_4_kib_are_looked_at() {
    let found = |at: usize| {
        let mut block = vec![0x82, 0x87, 0x84];
        // `n: v`, over and over, and an index that is none.
        while block.len() + 5 < at {
            block.extend([0x10, 1, b'n', 1, b'v']);
        }
        block.resize(at, 0x90);
        block.push(0x80);
        let [_, _, high, low] = (block.len() as u32).to_be_bytes();
        find(&[&[0, high, low, 1, 5, 0, 0, 0, 3][..], &block].concat())
    };
    assert_eq!(limits::CHAIN_BLOCK, 4_096);
    assert_eq!(found(4_096), Sync::At(0));
    assert_ne!(found(4_095), Sync::At(0));
}

//! Any bytes as gRPC's messages on a stream of HTTP/2, beside a plain reader of their prefixes.
//!
//! The first byte of an input says how they are compressed. The bytes come in `DATA` frames and in
//! calls of any length.
#![no_main]
#![forbid(unsafe_code)]

use ecapture_fuzz::{OPTIONS, lens};
use libfuzzer_sys::fuzz_target;
use stream::Dir;
use stream::message::{By, Flaw, Flaws, Message, What};
use stream::proto::http2::Http2;
use stream::proto::{Chunk, Dialogue, End, Start};

const CODINGS: [&[u8]; 4] = [b"", b"gzip", b"deflate", b"identity"];
/// One body, its decompressor and the room around.
const MOST: usize = 512 << 10;

/// What was told: messages as number, bytes on the wire and whether they are whole, and loose bytes.
#[derive(Debug, Default, PartialEq)]
struct Told {
    rpcs: Vec<(u64, u64, bool)>,
    plain: Vec<Option<Vec<u8>>>,
    loose: Vec<u8>,
    wire: u64,
}

fuzz_target!(|input: &[u8]| {
    let Some((&how, input)) = input.split_first() else { return };
    let coding = CODINGS[usize::from(how) % CODINGS.len()];
    let lens = lens(input);
    let told = told(input, coding, &[16_384], &[usize::MAX]);
    assert_eq!(told, self::told(input, coding, &[lens[1], lens[0]], &lens));
    is_right(&told, input);
});

/// Reads the prefixes again.
fn is_right(told: &Told, input: &[u8]) {
    let (mut rest, mut rpcs) = (input, Vec::new());
    let mut number = 0;
    let mut loose = Vec::new();
    while let Some((&[flag, a, b, c, d], after)) = rest.split_first_chunk() {
        if flag > 1 {
            loose = rest.to_vec();
            rest = &[];
            break;
        }
        let len = u64::from(u32::from_be_bytes([a, b, c, d]));
        let taken = len.min(after.len() as u64);
        number += 1;
        rpcs.push((number, taken, taken == len));
        if let Some(Some(plain)) = told.plain.get(rpcs.len() - 1) {
            let plain_len = after.len().min(taken as usize).min(OPTIONS.max_body);
            assert_eq!(plain.as_slice(), &after[..plain_len]);
        }
        rest = &after[taken as usize..];
    }
    if !rest.is_empty() {
        rpcs.push((number + 1, 0, false));
    }
    assert_eq!((&told.rpcs, &told.loose), (&rpcs, &loose));
}

fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = (payload.len() as u32).to_be_bytes();
    [&[a, b, c, kind, flags, 0, 0, 0, 1][..], payload].concat()
}

/// A field that is added to no table.
fn field(name: &[u8], value: &[u8]) -> Vec<u8> {
    [&[0x10, name.len() as u8][..], name, &[value.len() as u8], value].concat()
}

fn told(input: &[u8], coding: &[u8], frames: &[usize], calls: &[usize]) -> Told {
    let block = [
        &[0x83, 0x86, 0x84][..],
        &field(b"content-type", b"application/grpc"),
        &field(b"grpc-encoding", coding),
    ]
    .concat();
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    bytes.extend(frame(1, 4, &block));
    let mut rest = input;
    for len in frames.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (part, after) = rest.split_at((*len).min(rest.len()));
        bytes.extend(frame(0, 0, part));
        rest = after;
    }
    let mut http2 = Http2::new(Start { options: OPTIONS, ..Start::default() });
    let mut told = Told::default();
    let (mut rest, mut pos) = (bytes.as_slice(), 0);
    for len in calls.iter().cycle() {
        let (part, after) = rest.split_at((*len).min(rest.len()));
        let chunk = Chunk { time: 1, by: By::default(), dir: Dir::Write, pos, bytes: part };
        http2.data(&chunk, &mut |message| told.message(message));
        assert!(http2.held() < MOST);
        pos += part.len() as u64;
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    http2.end(End { time: 1, closed: true, flaw: Flaw::Cut }, &mut |m| told.message(m));
    assert_eq!(told.wire + http2.overhead()[Dir::Write as usize], pos, "{told:?}");
    // How many frames there were differs, and all else must not.
    told.wire = 0;
    told
}

impl Told {
    fn message(&mut self, message: &Message<'_>) {
        self.wire += message.wire.len;
        match message.what {
            What::Rpc(rpc) => {
                let whole = message.flaws == Flaws::NONE;
                self.rpcs.push((rpc.number, rpc.payload.wire_len, whole));
                let plain = rpc.payload.coding.is_empty();
                self.plain.push(plain.then(|| rpc.payload.bytes.to_vec()));
            }
            What::Loose(bytes) => self.loose.extend_from_slice(bytes),
            _ => {}
        }
    }
}

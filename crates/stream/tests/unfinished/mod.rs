//! What connections may leave unfinished.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, reason = "only tests call this")]

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use stream::Dir;

use crate::frames::{
    END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, added, block, data, frame, get, headers,
};

/// Bytes in the order in which they move.
pub type Moves = Vec<(Dir, Vec<u8>)>;

/// What one call moves at most.
const CALL: usize = 16 << 10;

fn calls(dir: Dir, bytes: &[u8]) -> impl Iterator<Item = (Dir, Vec<u8>)> + use<'_> {
    bytes.chunks(CALL).map(move |call| (dir, call.to_vec()))
}

pub fn head() -> Moves {
    let head = [b"GET / HTTP/1.1\r\nCookie: ".as_slice(), &[b'x'; 2_000]].concat();
    vec![(Dir::Write, head)]
}

pub fn body() -> Moves {
    let start = b"POST / HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n";
    vec![(Dir::Write, [start.as_slice(), &[0; 2_000]].concat())]
}

/// Requests of 250 bytes, and no response.
pub fn requests(count: usize) -> Moves {
    let request = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(220));
    vec![(Dir::Write, request.into_bytes()); count]
}

pub fn long_body() -> Moves {
    let start = b"POST / HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n";
    let mut moves = vec![(Dir::Write, start.to_vec())];
    moves.extend(calls(Dir::Write, &vec![b'x'; 3 << 20]));
    moves
}

/// A request and its response whose bodies come in turns.
pub fn both_ways() -> Moves {
    let start = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut moves = vec![(Dir::Write, start.to_vec()), (Dir::Read, answer.to_vec())];
    let chunk = [b"3e80\r\n".as_slice(), &[b'x'; 0x3e80], b"\r\n"].concat();
    for _ in 0..200 {
        moves.extend([(Dir::Write, chunk.clone()), (Dir::Read, chunk.clone())]);
    }
    moves
}

pub fn long_heads() -> Moves {
    let request = [b"GET / HTTP/1.1\r\nCookie: ".as_slice(), &vec![b'x'; 300 << 10]].concat();
    let answer = [b"HTTP/1.1 200 OK\r\nServer: ".as_slice(), &vec![b'x'; 300 << 10]].concat();
    let (request, answer) = (calls(Dir::Write, &request), calls(Dir::Read, &answer));
    request.zip(answer).flat_map(|(request, answer)| [request, answer]).collect()
}

/// A stream of events that consists of this, over and over.
pub fn events(part: &[u8]) -> Moves {
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    let mut moves = vec![(Dir::Read, head.to_vec())];
    moves.extend(calls(Dir::Read, &[b"data: ", &part.repeat((3 << 20) / part.len())[..]].concat()));
    moves
}

fn begun() -> Moves {
    let settings = frame(SETTINGS, 0, 0, &[]);
    vec![(Dir::Write, [PREFACE, &settings].concat()), (Dir::Read, settings)]
}

/// Half of a block, in a frame that is whole.
pub fn header_block() -> Moves {
    let mut moves = begun();
    moves.push((Dir::Write, frame(HEADERS, END_STREAM, 1, &[0x10; 1_500])));
    moves
}

/// Requests whose responses do not come.
pub fn streams(count: u32) -> Moves {
    let mut moves = begun();
    let value = "v".repeat(120);
    let fields = [&get("/")[..], &[("one", &value[..]), ("other", &value)]].concat();
    moves.extend((0..count).map(|nth| (Dir::Write, headers(2 * nth + 1, &fields))));
    moves
}

pub fn stream_bodies() -> Moves {
    let mut moves = streams(200);
    let bytes = vec![b'x'; 12_000];
    moves.extend((0..400).map(|nth| (Dir::Write, data(2 * (nth % 200) + 1, &bytes))));
    moves
}

/// Requests whose fields are all added to the table, of so many bytes in all, in both directions,
/// after the encoder allowed itself the largest one.
pub fn tables(bytes: usize) -> Moves {
    let mut moves = begun();
    let value = "v".repeat(100);
    let fields: Vec<u8> = (0..10).flat_map(|nth| added(&format!("name{nth}"), &value)).collect();
    // A table of 64 KiB (RFC 7541, section 6.3).
    let update = [0x3f, 0xe1, 0xff, 0x03];
    let asked = [&update[..], &block(&get("/")), &fields].concat();
    let answered = [&update[..], &block(&[(":status", "200")]), &fields].concat();
    for nth in 0..(bytes as u32 / 1_000).max(1) {
        let stream = 2 * nth + 1;
        moves.push((Dir::Write, frame(HEADERS, END_HEADERS | END_STREAM, stream, &asked)));
        moves.push((Dir::Read, frame(HEADERS, END_HEADERS, stream, &answered)));
    }
    moves
}

/// Calls whose messages come in turns and do not end.
pub fn rpcs() -> Moves {
    let mut moves = begun();
    let fields = [&get("/")[..], &[("content-type", "application/grpc")]].concat();
    for stream in [1, 3, 5] {
        moves.push((Dir::Write, headers(stream, &fields)));
        moves.push((Dir::Write, data(stream, &[0, 0, 0x40, 0, 0])));
    }
    for _ in 0..100 {
        moves.extend([1, 3, 5].map(|stream| (Dir::Write, data(stream, &[b'x'; 12_000]))));
    }
    moves
}

/// An upgrade, and fragments of compressed messages both ways.
pub fn websocket(bytes: usize) -> Moves {
    let asked = b"GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\n\r\n";
    let agreed = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    let mut moves = vec![(Dir::Write, asked.to_vec()), (Dir::Read, agreed.to_vec())];
    let random = noise(bytes);
    let mut deflate = flate2::Compress::new(Compression::fast(), false);
    let mut first = true;
    for part in random.chunks(8_000) {
        let mut packed = Vec::with_capacity(part.len() + 1_000);
        deflate.compress_vec(part, &mut packed, flate2::FlushCompress::Sync).unwrap();
        let opcode = if std::mem::take(&mut first) { 0x42 } else { 0 };
        let len = (packed.len() as u16).to_be_bytes();
        moves.push((Dir::Write, [&[opcode, 0xfe][..], &len, &[0; 4], &packed].concat()));
        moves.push((Dir::Read, [&[opcode, 0x7e][..], &len, &packed].concat()));
    }
    moves
}

/// A body in this coding that decodes to so many bytes and does not end, of which the first
/// `random` do not shrink.
pub fn coded(coding: &str, len: usize, random: usize) -> Moves {
    let mut plain = noise(random);
    plain.resize(len.max(random), b'x');
    let mut packed = Vec::new();
    match coding {
        "gzip" => GzEncoder::new(&mut packed, Compression::fast()).write_all(&plain).unwrap(),
        "deflate" => ZlibEncoder::new(&mut packed, Compression::fast()).write_all(&plain).unwrap(),
        "br" => {
            brotli::CompressorWriter::new(&mut packed, 4_096, 1, 24).write_all(&plain).unwrap();
        }
        _ => {
            let level = ruzstd::encoding::CompressionLevel::Fastest;
            packed = ruzstd::encoding::compress_to_vec(&plain[..], level);
        }
    }
    packed.truncate(packed.len() - 1);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n\r\n");
    let mut moves = vec![(Dir::Read, head.into_bytes())];
    moves.extend(calls(Dir::Read, &packed));
    moves
}

/// Bytes without a pattern (SplitMix64).
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut word = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z ^ (z >> 29)
    };
    (0..len.div_ceil(8)).flat_map(|_| word().to_le_bytes()).take(len).collect()
}

//! Any bytes as a body in one coding or several, and any bytes coded and decoded again.
//!
//! The first byte of an input chooses the codings.
#![no_main]
#![forbid(unsafe_code)]

use std::io::{Read as _, Write as _};

use ecapture_fuzz::{OPTIONS, lens};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use libfuzzer_sys::fuzz_target;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use stream::message::Problem;
use stream::proto::body::Builder;

const CODINGS: [&[&str]; 8] = [
    &["gzip"],
    &["deflate"],
    &["br"],
    &["zstd"],
    &["gzip", "br"],
    &["zstd", "deflate"],
    &["br", "gzip", "zstd", "deflate"],
    &[],
];
/// Bytes of a body that may grow, and the windows that are written to by then.
const MOST: usize = 40 << 20;
/// As the limits have it: no more than this, and a bit, comes of a bomb.
const BOMB: u64 = 16 << 20;
const BOMB_RATIO: u64 = 200;

fuzz_target!(|input: &[u8]| {
    let Some((&how, input)) = input.split_first() else { return };
    let codings = CODINGS[usize::from(how) % CODINGS.len()];
    let lens = lens(input);
    if how & 0x80 == 0 {
        let built = build(codings, input, &[usize::MAX]);
        is_same(&built, &build(codings, input, &lens));
        if let ([coding], None) = (codings, built.problem) {
            agrees(coding, input, &built.tapped);
        }
        return;
    }
    let coded = codings.iter().fold(input.to_vec(), |bytes, coding| encode(coding, how, &bytes));
    let built = build(codings, &coded, &lens);
    assert_eq!((built.problem, built.tapped.as_slice()), (None, input));
});

#[derive(Debug, PartialEq)]
struct Built {
    bytes: Vec<u8>,
    len: u64,
    problem: Option<Problem>,
    tapped: Vec<u8>,
}

fn build(codings: &[&str], bytes: &[u8], lens: &[usize]) -> Built {
    let mut builder = Builder::default();
    builder.begin(codings.iter().map(|coding| coding.as_bytes()), &OPTIONS);
    let (mut tapped, mut rest) = (Vec::new(), bytes);
    for len in lens.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((*len).min(rest.len()));
        builder.push(piece, |bytes| tapped.extend_from_slice(bytes));
        let held = builder.holding().all();
        assert!(held < MOST, "{held} bytes are held");
        rest = after;
    }
    builder.end(true);
    let body = builder.body();
    assert_eq!(body.wire_len, bytes.len() as u64);
    assert_eq!(body.len, tapped.len() as u64);
    let shown = tapped.len().min(OPTIONS.max_body);
    assert!(body.bytes == &tapped[..shown]);
    let most = BOMB.max(bytes.len() as u64 * BOMB_RATIO);
    assert!(body.len <= most + (128 << 10), "{} bytes of {}", body.len, bytes.len());
    Built { bytes: body.bytes.to_vec(), len: body.len, problem: body.problem, tapped }
}

/// Where it breaks, a decoder may give what came before or keep it, by where calls end.
fn is_same(one: &Built, other: &Built) {
    assert_eq!(one.problem, other.problem);
    if one.problem.is_none() || one.problem == Some(Problem::UnknownCoding) {
        assert_eq!(one, other);
    }
    let common = one.tapped.len().min(other.tapped.len());
    assert!(one.tapped[..common] == other.tapped[..common]);
}

fn encode(coding: &str, how: u8, bytes: &[u8]) -> Vec<u8> {
    let level = Compression::new(u32::from(how >> 3 & 7));
    let mut out = Vec::new();
    match coding {
        "gzip" => GzEncoder::new(&mut out, level).write_all(bytes).expect("memory"),
        "deflate" if how & 0x40 == 0 => {
            ZlibEncoder::new(&mut out, level).write_all(bytes).expect("memory");
        }
        "deflate" => DeflateEncoder::new(&mut out, level).write_all(bytes).expect("memory"),
        "br" => {
            brotli::CompressorWriter::new(&mut out, 4_096, 2, 18).write_all(bytes).expect("memory")
        }
        _ => out = compress_to_vec(bytes, CompressionLevel::Fastest),
    }
    out
}

/// Another way through the decoders finds the same.
fn agrees(coding: &str, coded: &[u8], decoded: &[u8]) {
    let mut other = Vec::new();
    let read = match coding {
        "gzip" => flate2::read::MultiGzDecoder::new(coded).read_to_end(&mut other),
        "br" => brotli::Decompressor::new(coded, 4_096).read_to_end(&mut other),
        _ => return,
    };
    // What stands behind the end is passed over here, and an error there.
    if read.is_ok() {
        assert!(other == decoded, "{} and {} bytes", other.len(), decoded.len());
    }
}

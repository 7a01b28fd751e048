//! How fast codings are taken off: `cargo bench -p ecapture-stream --bench body`. Bytes are counted
//! as they come out.

use std::io::Write as _;

use divan::Bencher;
use divan::counter::BytesCount;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use stream::proto::Options;
use stream::proto::body::Builder;

/// Bytes of a body.
const LEN: usize = 4 << 20;
const CODINGS: [&str; 4] = ["gzip", "deflate", "br", "zstd"];

fn main() {
    divan::main();
}

/// Words at random, as text has them: it shrinks to about a third.
fn text() -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "the ",
        "of ",
        "stream ",
        "response ",
        "\"id\": ",
        "0x7f3a, ",
        "connection ",
        "<div ",
        "class=",
        "value, ",
        "returns ",
        "a ",
        "\n",
        "2026-11-25 ",
        "and ",
        "bytes ",
    ];
    let (mut text, mut state) = (Vec::with_capacity(LEN + 16), 1u64);
    while text.len() < LEN {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.extend_from_slice(WORDS[(state >> 60) as usize].as_bytes());
        text.extend_from_slice(&(state >> 48).to_string().as_bytes()[..(state >> 56 & 3) as usize]);
    }
    text.truncate(LEN);
    text
}

fn coded(coding: &str) -> Vec<u8> {
    let (text, mut out) = (text(), Vec::new());
    match coding {
        "gzip" => {
            GzEncoder::new(&mut out, Compression::default()).write_all(&text).expect("memory")
        }
        "deflate" => {
            ZlibEncoder::new(&mut out, Compression::default()).write_all(&text).expect("memory");
        }
        "br" => {
            brotli::CompressorWriter::new(&mut out, 4_096, 5, 22).write_all(&text).expect("memory")
        }
        _ => {
            let level = ruzstd::encoding::CompressionLevel::Fastest;
            out = ruzstd::encoding::compress_to_vec(&text[..], level);
        }
    }
    out
}

#[divan::bench(args = CODINGS)]
fn decoded(bencher: Bencher<'_, '_>, coding: &str) {
    let coded = coded(coding);
    bencher.counter(BytesCount::new(LEN)).bench_local(|| {
        let mut builder = Builder::default();
        builder.begin([coding.as_bytes()].into_iter(), &Options::default());
        coded.chunks(16 << 10).for_each(|piece| builder.push(piece, |_| ()));
        builder.end(true);
        assert_eq!((builder.body().problem, builder.body().len), (None, LEN as u64));
    });
}

//! Bodies: codings taken off wherever the bytes are split, and refused where they must be.
#![allow(clippy::unwrap_used, reason = "only tests are here")]

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;
use stream::message::{Body, Problem};
use stream::proto::Options;
use stream::proto::body::Builder;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 20);
    encoder.write_all(bytes).unwrap();
    encoder.into_inner()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

type Encode = fn(&[u8]) -> Vec<u8>;

const CODINGS: [(&str, Encode); 5] =
    [("gzip", gzip), ("deflate", zlib), ("Deflate", raw_deflate), ("br", brotli), ("zstd", zstd)];

/// Text with some structure, so that every coder has something to do.
fn sample(len: usize) -> Vec<u8> {
    (0..len).map(|at| b"the quick brown fox "[(at * at / 7 + at) % 20]).collect()
}

/// Builds a body of pieces and looks at it.
fn built<T>(
    codings: &[&str],
    pieces: &[&[u8]],
    max_body: usize,
    look: impl FnOnce(&Body<'_>, &[u8]) -> T,
) -> T {
    let mut builder = Builder::default();
    let options = Options { max_body, ..Options::default() };
    builder.begin(codings.iter().map(|coding| coding.as_bytes()), &options);
    let mut tapped = Vec::new();
    for piece in pieces {
        builder.push(piece, |bytes| tapped.extend_from_slice(bytes));
    }
    builder.end(true);
    look(&builder.body(), &tapped)
}

#[test]
fn every_coding_wherever_it_is_split() {
    let plain = sample(3_000);
    for (coding, encode) in CODINGS {
        let coded = encode(&plain);
        for step in [1, 2, 3, 7, 100, coded.len()] {
            let pieces: Vec<_> = coded.chunks(step).collect();
            built(&[coding], &pieces, 1_000, |body, tapped| {
                assert_eq!((body.problem, body.bytes), (None, &plain[..1_000]), "{coding} {step}");
                assert_eq!((body.len, body.wire_len), (3_000, coded.len() as u64));
                assert_eq!(tapped, plain, "the tap sees what is not shown, too");
                assert_eq!(body.coding, coding.as_bytes());
            });
        }
    }
}

#[test]
fn long_bodies_come_out_whole() {
    let plain = sample(700_000);
    for (coding, encode) in CODINGS {
        let coded = encode(&plain);
        let pieces: Vec<_> = coded.chunks(16_384).collect();
        built(&[coding], &pieces, 1 << 20, |body, _| {
            assert_eq!((body.problem, body.bytes == plain), (None, true), "{coding}");
        });
    }
}

#[test]
fn chains_are_taken_off_in_reverse() {
    let plain = sample(500);
    let coded = zstd(&brotli(&gzip(&plain)));
    built(&["gzip", "br", "zstd"], &[&coded], 1_000, |body, _| {
        assert_eq!((body.problem, body.bytes), (None, &plain[..]));
        assert_eq!(body.coding, b"gzip, br, zstd");
    });
    built(&["gzip"; 5], &[&coded], 9_000, |body, _| {
        assert_eq!((body.problem, body.bytes), (Some(Problem::UnknownCoding), &coded[..]));
    });
}

#[test]
fn members_and_frames_join_and_what_follows_is_passed_over() {
    let plain = sample(100);
    for (coding, encode) in [("gzip", gzip as Encode), ("zstd", zstd)] {
        let twice = [encode(&plain), encode(&plain)].concat();
        built(&[coding], &[&twice], 1_000, |body, _| {
            assert_eq!((body.problem, body.len), (None, 200), "{coding}");
        });
    }
    let padded = [gzip(&plain), vec![0; 9]].concat();
    built(&["gzip"], &[&padded], 1_000, |body, _| {
        assert_eq!((body.problem, body.len), (None, 100))
    });
}

#[test]
fn what_is_not_known_is_shown_as_it_came() {
    built(&["compress"], &[b"\x1f\x9d", b"x"], 10, |body, _| {
        assert_eq!((body.problem, body.bytes), (Some(Problem::UnknownCoding), &b"\x1f\x9dx"[..]));
    });
    built(&["identity"], &[b"x"], 10, |body, _| {
        assert_eq!((body.problem, body.coding), (None, &b""[..]));
    });
    // The answer to a HEAD names a coding, too.
    built(&["gzip"], &[], 10, |body, _| assert_eq!(body.problem, None));
}

#[test]
fn what_breaks_or_ends_early_is_corrupt_and_what_came_is_shown() {
    let plain = sample(100_000);
    for (coding, encode) in CODINGS {
        let coded = encode(&plain);
        let cut = &coded[..coded.len() - 5];
        built(&[coding], &[cut], 1 << 20, |body, _| {
            assert_eq!(body.problem, Some(Problem::Corrupt), "{coding}");
            assert!(plain.starts_with(body.bytes));
        });
    }
    for (coding, _) in CODINGS {
        built(&[coding], &[&[0xff; 100]], 1 << 20, |body, _| {
            assert_eq!(body.problem, Some(Problem::Corrupt), "{coding}");
        });
    }
}

#[test]
fn bombs_are_refused_by_ratio_and_size() {
    let zeros = vec![0; 24 << 20];
    let twice = gzip(&gzip(&zeros));
    let once = CODINGS.map(|(coding, encode)| (vec![coding], encode(&zeros)));
    for (codings, coded) in once.into_iter().chain([(vec!["gzip", "gzip"], twice)]) {
        let pieces: Vec<_> = coded.chunks(1_000).collect();
        built(&codings, &pieces, 100, |body, _| {
            assert_eq!(body.problem, Some(Problem::Bomb), "{codings:?}");
            assert!((15 << 20..20 << 20).contains(&body.len), "{codings:?}: {}", body.len);
            assert_eq!(body.wire_len, coded.len() as u64, "{codings:?}: the rest is counted");
        });
    }
    // As large, and as small as text gets: not a bomb.
    let mut seed = 1u32;
    let mut letter = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b"etaoin shrdlu\n"[seed as usize >> 24 & 7]
    };
    let plain: Vec<_> = (0..17 << 20).map(|_| letter()).collect();
    let coded = brotli(&plain);
    built(&["br"], &[&coded], 100, |body, _| {
        assert_eq!((body.problem, body.len), (None, 17 << 20))
    });
}

#[test]
fn missing_bytes_end_what_is_coded_and_not_what_is_plain() {
    let mut builder = Builder::default();
    let coded = gzip(&sample(1_000));
    builder.begin([&b"gzip"[..]].into_iter(), &Options::default());
    builder.push(&coded[..40], |_| {});
    builder.missing(Some(10));
    builder.push(&coded[50..], |_| {});
    builder.end(true);
    let body = builder.body();
    assert_eq!((body.problem, body.wire_len), (Some(Problem::Gap), coded.len() as u64));
    assert_eq!(body.holes.len(), 1);
    assert!(sample(1_000).starts_with(body.bytes));

    builder.begin([].into_iter(), &Options::default());
    builder.push(b"ab", |_| {});
    builder.missing(Some(2));
    builder.push(b"ef", |_| {});
    let body = builder.body();
    assert_eq!((body.problem, body.bytes, body.len), (None, &b"abef"[..], 6));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_bytes_do_harm(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        step in 1..50usize,
    ) {
        for (coding, encode) in CODINGS {
            let mut coded = encode(&bytes);
            for (at, byte) in &flips {
                let at = at.index(coded.len());
                coded[at] ^= byte;
            }
            let pieces: Vec<_> = coded.chunks(step).collect();
            built(&[coding], &pieces, 100, |body, _| {
                prop_assert!(body.bytes.len() <= 100);
                prop_assert!(!flips.is_empty() || body.problem.is_none());
                Ok(())
            })?;
            let pieces: Vec<_> = bytes.chunks(step).collect();
            built(&[coding], &pieces, 100, |_, _| ());
        }
    }
}

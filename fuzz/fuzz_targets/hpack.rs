//! Any bytes as header blocks, beside another decoder, and once more with a block that is missing:
//! then what is known is as it was.
//!
//! The first byte of an input says which block is missing; blocks have their length in two bytes
//! before them.
#![no_main]
#![forbid(unsafe_code)]

use libfuzzer_sys::fuzz_target;
use stream::Dir;
use stream::message::{By, Flaw, Headers, Message, What};
use stream::proto::http2::Http2;
use stream::proto::{Chunk, Dialogue, End, Missing, Start};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// The table that peers begin with.
const TABLE: usize = 4_096;
/// A table in a buffer that may be three times as large, a head and a block.
const MOST: usize = 1 << 20;

type Field = (Option<Vec<u8>>, Option<Vec<u8>>);

fuzz_target!(|input: &[u8]| {
    let Some((&missing, mut rest)) = input.split_first() else { return };
    let mut blocks = Vec::new();
    while let [high, low, after @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*high, *low]) % 16_384);
        let (block, after) = after.split_at(len.min(after.len()));
        blocks.push(block);
        rest = after;
    }
    let all = told(&blocks, None);
    agrees(&blocks, &all);
    let missing = usize::from(missing) % blocks.len().max(1);
    let late = told(&blocks, Some(missing));
    for (all, late) in all.iter().zip(&late).skip(missing + 1) {
        let (Some(all), Some(late)) = (all, late) else { return };
        // A name that is not known may be a pseudo-header's: the others are there in order.
        let mut all = all.iter();
        for (name, value) in late.iter().filter(|(name, _)| name.is_some()) {
            let same = |known: &Field| *name == known.0 && (value.is_none() || *value == known.1);
            assert!(all.any(same), "{name:?} {value:?}");
        }
    }
});

/// The fields of each block, without the pseudo-headers that a request has; `None` from the first
/// one on that breaks the rules.
fn told(blocks: &[&[u8]], missing: Option<usize>) -> Vec<Option<Vec<Field>>> {
    let mut http2 = Http2::new(Start::default());
    let mut told = vec![None; blocks.len()];
    let (mut sound, mut pos) = (true, 0);
    let mut tell = |message: &Message<'_>| {
        let stream = message.stream.unwrap_or_default() as usize;
        match message.what {
            What::Request(content) if message.flaws.is_empty() && sound => {
                told[stream / 2] =
                    Some([fields(content.headers), fields(content.trailers)].concat());
            }
            // The one that was taken away.
            What::Request(_) if message.flaws.has(Flaw::Gap) => {}
            _ => sound = false,
        }
    };
    let mut moves = |http2: &mut Http2, bytes: &[u8], gap: u64| {
        let (by, dir) = (By::default(), Dir::Write);
        http2.data(&Chunk { time: 1, by, dir, pos, bytes }, &mut tell);
        pos += bytes.len() as u64;
        if gap > 0 {
            http2.missing(&Missing { time: 1, by, dir, pos, len: gap }, &mut tell);
            pos += gap;
        }
        assert!(http2.held() < MOST, "{} bytes are held", http2.held());
    };
    moves(&mut http2, PREFACE, 0);
    for (nth, block) in blocks.iter().enumerate() {
        let ([_, a, b, c], stream) = ((block.len() as u32).to_be_bytes(), 2 * nth as u32 + 1);
        let head = [&[a, b, c, 1, 5][..], &stream.to_be_bytes()].concat();
        if missing == Some(nth) && !block.is_empty() {
            moves(&mut http2, &head, block.len() as u64);
        } else {
            moves(&mut http2, &[&head, *block].concat(), 0);
        }
    }
    http2.end(End { time: 1, closed: false, flaw: Flaw::Cut }, &mut tell);
    told
}

fn fields(headers: Headers<'_>) -> Vec<Field> {
    let owned = |part: Option<&[u8]>| part.map(<[u8]>::to_vec);
    headers.iter().map(|field| (owned(field.name), owned(field.value))).collect()
}

/// Another decoder finds the same fields, as far as it reads.
fn agrees(blocks: &[&[u8]], told: &[Option<Vec<Field>>]) {
    let mut decoder = loona_hpack::Decoder::new();
    decoder.set_max_table_size(TABLE);
    for (block, told) in blocks.iter().zip(told) {
        let (Ok(fields), Some(told)) = (decoder.decode(block), told) else { return };
        let others = fields.into_iter().filter(|(name, _)| !is_pseudo(name));
        let others = others.map(|(name, value)| (Some(name), Some(value)));
        assert_eq!(told, &others.collect::<Vec<_>>());
    }
}

fn is_pseudo(name: &[u8]) -> bool {
    matches!(name, b":method" | b":scheme" | b":authority" | b":path" | b":status")
}

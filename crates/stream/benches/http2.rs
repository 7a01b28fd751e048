//! How fast frames become messages: `cargo bench -p ecapture-stream --bench http2`.

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use stream::Dir;
use stream::message::Message;
use stream::proto::http2::Http2;
use stream::proto::{Chunk, Dialogue, Start};

/// Exchanges of one pass.
const EXCHANGES: u32 = 1_000;
/// Bytes of a response's body.
const BODIES: [usize; 3] = [0, 1_024, 16_384];

fn main() {
    divan::main();
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = (payload.len() as u32).to_be_bytes();
    [&[a, b, c, kind, flags][..], &stream.to_be_bytes(), payload].concat()
}

/// A field of the table's names (`index`) with a new value.
fn field(index: u8, value: &str) -> Vec<u8> {
    [&[0x40 | index, value.len() as u8][..], value.as_bytes()].concat()
}

/// A request as browsers send it the second time, and its response: the frames of each.
fn exchange(stream: u32, body: &[u8]) -> [Vec<u8>; 2] {
    let path = format!("/items/{stream}?page=7");
    let asked = [
        &[0x82, 0x87][..],
        &field(1, "www.example.com"),
        &field(4, &path),
        &field(58, "curl/7.88.1"),
    ]
    .concat();
    let answered = [
        &[0x88][..],
        &field(33, "Mon, 21 Oct 2013 20:13:21 GMT"),
        &field(31, "text/plain"),
        &field(54, "nginx"),
    ]
    .concat();
    let response = [frame(1, 4, stream, &answered), frame(0, 1, stream, body)].concat();
    [frame(1, 5, stream, &asked), response]
}

/// Three frames an exchange.
#[divan::bench(args = BODIES)]
fn exchanges(bencher: Bencher<'_, '_>, body: usize) {
    let body = vec![b'x'; body];
    let all: Vec<_> = (0..EXCHANGES).map(|number| exchange(2 * number + 1, &body)).collect();
    let bytes: usize = all.iter().flatten().map(Vec::len).sum();
    bencher.counter(ItemsCount::new(3 * EXCHANGES)).counter(BytesCount::new(bytes)).bench_local(
        || {
            let mut http2 = Http2::new(Start::default());
            let mut messages = 0;
            let mut tell = |_: &Message<'_>| messages += 1;
            let preface =
                [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, &[])].concat();
            let mut pos = [0; 2];
            let mut moves = |dir: Dir, bytes: &[u8]| {
                let pos = &mut pos[dir as usize];
                let chunk = Chunk { time: 1, by: Default::default(), dir, pos: *pos, bytes };
                *pos += bytes.len() as u64;
                http2.data(&chunk, &mut tell);
            };
            moves(Dir::Write, &preface);
            moves(Dir::Read, &frame(4, 0, 0, &[]));
            for [request, response] in &all {
                moves(Dir::Write, request);
                moves(Dir::Read, response);
            }
            assert_eq!(messages, 2 * EXCHANGES);
        },
    );
}

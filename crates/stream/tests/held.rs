//! What connections hold is bounded, for each and in all, whatever they leave unfinished: by the
//! decoder's own count, and by what is taken from the allocator.
#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod frames;
mod heard;
mod unfinished;

use std::hint::black_box;

use heard::conn;
use stream::event::Comm;
use stream::proto::Options;
use stream::{Close, Conn, Decoder, Dir, Gap, Message, Messages, Output, Piece};
use unfinished::Moves;

/// Half-open connections.
const CONNECTIONS: u64 = 100_000;
/// What the tables take for each, about: its place, its name, where it stands in the lists.
const PLACE: u64 = 600;
/// What decodes one connection (docs/messages.md).
const ONE: usize = 1 << 20;
/// Bodies that are shown, on top of that.
const SHOWN: usize = 2 << 20;
/// A window of `br` on top of that.
const WINDOW: usize = 17 << 20;

/// Counts messages, and keeps nothing.
#[derive(Default)]
struct Count(u64);

impl Output for Count {
    fn open(&mut self, _: &Conn, _: u64) {}
    fn data(&mut self, _: &Conn, _: &Piece<'_>) {}
    fn gap(&mut self, _: &Conn, _: &Gap) {}
    fn close(&mut self, _: &Conn, _: &Close) {}
}

impl Messages for Count {
    fn message(&mut self, _: &Conn, message: &Message<'_>) {
        black_box(message);
        self.0 += 1;
    }
}

fn piece(dir: Dir, pos: u64, bytes: &[u8]) -> Piece<'_> {
    let (comm, call_len) = (Comm::default(), bytes.len() as u64);
    Piece { time: 1, tid: 1, comm, uid: 0, dir, pos, bytes, peek: false, call_len, call_off: 0 }
}

/// Opens a connection, and moves all of these.
fn moves(decoder: &mut Decoder, id: u64, moves: &Moves, mut after: impl FnMut(&Decoder)) {
    let (conn, mut count, mut pos) = (conn(id), Count::default(), [0; 2]);
    decoder.onto(&mut count).open(&conn, 1);
    for (dir, bytes) in moves {
        decoder.onto(&mut count).data(&conn, &piece(*dir, pos[*dir as usize], bytes));
        pos[*dir as usize] += bytes.len() as u64;
        after(decoder);
    }
}

/// Opens connections that each leave the same unfinished.
fn half_open(name: &str, unfinished: &Moves) {
    let options = Options::default();
    let mut most = 0;
    let taken = allocation_counter::measure(|| {
        let mut decoder = Decoder::new(options);
        for id in 1..=CONNECTIONS {
            moves(&mut decoder, id, unfinished, |decoder| most = most.max(decoder.held()));
        }
        assert_eq!(decoder.len() as u64, CONNECTIONS, "{name}: all are followed");
    });
    assert!(most <= options.max_held, "{name}: {most}");
    assert!(most > options.max_held - (2 << 20), "{name}: {most} is far from the limit");
    // One may be over the limit until it is seen to be.
    let bound = (options.max_held + ONE) as u64 + CONNECTIONS * PLACE;
    assert!(taken.bytes_max < bound, "{name}: {} bytes at most", taken.bytes_max);
}

#[test]
fn of_half_open_heads_and_bodies_of_http1() {
    half_open("a head", &unfinished::head());
    half_open("a body", &unfinished::body());
    half_open("requests without an answer", &unfinished::requests(10));
}

#[test]
fn of_half_open_connections_of_http2() {
    half_open("a header block", &unfinished::header_block());
    half_open("streams", &unfinished::streams(10));
    half_open("tables", &unfinished::tables(2_000));
}

#[test]
fn of_half_open_websockets() {
    half_open("a message", &unfinished::websocket(400));
}

#[test]
fn of_half_open_bodies_in_each_coding() {
    for coding in ["gzip", "deflate", "br", "zstd"] {
        half_open(coding, &unfinished::coded(coding, 2_000, 1));
    }
}

/// Plays moves of one connection, which may hold `most`.
fn one(name: &str, unfinished: &Moves, most: usize) {
    let mut held = 0;
    let taken = allocation_counter::measure(|| {
        let mut decoder = Decoder::new(Options::default());
        moves(&mut decoder, 1, unfinished, |decoder| held = held.max(decoder.held()));
    });
    assert!(held <= most, "{name}: {held}");
    // What grows is counted twice while it moves to where there is more room.
    let bound = (2 * most + (256 << 10)) as u64;
    assert!(taken.bytes_max <= bound, "{name}: {} bytes at most", taken.bytes_max);
}

#[test]
fn of_one_connection() {
    one("a body", &unfinished::long_body(), ONE + SHOWN / 2);
    one("bodies both ways", &unfinished::both_ways(), ONE + SHOWN);
    one("heads both ways", &unfinished::long_heads(), ONE);
    one("requests without an answer", &unfinished::requests(3_000), ONE);
    one("a line of an event", &unfinished::events(b"x"), ONE + SHOWN / 2);
    one("an event", &unfinished::events(b"data: 1234567890\n"), ONE + SHOWN / 2);
    one("streams", &unfinished::streams(2_000), ONE);
    one("bodies of streams", &unfinished::stream_bodies(), ONE + SHOWN);
    one("tables", &unfinished::tables(300_000), ONE);
    one("messages of gRPC", &unfinished::rpcs(), ONE + SHOWN);
    one("messages of WebSocket", &unfinished::websocket(3 << 20), ONE + SHOWN);
    for coding in ["gzip", "deflate"] {
        one(coding, &unfinished::coded(coding, 4 << 20, 4 << 20), ONE + SHOWN / 2);
    }
    for coding in ["br", "zstd"] {
        let most = ONE + SHOWN / 2 + WINDOW;
        one(coding, &unfinished::coded(coding, 20 << 20, 20 << 20), most);
    }
}

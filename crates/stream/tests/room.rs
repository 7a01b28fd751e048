//! Memory of a whole run: more connections than are followed, each with an unfinished message.

mod told;

use std::hint::black_box;

use stream::proto::Options;
use stream::{
    Close, Conn, Context, Decoder, Dir, Ended, Gap, Ids, Key, Limits, Message, Messages, Output,
    Piece, Table,
};
use told::{data, head};

/// What the program says of its memory (64 MiB beside the rings), less what it needs otherwise.
const ROOM: u64 = 56 << 20;

/// Keeps nothing.
struct Nothing;

impl Output for Nothing {
    fn open(&mut self, _: &Conn, _: u64) {}
    fn data(&mut self, _: &Conn, _: &Piece<'_>) {}
    fn gap(&mut self, _: &Conn, _: &Gap) {}
    fn close(&mut self, _: &Conn, _: &Close) {}
}

impl Messages for Nothing {
    fn message(&mut self, _: &Conn, message: &Message<'_>) {
        black_box(message);
    }
}

/// Names as the program has them: one copy for all connections.
struct Names(std::sync::Arc<str>);

impl Context for Names {
    fn exe(&mut self, _: u32, _: u64) -> std::sync::Arc<str> {
        self.0.clone()
    }

    fn lib(&mut self, _: u32) -> std::sync::Arc<str> {
        self.0.clone()
    }

    fn ended(&mut self, _: &Key) -> Option<Ended> {
        None
    }

    fn memory(&mut self, _: u32, _: u64, _: &mut [u8]) -> usize {
        0
    }

    fn go_on(&mut self, _: u32) {}
}

#[test]
fn of_more_connections_than_are_followed() {
    let unfinished = [b"GET / HTTP/1.1\r\nCookie: ".as_slice(), &[b'x'; 4_000]].concat();
    let taken = allocation_counter::measure(|| {
        let mut table = Table::new(Limits::default(), Ids::default());
        let mut decoder = Decoder::new(Options::default());
        let mut names = Names("/usr/sbin/server".into());
        for conn in 1..=100_000 {
            let event = data(head(conn), Dir::Read, 0, &unfinished);
            table.push(&event, &mut names, &mut decoder.onto(&mut Nothing));
        }
        assert!(table.totals().evicted > 0, "more than there is room for");
    });
    assert!(taken.bytes_max < ROOM, "{} bytes at most", taken.bytes_max);
}

//! How fast connections become messages: `cargo bench -p ecapture-stream --bench messages`.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use stream::event::Comm;
use stream::{AddrSource, Close, Conn, Decoder, Dir, Gap, Message, Messages, Output, Piece};

fn main() {
    divan::main();
}

struct Nothing;

impl Output for Nothing {
    fn open(&mut self, _: &Conn, _: u64) {}
    fn data(&mut self, _: &Conn, piece: &Piece<'_>) {
        black_box(piece);
    }
    fn gap(&mut self, _: &Conn, _: &Gap) {}
    fn close(&mut self, _: &Conn, _: &Close) {}
}

impl Messages for Nothing {
    fn message(&mut self, _: &Conn, message: &Message<'_>) {
        black_box(message);
    }
}

fn conn() -> Conn {
    Conn {
        id: 1,
        pid: 1,
        start_ns: 1,
        uid: 0,
        comm: Comm::default(),
        exe: "".into(),
        lib: "".into(),
        local: None,
        remote: None,
        addr_source: AddrSource::Unknown,
        cgroup: 0,
    }
}

/// A connection, and where its directions stand.
struct Line {
    decoder: Decoder,
    conn: Conn,
    pos: [u64; 2],
}

impl Line {
    fn new() -> Self {
        let (mut decoder, conn) = (Decoder::new(Default::default()), conn());
        decoder.onto(&mut Nothing).open(&conn, 0);
        Self { decoder, conn, pos: [0; 2] }
    }

    fn moves(&mut self, dir: Dir, bytes: &[u8]) {
        let (comm, len) = (Comm::default(), bytes.len() as u64);
        let pos = self.pos[dir as usize];
        self.pos[dir as usize] += len;
        let (peek, call_len, call_off) = (false, len, 0);
        let piece =
            Piece { time: 1, tid: 1, comm, uid: 0, dir, pos, bytes, peek, call_len, call_off };
        self.decoder.onto(&mut Nothing).data(&self.conn, &piece);
    }
}

/// A request and a response of 1 KB together: two messages.
#[divan::bench]
fn http1_exchanges(bencher: Bencher<'_, '_>) {
    let request =
        b"GET /some/path?query=1 HTTP/1.1\r\nHost: example.org\r\nUser-Agent: curl/7.88.1\r\n\
        Accept: */*\r\nAccept-Encoding: gzip, br\r\n\r\n";
    let head = "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 23 Nov 2026 05:15:00 GMT\r\n\
        Content-Type: text/plain\r\nContent-Length: 700\r\nConnection: keep-alive\r\n\r\n";
    let response = [head.as_bytes(), &[b'x'; 700]].concat();
    let mut line = Line::new();
    let bytes = request.len() + response.len();
    bencher.counter(ItemsCount::new(2u32)).counter(BytesCount::new(bytes)).bench_local(|| {
        line.moves(Dir::Write, request);
        line.moves(Dir::Read, &response);
    });
}

/// Bodies of 16 MiB in pieces of 16 KiB, of a known length and in chunks.
#[divan::bench(args = [false, true])]
fn http1_body(bencher: Bencher<'_, '_>, chunked: bool) {
    const PIECES: usize = 1_024;
    let head = match chunked {
        true => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
        false => format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", PIECES << 14),
    };
    let data = vec![b'x'; 1 << 14];
    let piece = if chunked { [b"4000\r\n", &data[..], b"\r\n"].concat() } else { data };
    let mut line = Line::new();
    bencher.counter(BytesCount::new(PIECES << 14)).bench_local(|| {
        line.moves(Dir::Write, b"GET / HTTP/1.1\r\n\r\n");
        line.moves(Dir::Read, head.as_bytes());
        for _ in 0..PIECES {
            line.moves(Dir::Read, &piece);
        }
        if chunked {
            line.moves(Dir::Read, b"0\r\n\r\n");
        }
    });
}

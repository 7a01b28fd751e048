//! Any bytes as what connections say: through every protocol's decoder and every sink.
//!
//! An input is steps: a byte that says which way, whether the bytes are missing, and on which of
//! two connections; their number as 16 bits; the bytes. Nothing may panic or hold more than it is
//! allowed, no message may reach past what was moved, text must be safe on a terminal and JSON must
//! be JSON.
#![no_main]
#![forbid(unsafe_code)]

use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use sink::{Json, Sink, Text, TextOptions, TimeZone};
use stream::event::Comm;
use stream::proto::Options;
use stream::{
    AddrSource, Close, CloseReason, Conn, Decoder, Dir, Gap, GapReason, Message, Messages, Output,
    Piece,
};

/// So little that connections are cut off.
const HELD: usize = 128 << 10;

fuzz_target!(|input: &[u8]| {
    let options = Options { max_body: 300, max_held: HELD };
    let mut decoder = Decoder::new(options);
    let mut outputs = Outputs::default();
    let conns = [conn(1), conn(2)];
    for conn in &conns {
        decoder.onto(&mut outputs).open(conn, 0);
    }
    let (mut rest, mut time) = (input, 0);
    while let [how, low, high, after @ ..] = rest {
        let len = usize::from(u16::from_le_bytes([*low, *high]));
        let missing = how & 2 != 0;
        let (bytes, after) =
            if missing { (&after[..0], after) } else { after.split_at(len.min(after.len())) };
        rest = after;
        time += 1;
        let conn = &conns[usize::from(how >> 2 & 1)];
        let dir = if how & 1 == 0 { Dir::Read } else { Dir::Write };
        let moved = if missing { len as u64 } else { bytes.len() as u64 };
        if moved == 0 {
            continue;
        }
        let next = &mut outputs.moved[conn.id as usize - 1][dir as usize];
        let pos = *next;
        *next += moved;
        let comm = Comm::default();
        let mut decoding = decoder.onto(&mut outputs);
        if missing {
            let reason = GapReason::RingFull;
            let gap =
                Gap { time, tid: None, comm, uid: 0, dir, pos, len: moved, reason, peek: false };
            decoding.gap(conn, &gap);
        } else {
            let (tid, call_len) = (1, moved);
            let piece = Piece {
                time,
                tid,
                comm,
                uid: 0,
                dir,
                pos,
                bytes,
                peek: false,
                call_len,
                call_off: 0,
            };
            decoding.data(conn, &piece);
        }
        assert!(decoder.held() <= HELD, "{} held", decoder.held());
    }
    let close = Close {
        time,
        reason: CloseReason::Exit,
        captured: [0; 2],
        missing: [0; 2],
        unfinished: [None; 2],
    };
    for conn in &conns {
        decoder.onto(&mut outputs).close(conn, &close);
    }
    assert_eq!((decoder.held(), decoder.len()), (0, 0));
    outputs.check();
});

fn conn(id: u64) -> Conn {
    Conn {
        id,
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

/// The sinks, and what they must agree with.
struct Outputs {
    text: Text,
    hex: Text,
    json: Json,
    out: [Vec<u8>; 3],
    moved: [[u64; 2]; 2],
}

impl Default for Outputs {
    fn default() -> Self {
        let zone = TimeZone::UTC;
        let options = TextOptions { zone, pretty: true, ..TextOptions::default() };
        Self {
            text: Text::new(options.clone()),
            hex: Text::new(TextOptions { hex: true, ..options }),
            json: Json::new(),
            out: Default::default(),
            moved: [[0; 2]; 2],
        }
    }
}

impl Outputs {
    fn each(&mut self, tell: impl Fn(&mut dyn Sink, &mut Vec<u8>)) {
        let [text, hex, json] = &mut self.out;
        tell(&mut self.text, text);
        tell(&mut self.hex, hex);
        tell(&mut self.json, json);
        if json.len() > 1 << 20 {
            self.check();
        }
    }

    fn check(&mut self) {
        let [text, hex, json] = &mut self.out;
        for out in [text, hex] {
            let shown = std::str::from_utf8(out).expect("UTF-8");
            let harmless = |c: char| matches!(c, '\n' | '\t') || !c.is_control();
            assert!(shown.chars().all(harmless), "a control character came through");
            out.clear();
        }
        for line in json.split_inclusive(|&byte| byte == b'\n') {
            serde_json::from_slice::<IgnoredAny>(line).expect("JSON");
        }
        json.clear();
    }
}

impl Output for Outputs {
    fn open(&mut self, conn: &Conn, time: u64) {
        self.each(|sink, out| sink.open(out, conn, time));
    }

    fn data(&mut self, conn: &Conn, piece: &Piece<'_>) {
        self.each(|sink, out| sink.data(out, conn, piece));
    }

    fn gap(&mut self, conn: &Conn, gap: &Gap) {
        self.each(|sink, out| sink.gap(out, conn, gap));
    }

    fn close(&mut self, conn: &Conn, close: &Close) {
        self.each(|sink, out| sink.close(out, conn, close));
    }
}

impl Messages for Outputs {
    fn message(&mut self, conn: &Conn, message: &Message<'_>) {
        let moved = self.moved[conn.id as usize - 1][message.dir as usize];
        let end = message.wire.pos.checked_add(message.wire.len).expect("an end");
        assert!(end <= moved, "{end} of {moved}: {message:?}");
        assert!(message.begun <= message.ended);
        self.each(|sink, out| sink.message(out, conn, message));
    }
}

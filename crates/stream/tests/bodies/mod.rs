//! Long bodies in every form, and what a decoder tells of them.
#![allow(unreachable_pub, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, reason = "only tests call this")]

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use stream::event::Comm;
use stream::message::{Flaw, Part, Problem, What};
use stream::proto::{Decoder, Options};
use stream::{Close, CloseReason, Conn, Dir, Gap, Message, Messages, Output, Piece};

use crate::frames::{PREFACE, SETTINGS, data, frame, get, headers, last_data, last_headers};
use crate::heard::conn;
use crate::unfinished::Moves;

pub const MIB: usize = 1 << 20;

/// What one call moves at most.
const CALL: usize = 16 << 10;

/// A message with its body, or bytes of none.
#[derive(Debug)]
pub struct Told {
    pub conn: u64,
    pub bytes: Vec<u8>,
    pub len: u64,
    pub problem: Option<Problem>,
    pub flaws: Vec<Flaw>,
}

/// The stage after a decoder.
#[derive(Default)]
pub struct Ears {
    pub told: Vec<Told>,
}

impl Output for Ears {
    fn open(&mut self, _: &Conn, _: u64) {}
    fn gap(&mut self, _: &Conn, _: &Gap) {}
    fn close(&mut self, _: &Conn, _: &Close) {}

    fn data(&mut self, conn: &Conn, piece: &Piece<'_>) {
        let (bytes, len) = (piece.bytes.to_vec(), piece.bytes.len() as u64);
        self.told.push(Told { conn: conn.id, bytes, len, problem: None, flaws: Vec::new() });
    }
}

impl Messages for Ears {
    fn message(&mut self, conn: &Conn, message: &Message<'_>) {
        let body = match message.what {
            What::Request(content) => content.body,
            What::Response(response) if response.part != Part::Head => response.content.body,
            What::Frame(frame) => frame.payload,
            What::Rpc(rpc) => rpc.payload,
            _ => return,
        };
        self.told.push(Told {
            conn: conn.id,
            bytes: body.bytes.to_vec(),
            len: body.len,
            problem: body.problem,
            flaws: message.flaws.iter().collect(),
        });
    }
}

/// What is told of one connection's moves, up to its end.
pub fn told(moves: &Moves) -> Vec<Told> {
    let (mut decoder, mut ears) = (Decoder::new(Options::default()), Ears::default());
    let (conn, mut pos) = (conn(1), [0; 2]);
    decoder.onto(&mut ears).open(&conn, 1);
    for (dir, bytes) in moves {
        decoder.onto(&mut ears).data(&conn, &piece(*dir, pos[*dir as usize], bytes));
        pos[*dir as usize] += bytes.len() as u64;
    }
    let (captured, missing, unfinished) = (pos, [0; 2], [None, None]);
    let close = Close { time: 2, reason: CloseReason::Freed, captured, missing, unfinished };
    decoder.onto(&mut ears).close(&conn, &close);
    ears.told
}

pub fn piece(dir: Dir, pos: u64, bytes: &[u8]) -> Piece<'_> {
    let (comm, call_len) = (Comm::default(), bytes.len() as u64);
    Piece { time: 1, tid: 1, comm, uid: 0, dir, pos, bytes, peek: false, call_len, call_off: 0 }
}

/// Bytes in which a shift or an exchange would show, and which shrink a little.
pub fn plain(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 251 + (at >> 13) * (at >> 9)) as u8).collect()
}

/// Bytes as calls move them.
pub fn calls(dir: Dir, bytes: &[u8]) -> impl Iterator<Item = (Dir, Vec<u8>)> + use<'_> {
    bytes.chunks(CALL).map(move |call| (dir, call.to_vec()))
}

pub fn chunked(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in body.chunks(70_001) {
        out.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

pub fn coded(coding: &str, plain: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    match coding {
        "gzip" => GzEncoder::new(&mut packed, Compression::fast()).write_all(plain).unwrap(),
        "deflate" => ZlibEncoder::new(&mut packed, Compression::fast()).write_all(plain).unwrap(),
        "br" => brotli::CompressorWriter::new(&mut packed, 4_096, 1, 20).write_all(plain).unwrap(),
        _ => {
            let level = ruzstd::encoding::CompressionLevel::Fastest;
            packed = ruzstd::encoding::compress_to_vec(plain, level);
        }
    }
    packed
}

/// Responses of HTTP/2 with these bodies, whose frames come in turns.
pub fn http2(fields: &[(&str, &str)], sent: &[&[u8]]) -> Moves {
    let settings = frame(SETTINGS, 0, 0, &[]);
    let mut moves =
        vec![(Dir::Write, [PREFACE, &settings].concat()), (Dir::Read, settings.clone())];
    let grpc = fields.iter().any(|(_, value)| *value == "application/grpc");
    let streams = (0..sent.len()).map(|nth| 2 * nth as u32 + 1);
    for id in streams.clone() {
        let asked = [&get("/")[..], if grpc { fields } else { &[] }].concat();
        moves.push((Dir::Write, last_headers(id, &asked)));
        moves.push((Dir::Read, headers(id, &[&[(":status", "200")], fields].concat())));
    }
    let most = sent.iter().map(|body| body.len()).max().unwrap_or(0);
    for at in (0..most).step_by(9_973) {
        for (id, body) in streams.clone().zip(sent) {
            let Some(left) = body.get(at..) else { continue };
            let part = &left[..left.len().min(9_973)];
            let last = part.len() == left.len();
            moves.push((Dir::Read, if last { last_data(id, part) } else { data(id, part) }));
        }
    }
    moves
}

/// An upgrade, and a message of the server's in fragments.
pub fn websocket(message: &[u8]) -> Moves {
    let asked = b"GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\n\r\n";
    let agreed = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\n\r\n";
    let mut moves = vec![(Dir::Write, asked.to_vec()), (Dir::Read, agreed.to_vec())];
    let parts = message.chunks(60_001);
    let count = parts.len();
    let mut sent = Vec::new();
    for (nth, part) in parts.enumerate() {
        let opcode = if nth == 0 { 2 } else { 0 };
        let fin = if nth + 1 == count { 0x80 } else { 0 };
        sent.extend_from_slice(&[fin | opcode, 126]);
        sent.extend_from_slice(&(part.len() as u16).to_be_bytes());
        sent.extend_from_slice(part);
    }
    moves.extend(calls(Dir::Read, &sent));
    moves
}

//! Random conversations over HTTP/1, split anywhere, with pieces missing: what is told is what was
//! said, every byte is in one place, and what can't be known is not made up.
#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod heard;

use std::collections::HashMap;

use heard::{Heard, Is, Line, check_spans, text};
use proptest::prelude::*;
use stream::{CloseReason, Dir};

/// How a body is sent.
#[derive(Debug, Clone, Copy)]
enum Framing {
    Length,
    Chunked(usize),
    None,
}

#[derive(Debug, Clone)]
struct Exchange {
    method: &'static str,
    target: String,
    status: u16,
    interim: bool,
    bodies: [(Framing, Vec<u8>); 2],
}

/// What one message is, apart from framing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    exchange: u64,
    request: String,
    status: Option<u16>,
    body: String,
}

fn framing() -> impl Strategy<Value = Framing> {
    prop_oneof![Just(Framing::Length), (1..40usize).prop_map(Framing::Chunked), Just(Framing::None)]
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..200)
}

/// The same, or bytes that look like heads. Where framing is lost, nothing tells them from heads.
fn deceptive() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        content(),
        Just(b"GET /wrong HTTP/1.1\r\nHost: wrong\r\n\r\n".to_vec()),
        Just(b"x\r\n\r\nHTTP/1.1 500 Wrong\r\nContent-Length: 0\r\n\r\n".to_vec()),
    ]
}

fn exchange<C: Strategy<Value = Vec<u8>>>(content: fn() -> C) -> impl Strategy<Value = Exchange> {
    let method = prop::sample::select(vec!["GET", "POST", "HEAD", "PUT", "X-OWN"]);
    let status = prop::sample::select(vec![200u16, 204, 304, 404, 500]);
    let body = move || (framing(), content());
    (method, "/[a-z]{0,40}", status, prop::bool::weighted(0.2), [body(), body()]).prop_map(
        |(method, target, status, interim, bodies)| Exchange {
            method,
            target,
            status,
            interim,
            bodies,
        },
    )
}

/// The bytes of a head's end and body, and the body that counts.
fn framed(framing: Framing, body: &[u8], bodiless: bool) -> (Vec<u8>, String) {
    let mut bytes = Vec::new();
    match framing {
        Framing::Length => {
            bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
            if !bodiless {
                bytes.extend(body);
            }
        }
        Framing::Chunked(size) => {
            bytes.extend(b"Transfer-Encoding: chunked\r\n\r\n");
            if !bodiless {
                for chunk in body.chunks(size) {
                    bytes.extend(format!("{:x};a=\"b\"\r\n", chunk.len()).bytes());
                    bytes.extend(chunk);
                    bytes.extend(b"\r\n");
                }
                bytes.extend(b"0\r\nTrailer: t\r\n\r\n");
            }
        }
        Framing::None => bytes.extend(b"Content-Length: 0\r\n\r\n"),
    }
    let empty = bodiless || matches!(framing, Framing::None);
    (bytes, if empty { String::new() } else { text(body) })
}

impl Exchange {
    fn request(&self) -> (Vec<u8>, String) {
        let (rest, body) = framed(self.bodies[0].0, &self.bodies[0].1, false);
        let head = format!("{} {} HTTP/1.1\r\nHost: h\r\n", self.method, self.target);
        ([head.as_bytes(), &rest].concat(), body)
    }

    fn response(&self) -> (Vec<u8>, String) {
        let bodiless = self.method == "HEAD" || matches!(self.status, 204 | 304);
        let (rest, body) = framed(self.bodies[1].0, &self.bodies[1].1, bodiless);
        let head = format!("HTTP/1.1 {} Some Reason\r\n", self.status);
        ([head.as_bytes(), &rest].concat(), body)
    }
}

/// A conversation as it is moved, and what is said where.
#[derive(Default)]
struct Script {
    moves: Vec<(Dir, Vec<u8>)>,
    said: HashMap<(u8, u64), Said>,
    pos: [u64; 2],
}

impl Script {
    fn of(exchanges: &[Exchange], pipelined: bool) -> Self {
        let mut script = Self::default();
        let mut later = Vec::new();
        for (exchange, number) in exchanges.iter().zip(1..) {
            let request = format!("{} - h {}", exchange.method, exchange.target);
            let (bytes, body) = exchange.request();
            let said = Said { exchange: number, request, status: None, body };
            let mut responses = Vec::new();
            if exchange.interim {
                let interim = Said { status: Some(103), body: String::new(), ..said.clone() };
                responses.push((b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec(), interim));
            }
            let (answer, body) = exchange.response();
            responses.push((answer, Said { status: Some(exchange.status), body, ..said.clone() }));
            script.say(Dir::Write, bytes, said);
            if pipelined {
                later.extend(responses);
            } else {
                responses.into_iter().for_each(|(bytes, said)| script.say(Dir::Read, bytes, said));
            }
        }
        later.into_iter().for_each(|(bytes, said)| script.say(Dir::Read, bytes, said));
        script
    }

    fn say(&mut self, dir: Dir, bytes: Vec<u8>, said: Said) {
        let pos = &mut self.pos[dir as usize];
        self.said.insert((dir as u8, *pos), said);
        *pos += bytes.len() as u64;
        self.moves.push((dir, bytes));
    }

    /// Moves everything in pieces of these lengths, some of which are lost.
    fn play(&self, cuts: &[(usize, bool)]) -> (Line, Vec<Heard>) {
        let mut line = Line::new();
        let mut cuts = cuts.iter().cycle();
        for (dir, bytes) in &self.moves {
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let &(len, lost) = cuts.next().unwrap();
                let (piece, after) = rest.split_at(len.min(rest.len()));
                rest = after;
                if lost { line.lose(*dir, piece.len() as u64) } else { line.moves(*dir, piece) }
            }
        }
        line.close(CloseReason::Freed);
        let heard = line.heard();
        assert_eq!((line.decoder.held(), line.decoder.len()), (0, 0), "nothing is kept");
        (line, heard)
    }
}

fn said(heard: &Heard) -> Option<Said> {
    let (Is::Request(has) | Is::Response(_, has, ..)) = &heard.what else { return None };
    Some(Said {
        exchange: heard.exchange,
        request: heard.request.clone().unwrap_or_default(),
        status: heard.status,
        body: text(&has.body),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn what_is_said_is_told(
        exchanges in prop::collection::vec(exchange(deceptive), 1..6),
        pipelined: bool,
        cuts in prop::collection::vec((1..150usize, Just(false)), 1..20),
    ) {
        let script = Script::of(&exchanges, pipelined);
        let (line, heard) = script.play(&cuts);
        for heard in &heard {
            let told = said(heard).unwrap_or_else(|| panic!("{heard:#?}"));
            prop_assert_eq!(Some(&told), script.said.get(&(heard.dir as u8, heard.pos)));
            prop_assert!(heard.flaws.is_empty());
        }
        prop_assert_eq!(heard.len(), script.said.len());
        for dir in [Dir::Read, Dir::Write] {
            check_spans(&heard, dir, line.pos[dir as usize]);
        }
    }

    #[test]
    fn what_is_missing_is_not_made_up(
        exchanges in prop::collection::vec(exchange(content), 1..6),
        pipelined: bool,
        cuts in prop::collection::vec((1..150usize, prop::bool::weighted(0.15)), 1..20),
    ) {
        let script = Script::of(&exchanges, pipelined);
        let (line, heard) = script.play(&cuts);
        for dir in [Dir::Read, Dir::Write] {
            check_spans(&heard, dir, line.pos[dir as usize]);
        }
        for heard in &heard {
            let Some(told) = said(heard) else { continue };
            let Some(true_one) = script.said.get(&(heard.dir as u8, heard.pos)) else { continue };
            // Exchanges of which nothing was seen have no number.
            if let (Some(request), Some(_)) = (&heard.request, heard.status) {
                // The line of a request that was cut off may stand without its host.
                let known = |request: &str| request.replace(" - h ", " - - ");
                prop_assert_eq!(known(request), known(&true_one.request), "{:#?}", heard);
            }
            if heard.flaws.is_empty() && heard.request.is_some() {
                prop_assert_eq!((told.status, told.body), (true_one.status, true_one.body.clone()));
            }
        }
    }

    #[test]
    fn any_bytes_are_somewhere(
        moves in prop::collection::vec((any::<bool>(), 0..4usize, prop::collection::vec(any::<u8>(), 1..60)), 1..20),
    ) {
        const STARTS: [&[u8]; 4] = [
            b"",
            b"GET / HTTP/1.1\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 30\r\n\r\n",
        ];
        let mut line = Line::new();
        for (write, start, bytes) in moves {
            let dir = if write { Dir::Write } else { Dir::Read };
            line.moves(dir, &[STARTS[start], &bytes].concat());
        }
        line.close(CloseReason::Exit);
        let heard = line.heard();
        for dir in [Dir::Read, Dir::Write] {
            check_spans(&heard, dir, line.pos[dir as usize]);
        }
    }
}

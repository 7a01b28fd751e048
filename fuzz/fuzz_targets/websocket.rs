//! Any bytes as both directions of a WebSocket, with permessage-deflate and without.
//!
//! The first byte of an input says what was agreed on.
#![no_main]
#![forbid(unsafe_code)]

use ecapture_fuzz::{Move, OPTIONS, lens, moves, play, split};
use libfuzzer_sys::fuzz_target;
use stream::Dir;
use stream::message::{Head, Line};
use stream::proto::websocket::WebSocket;
use stream::proto::{Start, Upgrade};

/// Two decompressors of 48 KiB, and bodies.
const MOST: usize = 512 << 10;

const EXTENSIONS: [&str; 5] = [
    "",
    "permessage-deflate",
    "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
    "permessage-deflate; server_max_window_bits=9",
    "x-other, permessage-deflate",
];

fuzz_target!(|input: &[u8]| {
    let Some((&how, input)) = input.split_first() else { return };
    let moves = moves(input);
    let start = Start { options: OPTIONS, ..Start::default() };
    let run = |moves: &[Move<'_>]| {
        let mut websocket = match EXTENSIONS.get(usize::from(how)) {
            None => WebSocket::late(start, Dir::Write),
            Some(extensions) => {
                let mut headers = Head::new();
                let value = (!extensions.is_empty()).then_some(extensions.as_bytes());
                headers.push(Some(b"Sec-WebSocket-Extensions"), value);
                let (used, requests, exchange) = (0, Dir::Write, 1);
                let (request, to) = (Line::default(), b"websocket".to_vec());
                let upgrade = Upgrade { used, requests, exchange, request, to, headers };
                WebSocket::upgraded(start, &upgrade)
            }
        };
        let told = play(&mut websocket, moves, MOST);
        told.is_accounted([0; 2]);
        told
    };
    run(&moves);
    run(&split(&moves, &[usize::MAX])).is_same(&run(&split(&moves, &lens(input))));
});

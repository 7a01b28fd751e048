//! Any bytes as a stream of server-sent events, beside a reader that follows the standard line by
//! line (WHATWG HTML, section 9.2.6).
#![no_main]
#![forbid(unsafe_code)]

use ecapture_fuzz::{OPTIONS, lens};
use libfuzzer_sys::fuzz_target;
use stream::Dir;
use stream::message::{By, Flaw, Message, What};
use stream::proto::http1::Http1;
use stream::proto::{Chunk, Dialogue, End, Start};

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

/// Type, data, last ID, retry.
type Event = (Vec<u8>, Vec<u8>, Vec<u8>, Option<u64>);

fuzz_target!(|input: &[u8]| {
    if input.len() > OPTIONS.max_body {
        return;
    }
    let expected = by_the_standard(input);
    assert_eq!(events(&[input]), expected);
    let lens = lens(input);
    let (mut pieces, mut rest) = (Vec::new(), input);
    for len in lens.iter().cycle() {
        let (piece, after) = rest.split_at((*len).min(rest.len()));
        pieces.push(piece);
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    assert_eq!(events(&pieces), expected);
});

/// The whole events that are told.
fn events(pieces: &[&[u8]]) -> Vec<Event> {
    let mut http1 = Http1::new(Start { options: OPTIONS, ..Start::default() }, Dir::Write);
    let (mut events, mut pos) = (Vec::new(), 0);
    let mut tell = |message: &Message<'_>| {
        if let What::Event(event) = message.what
            && !message.flaws.has(Flaw::Cut)
        {
            let owned = |bytes: &[u8]| bytes.to_vec();
            events.push((owned(event.event), owned(event.data), owned(event.id), event.retry));
        }
    };
    for bytes in [HEAD].iter().chain(pieces) {
        let chunk = Chunk { time: 1, by: By::default(), dir: Dir::Read, pos, bytes };
        http1.data(&chunk, &mut tell);
        pos += bytes.len() as u64;
    }
    http1.end(End { time: 1, closed: true, flaw: Flaw::Cut }, &mut tell);
    events
}

fn by_the_standard(input: &[u8]) -> Vec<Event> {
    let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let mut lines: Vec<Vec<u8>> = vec![Vec::new()];
    for (at, &byte) in input.iter().enumerate() {
        match byte {
            b'\n' if at > 0 && input[at - 1] == b'\r' => {}
            b'\n' | b'\r' => lines.push(Vec::new()),
            byte => lines.last_mut().expect("a line").push(byte),
        }
    }
    // What follows the last end of a line is none, and its event is cut.
    lines.pop();
    let (mut events, mut event, mut id) = (Vec::new(), Event::default(), Vec::new());
    let mut has_data = false;
    for line in lines {
        if line.is_empty() {
            let (kind, data, _, retry) = std::mem::take(&mut event);
            if std::mem::take(&mut has_data) {
                events.push((kind, data, id.clone(), retry));
            }
            continue;
        }
        let colon = line.iter().position(|&byte| byte == b':').unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"event" => event.0 = value.to_vec(),
            b"data" => {
                if std::mem::replace(&mut has_data, true) {
                    event.1.push(b'\n');
                }
                event.1.extend_from_slice(value);
            }
            b"id" if !value.contains(&0) => id = value.to_vec(),
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                let number = String::from_utf8_lossy(value).parse().ok();
                event.3 = number.or(event.3);
            }
            _ => {}
        }
    }
    events
}

//! Server-sent events (WHATWG HTML, section 9.2.6) in the body of a response: each event as soon
//! as its empty line is there.
//!
//! Takes the body after chunks and content codings were taken off, in any pieces. Missing bytes end
//! the event under way; the line that they stand in is passed over, since its beginning or its end
//! is not known.

use std::mem;

use super::append;
use crate::limits;
use crate::message::{Flaw, Flaws, ServerEvent};

/// The events of a response.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// What is kept of a line and an event together.
    max: usize,
    line: Vec<u8>,
    event: Vec<u8>,
    data: Vec<u8>,
    id: Vec<u8>,
    retry: Option<u64>,
    /// A field of an event was read: when, nanoseconds since 1970.
    begun: Option<u64>,
    /// The event has data; it may be empty.
    has_data: bool,
    flaws: Flaws,
    /// A byte was read.
    started: bool,
    /// The last byte was a CR: an LF behind it ends the same line.
    after_cr: bool,
    /// The rest of the line is passed over.
    skip: bool,
}

/// An event as it is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    /// When its first line came.
    pub(super) begun: u64,
    pub(super) flaws: Flaws,
    pub(super) event: ServerEvent<'a>,
}

/// Whether a body of this type is a stream of events.
pub(super) fn is_event_stream(content_type: &[u8]) -> bool {
    let name = content_type.split(|&byte| byte == b';').next().unwrap_or_default();
    name.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
}

impl Events {
    /// A stream of which `max` bytes of each event are kept, if that is within the limits.
    pub(super) fn new(max: usize) -> Self {
        Self { max: max.min(limits::EVENT), ..Self::default() }
    }

    /// Takes bytes that came at this time.
    pub(super) fn push(&mut self, mut bytes: &[u8], time: u64, mut tell: impl FnMut(&Told<'_>)) {
        while !bytes.is_empty() {
            if mem::take(&mut self.after_cr) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = memchr::memchr2(b'\n', b'\r', bytes);
            let part = &bytes[..end.unwrap_or(bytes.len())];
            self.keep(part);
            let Some(end) = end else { return };
            self.after_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            self.end_line(time, &mut tell);
        }
    }

    /// Bytes are missing here.
    pub(super) fn missing(&mut self, mut tell: impl FnMut(&Told<'_>)) {
        self.cut(Flaw::Gap, &mut tell);
        self.skip = true;
        self.after_cr = false;
        self.started = true;
    }

    /// Nothing follows. A browser drops an event without its empty line; here it is told, as cut.
    pub(super) fn end(&mut self, flaw: Flaw, time: u64, mut tell: impl FnMut(&Told<'_>)) {
        if !self.line.is_empty() {
            self.end_line(time, &mut tell);
        }
        self.cut(flaw, &mut tell);
    }

    /// Bytes that it keeps.
    pub(super) fn held(&self) -> usize {
        let lists = [&self.line, &self.event, &self.data, &self.id];
        lists.into_iter().map(Vec::capacity).sum::<usize>() + size_of::<Self>()
    }

    /// Bytes that the line and the event under way may still take.
    fn room(&self) -> usize {
        let kept = self.line.len() + self.event.len() + self.data.len() + self.id.len();
        self.max.saturating_sub(kept)
    }

    fn keep(&mut self, part: &[u8]) {
        if self.skip {
            return;
        }
        let room = self.room();
        if part.len() > room {
            self.flaws.add(Flaw::Limit);
        }
        append(&mut self.line, &part[..part.len().min(room)], self.max);
        if !self.started && self.line.len() >= BOM.len() {
            self.started = true;
            if self.line.starts_with(BOM) {
                self.line.drain(..BOM.len());
            }
        }
    }

    fn end_line(&mut self, time: u64, tell: &mut impl FnMut(&Told<'_>)) {
        self.started = true;
        if mem::take(&mut self.skip) {
            // What follows may be the rest of an event.
            self.flaws.add(Flaw::Gap);
            return;
        }
        let line = mem::take(&mut self.line);
        if line.is_empty() {
            self.dispatch(tell);
        } else {
            self.field(&line, time);
        }
        self.line = line;
        self.line.clear();
    }

    fn field(&mut self, line: &[u8], time: u64) {
        let colon = memchr::memchr(b':', line);
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.has_data = true;
                let room = self.room();
                if value.len() > room {
                    self.flaws.add(Flaw::Limit);
                }
                append(&mut self.data, &value[..value.len().min(room)], self.max);
            }
            b"event" => {
                self.event.clear();
                let room = self.room();
                self.event.extend_from_slice(&value[..value.len().min(room)]);
            }
            b"id" if !value.contains(&0) => {
                self.id.clear();
                let room = self.room();
                self.id.extend_from_slice(&value[..value.len().min(room)]);
            }
            b"retry" => match number(value) {
                Some(retry) => self.retry = Some(retry),
                None => return,
            },
            // A comment, or a field that is not known.
            _ => return,
        }
        self.begun.get_or_insert(time);
    }

    /// The empty line. Without data there is no event, but an ID stays.
    fn dispatch(&mut self, tell: &mut impl FnMut(&Told<'_>)) {
        if self.has_data {
            tell(&Told {
                begun: self.begun.unwrap_or_default(),
                flaws: self.flaws,
                event: ServerEvent {
                    event: &self.event,
                    data: &self.data,
                    id: &self.id,
                    retry: self.retry,
                },
            });
        }
        self.event.clear();
        self.data.clear();
        self.has_data = false;
        self.retry = None;
        self.begun = None;
        self.flaws = Flaws::NONE;
    }

    fn cut(&mut self, flaw: Flaw, tell: &mut impl FnMut(&Told<'_>)) {
        self.line.clear();
        self.flaws.add(flaw);
        self.dispatch(tell);
    }
}

const BOM: &[u8] = "\u{feff}".as_bytes();

/// Digits only.
fn number(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Events as words: type, data, ID, retry, flaws.
    fn events(pieces: &[&[u8]]) -> Vec<String> {
        let (mut events, mut told) = (Events::new(1000), Vec::new());
        let mut tell = |one: &Told<'_>| told.push(words(one));
        for (time, piece) in pieces.iter().enumerate() {
            events.push(piece, time as u64, &mut tell);
        }
        events.end(Flaw::Cut, 99, &mut tell);
        told
    }

    fn words(told: &Told<'_>) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let event = &told.event;
        let flaws: String = told.flaws.iter().map(|flaw| format!(" {}", flaw.name())).collect();
        let retry = event.retry.map(|retry| format!(" retry {retry}")).unwrap_or_default();
        let (kind, data, id) = (text(event.event), text(event.data), text(event.id));
        format!("{kind}|{data}|{id}{retry}{flaws}")
    }

    /// The examples of the standard, section 9.2.6.
    #[test]
    fn the_examples_of_the_standard() {
        let stocks: &[u8] = b"data: YHOO\ndata: +2\ndata: 10\n\n";
        assert_eq!(events(&[stocks]), ["|YHOO\n+2\n10|"]);
        let four: &[u8] = b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n";
        assert_eq!(events(&[four]), ["|first event|1", "|second event|", "| third event| cut"]);
        let empty: &[u8] = b"data\n\ndata\ndata\n\ndata:";
        assert_eq!(events(&[empty]), ["||", "|\n|", "|| cut"]);
        assert_eq!(events(&[b"data:test\n\ndata: test\n\n"]), ["|test|", "|test|"]);
    }

    #[test]
    fn every_field_and_line_end() {
        let all = "\u{feff}event: tick\r\nid: 7\rretry: 50\ndata: a\r\n\r\ndata: b\r\rid: 8\n\n\ndata: c\n\n";
        let expected = ["tick|a|7 retry 50", "|b|7", "|c|8"];
        assert_eq!(events(&[all.as_bytes()]), expected);
        for at in 0..all.len() {
            let (left, right) = all.as_bytes().split_at(at);
            assert_eq!(events(&[left, right]), expected, "at {at}");
        }
        let odd = "retry: 5x\nid: a\0b\nother: x\nDATA: y\n: z\ndata: w\n\n\u{feff}data: x\n\n";
        assert_eq!(events(&[odd.as_bytes()]), ["|w|"]);
    }

    #[test]
    fn missing_bytes_end_an_event_and_a_line() {
        let (mut events, mut told) = (Events::new(1000), Vec::new());
        let mut tell = |one: &Told<'_>| told.push((one.begun, words(one)));
        events.push(b"data: a\ndata: lo", 5, &mut tell);
        events.missing(&mut tell);
        events.push(b"st\ndata: b\n\ndata: c\n\n", 6, &mut tell);
        let expected = [(5, "|a| gap"), (6, "|b| gap"), (6, "|c|")];
        assert_eq!(told, expected.map(|(time, text)| (time, text.to_owned())));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (mut events, mut told) = (Events::new(10), Vec::new());
        for _ in 0..100 {
            events.push(b"data: 12345678901234567890\n", 1, |_| {});
            events.push(b": comment that is longer than anything\n", 1, |_| {});
        }
        events.push(b"\ndata: x\n\n", 1, |one| told.push(words(one)));
        assert!(events.held() < 2000, "{}", events.held());
        assert_eq!((told[0].contains("limit"), told[1].as_str()), (true, "|x|"));
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            text in "(data|id|event|retry|:|\u{feff}|[:a ]|\r|\n|\n\n){0,60}",
            lengths in prop::collection::vec(1usize..9, 1..5),
        ) {
            let whole = events(&[text.as_bytes()]);
            let (mut pieces, mut rest) = (Vec::new(), text.as_bytes());
            for len in lengths.iter().cycle() {
                let (piece, after) = rest.split_at((*len).min(rest.len()));
                pieces.push(piece);
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(events(&pieces), whole);
        }
    }
}

//! Random exchanges of the `h2` crate's client and server, tapped in between: whole they are told as
//! both ends say; split anywhere, joined late and with gaps nothing is told that was not said.
#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod dice;
mod heard;
mod oracle;

use dice::Dice;
use heard::{Has, Heard, Is, Line};
use oracle::{Exchange, Moved, Said};
use stream::message::Flaw;
use stream::{CloseReason, Dir};

/// Feeds what moved, in pieces of random length.
fn feed(line: &mut Line, moved: &[Moved], dice: &mut Dice, most: u64) {
    for Moved { dir, bytes } in moved {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let len = (1 + dice.below(most) as usize).min(rest.len());
            line.moves(*dir, &rest[..len]);
            rest = &rest[len..];
        }
    }
}

fn role(heard: &Heard) -> Option<bool> {
    match heard.what {
        Is::Request(_) => Some(true),
        Is::Response(..) => Some(false),
        _ => None,
    }
}

fn said(exchange: &Exchange, request: bool) -> &Said {
    if request { &exchange.request } else { &exchange.response }
}

#[test]
fn what_both_ends_said_is_told() {
    for seed in 0..60 {
        let mut dice = Dice::new(seed);
        let talk = oracle::talk(&mut dice);
        for most in [1, 40, 20_000] {
            let mut line = Line::new();
            feed(&mut line, &talk.moved, &mut dice, most);
            line.close(CloseReason::Freed);
            let heard = line.heard();
            for (id, exchange) in &talk.exchanges {
                for request in [true, false] {
                    let said = said(exchange, request);
                    let told = heard
                        .iter()
                        .filter(|heard| heard.stream == Some(*id) && role(heard) == Some(request));
                    let [told] = Vec::from_iter(told)[..] else { panic!("seed {seed}: {id}") };
                    assert_eq!(told.flaws, [], "seed {seed}");
                    assert_eq!(told.request.as_ref(), Some(&exchange.line), "seed {seed}");
                    assert_eq!(told.status, said.status, "seed {seed}");
                    let has = told.has();
                    assert_eq!(has.headers, said.headers, "seed {seed}");
                    assert_eq!(has.trailers, said.trailers, "seed {seed}");
                    assert!(has.body == said.body, "seed {seed}: body");
                }
            }
            let told = heard.iter().filter(|heard| role(heard).is_some()).count();
            assert_eq!(told, 2 * talk.exchanges.len(), "seed {seed}: nothing else is told");
        }
    }
}

/// Takes bytes away: the first ones of both directions, and some in between.
fn damaged(line: &mut Line, moved: &[Moved], dice: &mut Dice) {
    let late = dice.below(3) == 0;
    let mut skip = if late { [dice.below(4_000), dice.below(20_000)] } else { [0; 2] };
    let losses = dice.below(5);
    for Moved { dir, bytes } in moved {
        let mut rest = bytes.as_slice();
        let skipped = skip[*dir as usize].min(rest.len() as u64);
        skip[*dir as usize] -= skipped;
        rest = &rest[skipped as usize..];
        // A late capture counts from where it begins.
        while !rest.is_empty() {
            let len = (1 + dice.below(9_000) as usize).min(rest.len());
            let (now, after) = rest.split_at(len);
            match dice.below(40) < losses {
                true => line.lose(*dir, len as u64),
                false => line.moves(*dir, now),
            }
            rest = after;
        }
    }
}

/// Whether told fields are among those that were said, in order; what is unknown may be any.
fn among(told: &[String], said: &[String]) -> bool {
    let mut said = said.iter();
    told.iter().all(|told| said.any(|said| agrees(told, said)))
}

fn agrees(told: &str, said: &str) -> bool {
    let Some((name, value)) = told.split_once(": ") else { return false };
    let Some((said_name, said_value)) = said.split_once(": ") else { return false };
    (name == "<unknown>" || name == said_name) && (value == "<unknown>" || value == said_value)
}

/// Whether the shown parts of a body are parts of the real one, in order and as far apart as is
/// claimed.
fn fits(has: &Has, real: &[u8], late: bool) -> bool {
    let mut parts: Vec<(&[u8], Option<u64>)> = Vec::new();
    let mut start = 0;
    for &(at, len) in &has.holes {
        parts.push((&has.body[start..at], len));
        start = at;
    }
    parts.push((&has.body[start..], Some(0)));
    let mut exact = !late;
    let mut at = 0;
    for (part, hole) in parts {
        let found = match exact {
            true => real.get(at..).is_some_and(|rest| rest.starts_with(part)).then_some(at),
            false => (at..=real.len()).find(|&at| real[at..].starts_with(part)),
        };
        let Some(found) = found else { return false };
        at = found + part.len() + hole.unwrap_or(0) as usize;
        exact = exact && hole.is_some() || !part.is_empty() && hole.is_some();
    }
    true
}

#[test]
fn nothing_is_told_that_was_not_said() {
    let (mut messages, mut flawed, mut unknown) = (0, 0, 0);
    for seed in 0..2_000 {
        let mut dice = Dice::new(1_000 + seed);
        let talk = oracle::talk(&mut dice);
        let mut line = Line::new();
        damaged(&mut line, &talk.moved, &mut dice);
        line.close(CloseReason::Freed);
        for heard in line.heard() {
            let Some(request) = role(&heard) else { continue };
            let id = heard.stream.unwrap();
            let exchange = talk.exchanges.get(&id);
            let exchange = exchange.unwrap_or_else(|| panic!("seed {seed}: invented {heard:#?}"));
            let said = said(exchange, request);
            assert_eq!(heard.dir == Dir::Write, request, "seed {seed}");
            if let Some(line) = &heard.request {
                let parts = line.split(' ').zip(exchange.line.split(' '));
                for (told, said) in parts {
                    assert!(told == "-" || told == said, "seed {seed}: {line}");
                }
            }
            if !request && heard.status.is_some() {
                assert_eq!(heard.status, said.status, "seed {seed}");
            }
            let has = heard.has();
            let pseudo = [":method: <unknown>", ":status: <unknown>"];
            assert!(!has.headers.iter().any(|field| pseudo.contains(&field.as_str())));
            // An unknown pseudo-header is among the others. A last block whose first field is not
            // known may be the head or the trailers of a message.
            let headless = heard.flaws.contains(&Flaw::Late) || heard.flaws.contains(&Flaw::Gap);
            let trailers = if headless { said.trailers.as_slice() } else { &[] };
            let all = [said.pseudo.as_slice(), &said.headers, trailers].concat();
            let wrong = format!("seed {seed}: {:?} of {all:?}", has.headers);
            assert!(among(&has.headers, &all), "{wrong}");
            let wrong = format!("seed {seed}: {:?} of {:?}", has.trailers, said.trailers);
            assert!(among(&has.trailers, &said.trailers), "{wrong}");
            let fit = fits(has, &said.body, headless && has.headers.is_empty());
            assert!(fit, "seed {seed}: body of {id}, {:?}", heard.flaws);
            if heard.flaws.is_empty() {
                assert!(has.body == said.body, "seed {seed}: body of {id}");
                assert_eq!(has.trailers.len(), said.trailers.len(), "seed {seed}");
            }
            messages += 1;
            flawed += usize::from(!heard.flaws.is_empty());
            unknown += has.headers.iter().filter(|field| field.contains("<unknown>")).count();
        }
    }
    // Otherwise the test would say little.
    assert!(messages > 2_000 && flawed > 200 && unknown > 200, "{messages} {flawed} {unknown}");
}

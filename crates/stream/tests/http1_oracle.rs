//! Random exchanges of the `hyper` crate's client and server, tapped in between: whole they are told
//! as both ends say, wherever they are split; with gaps nothing is told that was not said, what is
//! not whole says so, and the next message is found.
#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod dice;
mod heard;
mod hyper_peers;

use std::collections::HashMap;

use dice::Dice;
use heard::{Has, Heard, Is, Line, check_spans};
use hyper_peers::{Moved, Said, Talk};
use stream::{CloseReason, Dir};

/// Feeds what moved in pieces of at most so many bytes, of which some are lost: one in `losses`.
fn feed(talk: &Talk, dice: &mut Dice, most: u64, losses: Option<u64>) -> Vec<Heard> {
    let mut line = Line::new();
    for Moved { dir, bytes } in &talk.moved {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let len = (1 + dice.below(most) as usize).min(rest.len());
            match losses.is_some_and(|losses| dice.below(losses) == 0) {
                true => line.lose(*dir, len as u64),
                false => line.moves(*dir, &rest[..len]),
            }
            rest = &rest[len..];
        }
    }
    line.close(CloseReason::Freed);
    let heard = line.heard();
    for dir in [Dir::Read, Dir::Write] {
        check_spans(&heard, dir, line.pos[dir as usize]);
    }
    heard
}

/// Whether all of `some` are in `all`, in order.
fn among(some: &[String], all: &[String]) -> bool {
    let mut all = all.iter();
    some.iter().all(|one| all.any(|other| other.eq_ignore_ascii_case(one)))
}

/// It is what was said; the peers add fields about framing and time.
fn is_said(heard: &Heard, line: &str, said: &Said) {
    let has = heard.has();
    assert_eq!((heard.request.as_deref(), heard.status), (Some(line), said.status));
    assert!(among(&said.headers, &has.headers), "{:?} in {:?}", said.headers, has.headers);
    assert!(has.body == said.body, "{} and {} bytes", has.body.len(), said.body.len());
    assert!(has.trailers.len() == said.trailers.len() && among(&said.trailers, &has.trailers));
    assert_eq!(heard.flaws, []);
}

#[test]
fn what_both_ends_said_is_told() {
    let (mut trailers, mut interim) = (0, 0);
    for seed in 0..80 {
        let mut dice = Dice::new(seed);
        let talk = hyper_peers::talk(&mut dice);
        for most in [1, 40, 20_000] {
            let heard = feed(&talk, &mut dice, most, None);
            let mut count = 0;
            for (exchange, number) in talk.exchanges.iter().zip(1..) {
                let of_it = heard.iter().filter(|heard| heard.exchange == number);
                let mut told: Vec<_> = of_it.collect();
                count += told.len();
                // hyper's client does not wait for it.
                if let Some(at) = told.iter().position(|heard| heard.status == Some(100)) {
                    told.remove(at);
                    interim += 1;
                }
                assert_eq!(told.len(), 2, "seed {seed}: {told:#?}");
                is_said(told[0], &exchange.line, &exchange.request);
                is_said(told[1], &exchange.line, &exchange.response);
                trailers += exchange.request.trailers.len() + exchange.response.trailers.len();
            }
            assert_eq!(heard.len(), count, "seed {seed}: nothing else is told");
        }
    }
    // Otherwise the test would say little.
    assert!(trailers > 50 && interim > 20, "{trailers} {interim}");
}

/// The shown parts of a body stand where they stood, as far apart as is claimed.
fn fits(has: &Has, real: &[u8]) -> bool {
    let (mut start, mut at) = (0, 0);
    for &(hole, len) in has.holes.iter().chain([&(has.body.len(), Some(0))]) {
        let part = &has.body[start..hole];
        if !real.get(at..).is_some_and(|rest| rest.starts_with(part)) {
            return false;
        }
        (start, at) = (hole, at + part.len());
        match len {
            Some(len) => at += len as usize,
            // Nothing follows it.
            None => return start == has.body.len(),
        }
    }
    true
}

fn is_framing(field: &str) -> bool {
    field.starts_with("content-length: ") || field.starts_with("transfer-encoding: ")
}

#[test]
fn nothing_is_told_that_was_not_said() {
    let (mut whole, mut flawed, mut found) = (0, 0, 0);
    for seed in 0..400 {
        let mut dice = Dice::new(10_000 + seed);
        let talk = hyper_peers::talk(&mut dice);
        // Where messages begin is known from reading all of it, which the other test checks.
        let reference: HashMap<_, _> = feed(&talk, &mut dice, 20_000, None)
            .into_iter()
            .map(|heard| ((heard.dir as u8, heard.pos), heard))
            .collect();
        let most = [200, 3_000, 20_000][dice.below(3) as usize];
        let heard = feed(&talk, &mut dice, most, Some(12));
        let mut lost = [false; 2];
        for heard in &heard {
            let place = (heard.dir as u8, heard.pos);
            match &heard.what {
                Is::Gap | Is::Loose(_) => lost[heard.dir as usize] = true,
                Is::Request(has) | Is::Response(_, has, ..) => {
                    let real = reference.get(&place);
                    let real = real.unwrap_or_else(|| panic!("seed {seed}: made up {heard:#?}"));
                    let said = real.has();
                    assert_eq!(heard.status, real.status, "seed {seed}");
                    assert!(among(&has.headers, &said.headers), "seed {seed}: {heard:#?}");
                    assert!(among(&has.trailers, &said.trailers), "seed {seed}: {heard:#?}");
                    // Without its request it is not known that it answers a HEAD.
                    let framed = said.headers.iter().any(|field| is_framing(field));
                    if heard.request.is_some() || framed || real.status == Some(204) {
                        assert!(fits(has, &said.body), "seed {seed}: {heard:#?}");
                    }
                    if let (Some(told), Some(line)) = (&heard.request, &real.request) {
                        let parts = told.split(' ').zip(line.split(' '));
                        let known = parts.filter(|(told, _)| *told != "-");
                        known.for_each(|(told, said)| assert_eq!(told, said, "seed {seed}"));
                    }
                    if heard.flaws.is_empty() && heard.request.is_some() {
                        assert_eq!((has, heard.len), (said, real.len), "seed {seed}");
                        whole += 1;
                        found += usize::from(lost[heard.dir as usize]);
                    } else {
                        flawed += 1;
                    }
                }
                _ => {}
            }
        }
    }
    assert!(whole > 1_000 && flawed > 300 && found > 300, "{whole} {flawed} {found}");
}

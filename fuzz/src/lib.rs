//! What the targets of the parsers share: an input as moves of both directions, and what must hold
//! of all of them.
//!
//! An input is moves, each with two bytes before it: the upper bit says the direction, the next one
//! that the bytes are missing, the rest how many they are.
#![forbid(unsafe_code)]

use std::collections::HashSet;

use stream::Dir;
use stream::message::{By, Flaw, Message, Part, What, Wire};
use stream::proto::{Chunk, Dialogue, End, Missing, Next, Options};

/// So little of a body is shown that fuzzing reaches the end of it.
pub const OPTIONS: Options = Options { max_body: 4_096, max_held: 24 << 20 };

/// Bytes of one direction, or that they are missing.
#[derive(Debug, Clone, Copy)]
pub enum Move<'a> {
    /// They are there.
    Bytes(Dir, &'a [u8]),
    /// So many are missing.
    Gap(Dir, u64),
}

/// The moves of an input.
pub fn moves(mut input: &[u8]) -> Vec<Move<'_>> {
    let mut moves = Vec::new();
    while let [how, low, rest @ ..] = input {
        let dir = if how & 0x80 == 0 { Dir::Read } else { Dir::Write };
        let len = usize::from(u16::from_be_bytes([how & 0x3f, *low]));
        if how & 0x40 != 0 {
            moves.push(Move::Gap(dir, len as u64 + 1));
            input = rest;
            continue;
        }
        let (bytes, rest) = rest.split_at(len.min(rest.len()));
        moves.push(Move::Bytes(dir, bytes));
        input = rest;
    }
    moves
}

/// The same without gaps, in pieces of at most so many bytes, in turn.
pub fn split<'a>(moves: &[Move<'a>], lens: &[usize]) -> Vec<Move<'a>> {
    let mut lens = lens.iter().cycle();
    let mut pieces = Vec::new();
    for one in moves {
        let Move::Bytes(dir, mut rest) = *one else { continue };
        while !rest.is_empty() {
            let len = lens.next().map_or(rest.len(), |&len| len.clamp(1, rest.len()));
            let (piece, after) = rest.split_at(len);
            pieces.push(Move::Bytes(dir, piece));
            rest = after;
        }
    }
    pieces
}

/// Lengths of pieces that an input chooses for itself.
pub fn lens(input: &[u8]) -> Vec<usize> {
    let sum = input.iter().fold(0usize, |sum, &byte| sum.wrapping_mul(31) + usize::from(byte));
    vec![1 + sum % 7, 1 + sum / 7 % 90, 1 + sum / 630 % 3_000]
}

/// What was told of a connection.
#[derive(Debug, Default)]
pub struct Told {
    /// Each message, and whether the framing is whole up to it.
    pub messages: Vec<(String, bool)>,
    /// Bytes that messages took, by direction.
    pub bytes: [u64; 2],
    /// Bytes that were moved, those of gaps among them.
    pub moved: [u64; 2],
    /// Bytes that are missing.
    pub gaps: [u64; 2],
    /// Responses that stream: what is told in one lies within its end.
    streaming: HashSet<(Option<u32>, u64, u8)>,
}

/// Plays moves to a connection. It may hold `most` bytes.
pub fn play(dialogue: &mut impl Dialogue, moves: &[Move<'_>], most: usize) -> Told {
    let mut told = Told::default();
    for one in moves {
        let next = match *one {
            Move::Bytes(dir, bytes) => {
                let pos = told.moved[dir as usize];
                told.moved[dir as usize] += bytes.len() as u64;
                let chunk = Chunk { time: 1, by: By::default(), dir, pos, bytes };
                let next = dialogue.data(&chunk, &mut |message| told.message(message));
                if let Next::Upgrade(upgrade) = &next {
                    told.moved[dir as usize] = pos + upgrade.used as u64;
                }
                next
            }
            Move::Gap(dir, len) => {
                let pos = told.moved[dir as usize];
                told.moved[dir as usize] += len;
                told.gaps[dir as usize] += len;
                let missing = Missing { time: 1, by: By::default(), dir, pos, len };
                dialogue.missing(&missing, &mut |message| told.message(message))
            }
        };
        assert!(dialogue.held() <= most, "{} bytes are held", dialogue.held());
        if !matches!(next, Next::Stay) {
            break;
        }
    }
    let end = End { time: 1, closed: true, flaw: Flaw::Cut };
    dialogue.end(end, &mut |message| told.message(message));
    told
}

impl Told {
    fn message(&mut self, message: &Message<'_>) {
        let dir = message.dir as usize;
        let place = (message.stream, message.exchange, message.dir as u8);
        let end = message.wire.pos.checked_add(message.wire.len).expect("an end");
        assert!(end <= self.moved[dir], "past {}: {message:?}", self.moved[dir]);
        let within = match message.what {
            What::Response(response) if response.part == Part::Head => {
                self.streaming.insert(place);
                true
            }
            What::Response(response) => {
                let known = self.streaming.remove(&place);
                assert_eq!(known, response.part == Part::End, "{message:?}");
                false
            }
            What::Event(_) => true,
            What::Rpc(_) | What::Loose(_) => self.streaming.contains(&place),
            _ => false,
        };
        if !within {
            self.bytes[dir] += message.wire.len;
        }
        let sound = message.flaws.is_empty() && !matches!(message.what, What::Loose(_));
        // One whose request was not seen may answer a HEAD: what a call begins with tells.
        let sound = sound
            && (message.request.is_some() || !matches!(message.what, What::Response(_)))
            && self.messages.last().is_none_or(|(_, sound)| *sound);
        // An event takes no bytes of its own, and where it stands depends on where calls begin.
        let place = if message.wire.len == 0 { Wire::default() } else { message.wire };
        let shown = Message { wire: place, ..*message };
        self.messages.push((format!("{shown:?}"), sound));
    }

    /// Each byte was told of once, in a message or as one of `overhead`.
    pub fn is_accounted(&self, overhead: [u64; 2]) {
        for dir in 0..2 {
            let (told, moved) = (self.bytes[dir] + overhead[dir], self.moved[dir]);
            // What is missing may lie within a message, or beside.
            let fits = told <= moved && told + self.gaps[dir] >= moved;
            assert!(fits, "{told} of {moved}, {} missing: {:#?}", self.gaps[dir], self.messages);
        }
    }

    /// The same was told as of `other`, up to where the framing broke: how what follows is found
    /// depends on where calls begin.
    pub fn is_same(&self, other: &Self) {
        for ((one, sound), (two, other_sound)) in self.messages.iter().zip(&other.messages) {
            assert_eq!(sound, other_sound, "{one}\n{two}");
            if !sound {
                return;
            }
            assert_eq!(one, two);
        }
        assert_eq!(self.messages.len(), other.messages.len(), "{self:#?}\n{other:#?}");
    }

    /// The same where a break may leave no trace: if a call begins with whole units, they are taken
    /// as such at once, while of a call that has only their beginning it is told that it broke.
    pub fn is_same_till_lost(&self, other: &Self) {
        for ((one, sound), (two, other_sound)) in self.messages.iter().zip(&other.messages) {
            if !(*sound && *other_sound) {
                return;
            }
            assert_eq!(one, two);
        }
        let both = self.messages.len().min(other.messages.len());
        let more = self.messages.get(both).or_else(|| other.messages.get(both));
        assert!(more.is_none_or(|(_, sound)| !sound), "{self:#?}\n{other:#?}");
    }
}

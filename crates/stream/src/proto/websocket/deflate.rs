//! permessage-deflate (RFC 7692).

use flate2::{Decompress, FlushDecompress, Status};

use crate::limits;
use crate::message::{Headers, Problem};

/// What both ends agreed on, of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Agreed {
    /// Messages may be compressed.
    pub(super) deflate: bool,
    /// Each message stands for itself.
    pub(super) fresh: bool,
    /// Another extension may give frames a meaning that is not known.
    pub(super) foreign: bool,
}

/// Reads Sec-WebSocket-Extensions of the response (section 7.1): what the client's messages and
/// the server's are like.
pub(super) fn agreed(response: Headers<'_>) -> [Agreed; 2] {
    let [mut client, mut server] = [Agreed::default(); 2];
    let values = response.all(b"sec-websocket-extensions");
    for extension in values.flat_map(|value| value.split(|&byte| byte == b',')) {
        let mut words = extension.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        match words.next() {
            Some(b"") | None => {}
            Some(name) if name.eq_ignore_ascii_case(b"permessage-deflate") => {
                (client.deflate, server.deflate) = (true, true);
                for word in words {
                    client.fresh |= word.eq_ignore_ascii_case(b"client_no_context_takeover");
                    server.fresh |= word.eq_ignore_ascii_case(b"server_no_context_takeover");
                }
            }
            Some(_) => (client.foreign, server.foreign) = (true, true),
        }
    }
    [client, server]
}

/// One direction's decompressor.
#[derive(Debug, Default)]
pub(super) struct Inflate {
    /// Made for the first message that is compressed: it takes some 40 KiB.
    state: Option<Box<Decompress>>,
    /// The window is not what the sender's is.
    lost: Option<Problem>,
    /// Of the message under way.
    produced: u64,
    taken: u64,
    /// Its bytes so far end with a block that says it is the last one: no tail was cut off.
    over: bool,
}

/// A decompressor's memory: the window of 32 KiB and its tables.
const STATE: usize = 48 << 10;
/// The end of every message, which is not sent (section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

impl Inflate {
    /// A message begins. `fresh`: it refers to none before it.
    pub(super) fn begin(&mut self, fresh: bool) -> Option<Problem> {
        (self.produced, self.taken, self.over) = (0, 0, false);
        if fresh {
            self.lost = None;
            if let Some(state) = &mut self.state {
                state.reset(false);
            }
        }
        self.lost
    }

    /// Missing bytes: nothing more can be decompressed, unless messages stand for themselves.
    pub(super) fn lose(&mut self, problem: Problem) {
        self.lost.get_or_insert(problem);
    }

    /// Decompresses bytes of a message.
    pub(super) fn push(&mut self, bytes: &[u8], tell: impl FnMut(&[u8])) -> Result<(), Problem> {
        self.taken += bytes.len() as u64;
        self.over &= bytes.is_empty();
        self.run(bytes, false, tell)
    }

    /// The message ends.
    pub(super) fn end(&mut self, tell: impl FnMut(&[u8])) -> Result<(), Problem> {
        if self.over { Ok(()) } else { self.run(&TAIL, true, tell) }
    }

    fn run(
        &mut self,
        mut bytes: &[u8],
        tail: bool,
        mut tell: impl FnMut(&[u8]),
    ) -> Result<(), Problem> {
        if let Some(problem) = self.lost {
            return Err(problem);
        }
        let state = self.state.get_or_insert_with(|| Box::new(Decompress::new(false)));
        let mut room = [0; limits::DECODED];
        loop {
            let (before_in, before_out) = (state.total_in(), state.total_out());
            let status = state.decompress(bytes, &mut room, FlushDecompress::Sync);
            let used = (state.total_in() - before_in) as usize;
            let made = (state.total_out() - before_out) as usize;
            tell(&room[..made]);
            self.produced += made as u64;
            bytes = &bytes[used.min(bytes.len())..];
            let problem = match status {
                Err(_) => Some(Problem::Corrupt),
                _ if is_bomb(self.produced, self.taken) => Some(Problem::Bomb),
                // A block that says it is the last one: the next message begins anew.
                Ok(Status::StreamEnd) => {
                    state.reset(false);
                    if bytes.is_empty() || tail && bytes == TAIL {
                        self.over = true;
                        return Ok(());
                    }
                    None
                }
                Ok(_) if bytes.is_empty() && made < limits::DECODED => return Ok(()),
                Ok(_) if used == 0 && made == 0 => Some(Problem::Corrupt),
                Ok(_) => None,
            };
            if let Some(problem) = problem {
                self.lost = Some(problem);
                return Err(problem);
            }
        }
    }

    /// Bytes that it keeps.
    pub(super) fn held(&self) -> usize {
        if self.state.is_some() { STATE } else { 0 }
    }
}

fn is_bomb(produced: u64, taken: u64) -> bool {
    produced > limits::FRAME_BOMB && produced / limits::FRAME_BOMB_RATIO > taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Head;

    fn inflate(inflate: &mut Inflate, bytes: &[u8]) -> Result<Vec<u8>, Problem> {
        let mut out = Vec::new();
        inflate.push(bytes, |part| out.extend_from_slice(part))?;
        inflate.end(|part| out.extend_from_slice(part))?;
        Ok(out)
    }

    /// RFC 7692, section 7.2.3.
    #[test]
    fn the_examples_of_the_rfc() {
        let once = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let again = [0xf2, 0x00, 0x11, 0x00, 0x00];
        let mut state = Inflate::default();
        assert_eq!(inflate(&mut state, &once).unwrap(), b"Hello");
        assert_eq!(inflate(&mut state, &again).unwrap(), b"Hello", "from the window");
        let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
        assert_eq!(inflate(&mut state, &stored).unwrap(), b"Hello");
        let last = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
        assert_eq!(inflate(&mut Inflate::default(), &last).unwrap(), b"Hello");
        let two = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
        assert_eq!(inflate(&mut Inflate::default(), &two).unwrap(), b"Hello");
        // Without the window there is no answer, and no wrong one.
        assert_eq!(inflate(&mut Inflate::default(), &again), Err(Problem::Corrupt));
    }

    #[test]
    fn a_lost_window_comes_back_with_messages_that_need_none() {
        let once = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let mut state = Inflate::default();
        state.lose(Problem::Gap);
        assert_eq!(state.begin(false), Some(Problem::Gap));
        assert_eq!(inflate(&mut state, &once), Err(Problem::Gap));
        assert_eq!(state.begin(true), None);
        assert_eq!(inflate(&mut state, &once).unwrap(), b"Hello");
    }

    #[test]
    fn what_was_agreed_on() {
        let of = |value: &str| {
            let mut head = Head::new();
            head.push(Some(b"Sec-WebSocket-Extensions"), Some(value.as_bytes()));
            agreed(head.headers())
        };
        let plain = Agreed { deflate: true, ..Agreed::default() };
        assert_eq!(of("permessage-deflate"), [plain; 2]);
        let fresh = Agreed { fresh: true, ..plain };
        let value = "Permessage-Deflate; server_no_context_takeover; client_max_window_bits=10";
        assert_eq!(of(value), [plain, fresh]);
        assert_eq!(of("permessage-deflate; client_no_context_takeover"), [fresh, plain]);
        assert!(of("x-other; a=b")[0].foreign);
        assert_eq!(of(""), [Agreed::default(); 2]);
    }

    #[test]
    fn a_bomb_is_past_16_mib_and_200_to_one() {
        let (most, ratio) = (limits::FRAME_BOMB, limits::FRAME_BOMB_RATIO);
        assert_eq!((is_bomb(most, 1), is_bomb(most + 1, 1)), (false, true));
        let produced = 2 * most;
        let taken = produced / ratio;
        assert_eq!((is_bomb(produced, taken), is_bomb(produced, taken - 1)), (false, true));
    }
}

//! Where bytes are missing, or nothing follows.

use crate::message::Flaw;
use crate::proto::Missing;

use super::{From, Half, Made, State, Told, skip};

impl Half {
    /// Missing bytes in the frame that is being read, or from its end on.
    pub(super) fn gap(&mut self, missing: &mut Missing) -> Option<Made<'static>> {
        match self.state {
            State::Start | State::Head => self.lose(Flaw::Gap),
            State::PadLength(head) => {
                // How much of it is padding is not known, so all of it counts as content.
                self.state = State::Data { head, content: head.len, padding: 0 };
                None
            }
            State::Data { head, content, padding } => {
                let hidden = skip(missing, content);
                let pad = match hidden == content {
                    true => skip(missing, padding),
                    false => 0,
                };
                let (content, padding) = (content - hidden, padding - pad);
                let made = self.data(head, content, padding, From::Chunk(&[]), pad)?;
                let Told::Data { stream, end, .. } = made.what else { return Some(made) };
                self.at.pos += hidden as u64;
                let what = Told::Hole { stream, len: hidden as u64, end };
                Some(Made { what, wire: made.wire + hidden as u64, ..made })
            }
            State::Payload(head) => {
                let held = self.held.len();
                let hidden = skip(missing, head.len - held);
                let kind = head.kind;
                let left = head.len - held - hidden;
                self.state = match left {
                    0 => State::Head,
                    _ => State::Pass { kind, left },
                };
                if kind.is_block() {
                    return Some(self.cut_block(head, hidden as u64, Flaw::Gap));
                }
                self.held.clear();
                let wire = std::mem::take(&mut self.untold) + hidden as u64;
                Some(self.made(Told::Overhead, wire))
            }
            State::Pass { kind, left } => {
                let hidden = skip(missing, left);
                self.passed(kind, left - hidden, hidden as u64)
            }
            State::Lost(_) => None,
        }
    }

    /// What is unfinished, when nothing follows.
    pub(super) fn cut(&mut self, flaw: Flaw) -> Option<Made<'static>> {
        let state = std::mem::replace(&mut self.state, State::Lost(flaw));
        let open = self.open.take();
        match state {
            State::Payload(head) if head.kind.is_block() => {
                self.open = open;
                let made = self.cut_block(head, 0, flaw);
                self.open = None;
                return Some(made);
            }
            State::Payload(_) => self.held.clear(),
            _ if open.is_some_and(|open| !open.told) => {
                self.open = open;
                return self.block_end(Some(flaw));
            }
            _ if !self.held.is_empty() => return Some(self.made_held()),
            _ => {}
        }
        let wire = std::mem::take(&mut self.untold);
        (wire > 0).then(|| self.made(Told::Overhead, wire))
    }
}

//! Bytes that found no room in a ring and wait in their program's memory.

use super::table::Table;
use super::{Context, Output};
use crate::event::{Data, Gap, Rest};
use crate::limits::{REST, REST_PIECE};
use crate::reason::GapReason;

impl Table {
    /// Takes them from there, a piece at a time, and says when they were taken.
    pub(super) fn rest(
        &mut self,
        rest: &Rest,
        context: &mut impl Context,
        output: &mut impl Output,
    ) {
        let (keep, tid) = (rest.keep.min(REST), rest.head.tid);
        let mut buffer = [0; REST_PIECE];
        let mut done = 0;
        while done < keep {
            let want = usize::try_from(keep - done).unwrap_or(usize::MAX).min(REST_PIECE);
            let piece = &mut buffer[..want];
            let got = context.memory(tid, rest.address.wrapping_add(done), piece).min(want);
            if got > 0 {
                self.data(&rest.data(done, &piece[..got]), context, output);
                done += got as u64;
            }
            if got < want {
                break;
            }
        }
        context.go_on(tid);
        let gaps = [
            (done, keep, GapReason::Unreadable),
            (keep, rest.keep, GapReason::TooLong),
            (rest.keep, rest.len, rest.reason),
        ];
        for (from, to, reason) in gaps {
            // Bytes that are looked at and not taken come again.
            if from < to && !rest.is_peek() {
                self.gap(&rest.gap(from, to - from, reason), context, output);
            }
        }
    }
}

impl Rest {
    fn data<'a>(&self, from: u64, bytes: &'a [u8]) -> Data<'a> {
        Data {
            head: self.head,
            dir: self.dir,
            pos: self.place(self.pos, from),
            call_len: self.call_len,
            call_off: self.call_off.saturating_add(from),
            bytes,
        }
    }

    fn gap(&self, from: u64, len: u64, reason: GapReason) -> Gap {
        Gap {
            head: self.head,
            dir: self.dir,
            pos: self.place(self.pos, from),
            len,
            call_len: self.call_len,
            call_off: self.call_off.saturating_add(from),
            reason,
        }
    }

    /// A peek stays where it is.
    fn place(&self, pos: u64, from: u64) -> u64 {
        if self.is_peek() { pos } else { pos.saturating_add(from) }
    }
}

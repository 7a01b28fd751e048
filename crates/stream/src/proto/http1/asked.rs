//! Requests that wait for their responses, and which of them a response answers.

use std::collections::VecDeque;

use crate::limits;
use crate::message::{By, Line, RequestLine};

/// A request, as far as its response needs it.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub exchange: u64,
    pub begun: u64,
    /// Who asked.
    pub by: By,
    pub line: Line,
    pub kind: Kind,
}

/// Methods whose responses have rules of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Kind {
    Head,
    Connect,
    #[default]
    Other,
}

impl Kind {
    pub(super) fn of(method: &[u8]) -> Self {
        match method {
            b"HEAD" => Self::Head,
            b"CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }
}

/// The requests of a connection that were not answered yet, oldest first (RFC 9112, section 9.3.2:
/// responses come in the order of their requests).
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Asked>,
    /// Bytes of the lines that wait.
    lines: usize,
    /// A line whose room is used again.
    spare: Option<Line>,
    /// A request came before the one before it was answered.
    pipelined: bool,
    /// Whole messages may be missing.
    lossy: bool,
    /// Whole requests may be missing, and no response has come since.
    owed: bool,
    /// So many of the oldest may have been answered: requests were missed while responses were
    /// not followed.
    doubtful: usize,
}

impl Queue {
    /// Adds a request. `lost`: responses are not being followed, so that one that still waits may
    /// have been answered.
    pub(super) fn ask(
        &mut self,
        exchange: u64,
        (begun, by): (u64, By),
        line: &RequestLine<'_>,
        lost: bool,
    ) {
        self.pipelined |= (!self.waiting.is_empty() || self.owed) && !lost;
        let mut kept = self.spare.take().unwrap_or_default();
        kept.set(line);
        let kind = Kind::of(line.method.unwrap_or_default());
        self.lines += kept.len();
        self.waiting.push_back(Asked { exchange, begun, by, line: kept, kind });
    }

    /// Puts back one whose answer is still to come.
    pub(super) fn ask_again(&mut self, asked: Asked) {
        self.lines += asked.line.len();
        self.waiting.push_front(asked);
    }

    /// Whether more wait than are kept.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() > limits::UNANSWERED
    }

    /// Whole responses may be missing, or requests. `both`: so are those of the other direction.
    pub(super) fn lose(&mut self, requests: bool, both: bool) {
        self.lossy = true;
        self.owed |= requests;
        if both {
            self.doubtful = self.waiting.len();
        }
    }

    /// Whether the oldest one may have been answered.
    pub(super) fn is_doubtful(&self) -> bool {
        self.doubtful > 0
    }

    /// Whether it can't be known any more which request a response answers: the connection
    /// pipelines, and whole messages are missing.
    fn is_unsure(&self) -> bool {
        self.pipelined && self.lossy
    }

    /// A request whose response must have been missed: a later one waits, and the responses were
    /// not followed for a while. To be asked when they are followed again.
    pub(super) fn overtaken(&mut self) -> Option<Asked> {
        if self.waiting.len() > 1 && !self.pipelined { self.give_up() } else { None }
    }

    /// The request that the next response answers; it waits no longer.
    pub(super) fn answer(&mut self) -> Option<Asked> {
        self.owed = false;
        if self.is_unsure() || self.is_doubtful() {
            return None;
        }
        self.pop()
    }

    /// The oldest one, whether or not responses can be told apart.
    pub(super) fn give_up(&mut self) -> Option<Asked> {
        self.doubtful = self.doubtful.saturating_sub(1);
        self.pop()
    }

    fn pop(&mut self) -> Option<Asked> {
        let asked = self.waiting.pop_front()?;
        self.lines -= asked.line.len();
        Some(asked)
    }

    /// Takes back the room of one that was answered.
    pub(super) fn reuse(&mut self, asked: Asked) {
        self.spare = Some(asked.line);
    }

    /// Bytes that it keeps.
    pub(super) fn held(&self) -> usize {
        let spare = self.spare.as_ref().map_or(0, Line::len);
        self.waiting.capacity() * size_of::<Asked>() + self.lines + spare
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(lost: bool) -> Queue {
        let mut queue = Queue::default();
        for exchange in 1..=2 {
            let line = RequestLine { method: Some(b"HEAD"), ..RequestLine::default() };
            queue.ask(exchange, (10 * exchange, By::default()), &line, lost);
        }
        queue
    }

    #[test]
    fn responses_come_in_the_order_of_requests() {
        let mut queue = queue(false);
        let asked = queue.answer().unwrap();
        assert_eq!((asked.exchange, asked.begun, asked.kind), (1, 10, Kind::Head));
        queue.reuse(asked);
        assert_eq!(queue.answer().map(|asked| asked.exchange), Some(2));
        assert!(queue.answer().is_none());
    }

    #[test]
    fn a_lost_response_is_passed_over_if_requests_took_turns() {
        let mut queue = queue(true);
        queue.lose(false, false);
        assert_eq!(queue.overtaken().map(|asked| asked.exchange), Some(1));
        assert!(queue.overtaken().is_none());
        assert_eq!(queue.answer().map(|asked| asked.exchange), Some(2));
    }

    #[test]
    fn what_was_missed_on_both_sides_answers_none() {
        let mut queue = queue(true);
        queue.lose(true, true);
        assert_eq!(queue.overtaken().map(|asked| asked.exchange), Some(1));
        assert!(queue.is_doubtful() && queue.answer().is_none());
        queue.ask(3, (30, By::default()), &RequestLine::default(), true);
        assert_eq!(queue.overtaken().map(|asked| asked.exchange), Some(2));
        assert_eq!(queue.answer().map(|asked| asked.exchange), Some(3));
    }

    #[test]
    fn among_pipelined_requests_none_is_guessed() {
        let mut queue = queue(false);
        queue.lose(true, false);
        assert!(queue.overtaken().is_none() && queue.answer().is_none());
        assert_eq!(queue.give_up().map(|asked| asked.exchange), Some(1));
    }
}

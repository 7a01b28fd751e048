//! One stream: a request and its responses.

use crate::message::{Line, RequestLine};
use crate::proto::Holding;

use super::super::side::{Phase, Side};

/// A request and its responses.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) exchange: u64,
    pub(super) line: Line,
    /// Its request, or the promise of it, was seen.
    pub(super) asked: Option<u64>,
    pub(super) grpc: bool,
    pub(super) request: Side,
    pub(super) response: Side,
    /// What it kept when it was counted last.
    pub(super) counted: Holding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Request,
    Response,
}

impl Stream {
    pub(super) fn side(&mut self, role: Role) -> &mut Side {
        match role {
            Role::Request => &mut self.request,
            Role::Response => &mut self.response,
        }
    }

    pub(super) fn phase(&self, role: Role) -> Phase {
        match role {
            Role::Request => self.request.phase,
            Role::Response => self.response.phase,
        }
    }

    /// What it keeps.
    pub(super) fn holding(&self) -> Holding {
        Holding::of_state(self.line.len()) + self.request.holding() + self.response.holding()
    }

    /// Ready for another exchange, in the same room.
    pub(super) fn clear(&mut self) {
        self.request.clear();
        self.response.clear();
        self.line.set(&RequestLine::default());
        (self.exchange, self.asked, self.grpc) = (0, None, false);
        self.counted = Holding::default();
    }
}

/// Servers open the streams of even numbers (RFC 9113, section 5.1.1).
pub(super) fn is_pushed(id: u32) -> bool {
    id.is_multiple_of(2)
}

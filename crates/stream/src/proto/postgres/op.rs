//! What a client has asked for and has no answer to.

use std::sync::Arc;

use crate::proto::sql::asked::{Asked, Statement};

/// One request, or a part of one.
#[derive(Debug)]
pub(super) enum Op {
    /// A statement is prepared. Told of if that fails and nothing executes it.
    Parse(Box<Asked>),
    /// Likewise for its parameters.
    Bind(Box<Asked>),
    /// Of a statement, by its name, or of a portal.
    Describe(Option<Vec<u8>>),
    Execute(Box<Asked>),
    Close,
    Sync,
    /// A text, a function or a login: all end with ReadyForQuery.
    Query(Box<Asked>),
}

impl Op {
    /// What it is told as.
    pub(super) fn asked_mut(&mut self) -> Option<&mut Asked> {
        match self {
            Self::Execute(asked) | Self::Query(asked) => Some(asked),
            _ => None,
        }
    }

    /// The statement that it speaks of.
    pub(super) fn statement(&self) -> Option<&Arc<Statement>> {
        match self {
            Self::Execute(asked) | Self::Query(asked) | Self::Parse(asked) | Self::Bind(asked) => {
                Some(&asked.statement)
            }
            _ => None,
        }
    }

    /// Whether a ReadyForQuery answers it.
    pub(super) fn ends(&self) -> bool {
        matches!(self, Self::Sync | Self::Query(_))
    }

    /// Bytes that it keeps when it is asked.
    pub(super) fn held(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Execute(asked)
                | Self::Query(asked)
                | Self::Parse(asked)
                | Self::Bind(asked) => asked.params.held() + size_of::<Asked>(),
                Self::Describe(name) => name.as_ref().map_or(0, Vec::len),
                Self::Close | Self::Sync => 0,
            }
    }
}

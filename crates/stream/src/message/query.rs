//! What a client asked of a database, and what came of it, in one message.

use super::{Body, Headers, Wire};

/// A statement and its result. Its [`Message::wire`](super::Message::wire) is the span of the
/// request, [`answer`](Self::answer) that of the result, which went the other way.
#[derive(Debug, Clone, Copy, Default)]
pub struct Query<'a> {
    /// What was asked for.
    pub command: Command,
    /// The database that the connection uses; `None`: not seen.
    pub db: Option<&'a [u8]>,
    /// The user that the connection is logged in as; `None`: not seen.
    pub user: Option<&'a [u8]>,
    /// The connection's number at the server: PostgreSQL's process, MySQL's thread.
    pub server_id: Option<u64>,
    /// The statement as it was sent, that of a prepared one at each execution. Passwords in it are
    /// masked.
    pub statement: Body<'a>,
    /// Values of its parameters in order, as text: the name is the type's, if that is known, a
    /// value of `None` is NULL.
    pub params: Headers<'a>,
    /// How it ended.
    pub outcome: Outcome,
    /// Rows that came, or that it changed, all results together.
    pub rows: Option<u64>,
    /// Results: more than one after several statements in one text.
    pub results: u64,
    /// The last result in PostgreSQL's words: `INSERT 0 5`.
    pub tag: &'a [u8],
    /// Bytes of data that COPY or LOAD DATA moved.
    pub copied: Option<u64>,
    /// What the server had against it.
    pub error: Option<SqlError<'a>>,
    /// Where the result stood in its direction.
    pub answer: Wire,
    /// Nanoseconds from the request's first byte to the result's first.
    pub first_byte: Option<u64>,
    /// Nanoseconds from the request's first byte to the result's last.
    pub total: Option<u64>,
}

/// An error that a server reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SqlError<'a> {
    /// SQLSTATE (ISO 9075), five letters; empty if the server sent none.
    pub sqlstate: &'a [u8],
    /// MySQL's own number.
    pub number: Option<u16>,
    /// The server's words.
    pub message: &'a [u8],
}

/// What a client asks a database for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Command {
    /// A text with one statement or several.
    #[default]
    Query,
    /// A prepared statement is run.
    Execute,
    /// A statement is prepared; told only if that fails.
    Prepare,
    /// More rows of a statement that was run.
    Fetch,
    /// Who it is.
    Login,
    /// Another database; its name is the statement.
    Use,
    /// A query of another connection is to be cancelled.
    Cancel,
    /// A function is called by its number.
    Function,
    /// Any other command.
    Other,
}

impl Command {
    /// The name in every output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Execute => "execute",
            Self::Prepare => "prepare",
            Self::Fetch => "fetch",
            Self::Login => "login",
            Self::Use => "use",
            Self::Cancel => "cancel",
            Self::Function => "function",
            Self::Other => "other",
        }
    }
}

/// How a query ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Outcome {
    /// It was answered with a result.
    Done,
    /// It was answered with an error.
    Error,
    /// The server passed over it, because of an error before it in the same batch.
    Skipped,
    /// Its answer was not seen, or can't be told from that of another.
    #[default]
    Unknown,
}

impl Outcome {
    /// The name in every output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Error => "error",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
        }
    }
}

//! What a protocol's decoder makes of a connection's bytes: requests, responses and what streams
//! within them.
//!
//! A [`Message`] borrows from the decoder and lives for one call of [`Messages::message`]. Every
//! name and value is bytes that a stranger chose; what could not be resolved is `None`, never a
//! guess. A protocol that is not HTTP adds a variant of [`What`].

mod body;
mod flaws;
mod head;
mod kept;
mod line;
mod query;
mod url;

use abi::Dir;

use crate::conn::{Conn, Output};
use crate::event::Comm;

pub use body::{Body, Hole, Problem};
pub use flaws::{Flaw, Flaws};
pub use head::{Field, Head, Headers};
pub use kept::Kept;
pub use line::Line;
pub use query::{Command, Outcome, Query, SqlError};

/// The stage after a protocol's decoder. `open`, `gap` and `close` are those of [`Output`];
/// `data` are pieces of connections whose protocol is not known.
pub trait Messages: Output {
    /// A message, or a part of one that streams.
    fn message(&mut self, conn: &Conn, message: &Message<'_>);
}

/// Something that one end told the other.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// When its first byte was seen; nanoseconds since 1970.
    pub begun: u64,
    /// When its last byte was seen, likewise.
    pub ended: u64,
    /// Who moved its first byte.
    pub by: By,
    /// Which way it went, as the program sees it.
    pub dir: Dir,
    /// What was spoken.
    pub protocol: Protocol,
    /// The HTTP/2 stream.
    pub stream: Option<u32>,
    /// Joins a request, its responses and what streams in them: 1, 2, 3… within a connection;
    /// 0 for what belongs to none.
    pub exchange: u64,
    /// The bytes that it took of the direction. What streams in a response ([`Part::Head`], events,
    /// gRPC's messages) lies within the response's own ([`Part::End`]).
    pub wire: Wire,
    /// What is wrong with it.
    pub flaws: Flaws,
    /// The request that it is, answers, or streams in; `None` if that was not seen.
    pub request: Option<RequestLine<'a>>,
    /// The status of the response that it is or streams in, if that was seen.
    pub status: Option<u16>,
    /// Its content.
    pub what: What<'a>,
}

/// The thread that moved bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct By {
    /// The thread; unknown if the bytes are missing.
    pub tid: Option<u32>,
    /// Its name.
    pub comm: Comm,
    /// The user that it ran as.
    pub uid: u32,
}

/// Where a message stood in its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wire {
    /// Position of its first byte.
    pub pos: u64,
    /// Bytes that it took, framing included and missing ones too; in HTTP/2 those of its own frames.
    pub len: u64,
}

/// A protocol that is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.0 (RFC 1945).
    Http10,
    /// HTTP/1.1 (RFC 9112).
    Http11,
    /// HTTP/2 (RFC 9113).
    Http2,
    /// gRPC over HTTP/2.
    Grpc,
    /// WebSocket (RFC 6455).
    WebSocket,
    /// PostgreSQL's protocol, version 3.
    Postgres,
    /// The protocol of MySQL and MariaDB.
    MySql,
}

impl Protocol {
    /// The name in every output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
            Self::Grpc => "gRPC",
            Self::WebSocket => "WebSocket",
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MySQL",
        }
    }
}

/// The content of a message.
#[derive(Debug, Clone, Copy)]
pub enum What<'a> {
    /// A request; its line is in [`Message::request`].
    Request(Content<'a>),
    /// A response, whole or in parts; its status is in [`Message::status`].
    Response(Response<'a>),
    /// The connection, the stream or the capture ended before a response came. It takes no bytes;
    /// its direction is the one in which the response would have come.
    Unanswered,
    /// One server-sent event (WHATWG HTML, section 9.2).
    Event(ServerEvent<'a>),
    /// One message or control frame of a WebSocket.
    Frame(Frame<'a>),
    /// One length-prefixed message of gRPC.
    Rpc(Rpc<'a>),
    /// What HTTP/2 says of a stream or of the connection: a reset, the end, a promise.
    Control(Control<'a>),
    /// A statement that a database was asked to run, with its result.
    Query(Query<'a>),
    /// Bytes that belong to no message: what came before the first start that was recognised, or
    /// after something broke.
    Loose(&'a [u8]),
}

impl What<'_> {
    /// The name in every output.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Request(_) => "request",
            Self::Response(_) => "response",
            Self::Unanswered => "unanswered",
            Self::Event(_) => "event",
            Self::Frame(_) => "frame",
            Self::Rpc(_) => "rpc",
            Self::Control(_) => "control",
            Self::Query(_) => "query",
            Self::Loose(_) => "loose",
        }
    }
}

/// What a request asks for (RFC 9110, section 7.1). A part is `None` if it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestLine<'a> {
    /// `GET`.
    pub method: Option<&'a [u8]>,
    /// `https`; in HTTP/1 it is implied.
    pub scheme: Option<&'a [u8]>,
    /// Host and port, from `Host` or `:authority`.
    pub authority: Option<&'a [u8]>,
    /// Path and query, or the form that the method asks for.
    pub target: Option<&'a [u8]>,
}

/// Headers, body and trailers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Content<'a> {
    /// Fields before the body, without HTTP/2's pseudo-headers.
    pub headers: Headers<'a>,
    /// What is between.
    pub body: Body<'a>,
    /// Fields after the body.
    pub trailers: Headers<'a>,
}

/// A response.
#[derive(Debug, Clone, Copy)]
pub struct Response<'a> {
    /// How much of it this is.
    pub part: Part,
    /// The words beside the status in HTTP/1.
    pub reason: &'a [u8],
    /// Headers, body and trailers.
    pub content: Content<'a>,
    /// Nanoseconds from the request's first byte to the response's first.
    pub first_byte: Option<u64>,
    /// Nanoseconds from the request's first byte to the response's last.
    pub total: Option<u64>,
}

/// How much of a response this is. One whose content is told as it arrives comes in two parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// All of it. An interim one (1xx) is whole, too.
    Whole,
    /// Status and headers; messages that stream in it follow.
    Head,
    /// The same status and headers again, the trailers, and the body as far as it was kept.
    End,
}

/// A server-sent event, after the rules of WHATWG HTML, section 9.2.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServerEvent<'a> {
    /// Its type; empty: `message`.
    pub event: &'a [u8],
    /// Its data, lines joined.
    pub data: &'a [u8],
    /// The last event ID, as it stands after this event.
    pub id: &'a [u8],
    /// Milliseconds to wait before connecting again, if the event sets it.
    pub retry: Option<u64>,
}

/// A WebSocket message, put together from its fragments, or a control frame.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// 1 text, 2 binary, 8 close, 9 ping, 10 pong (RFC 6455, section 5.2); 0: not known, since the
    /// first fragment was missed.
    pub opcode: u8,
    /// Unmasked and decompressed; of a close frame the reason.
    pub payload: Body<'a>,
    /// Fragments that it came in.
    pub fragments: u64,
    /// The status of a close frame.
    pub close: Option<u16>,
}

/// A message of gRPC.
#[derive(Debug, Clone, Copy)]
pub struct Rpc<'a> {
    /// Its place among those of its direction: 1, 2, 3…
    pub number: u64,
    /// It is part of the response, not of the request.
    pub answer: bool,
    /// Decompressed.
    pub payload: Body<'a>,
}

/// Something said in frames that carry no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control<'a> {
    /// The frame's name, as RFC 9113, section 6 writes it; of a database what is not decoded.
    pub frame: &'static str,
    /// The error's name (section 7), if the frame has one.
    pub error: Option<&'static str>,
    /// What else it says: debug data of a GOAWAY.
    pub detail: &'a [u8],
}

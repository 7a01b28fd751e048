//! From the bytes of a record to the bytes of a connection, in order, and to the messages in them.
//!
//! [`Event::decode`] reads one record of the kernel ring; a [`Table`] puts the events of many
//! connections in order and tells an [`Output`] what was moved, what is missing and why; [`proto`]
//! takes the place of such an output and tells [`Messages`] what was said. Nothing
//! here does I/O, knows where a record came from, or trusts one: a hostile traced program chooses
//! most of a record's fields.
#![forbid(unsafe_code)]

pub mod conn;
pub mod event;
pub mod filter;
pub mod limits;
pub mod message;
pub mod proto;
pub mod protobuf;
mod reason;
pub mod redact;
mod totals;

pub use abi::{AddrSource, Dir, Head};
pub use conn::{
    Close, CloseReason, Conn, Context, Ended, Gap, Ids, InFlight, Key, Output, Piece, Table,
};
pub use event::{Comm, DecodeError, Event};
pub use limits::Limits;
pub use message::{Message, Messages};
pub use proto::{Decoder, Decoding};
pub use reason::GapReason;
pub use totals::{GapTotal, Totals};

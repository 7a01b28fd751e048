//! From the bytes of a record to the bytes of a connection, in order.
//!
//! [`Event::decode`] reads one record of the kernel ring; a [`Table`] puts the events of many
//! connections in order and tells an [`Output`] what was moved, what is missing and why. Nothing
//! here does I/O, knows where a record came from, or trusts one: a hostile traced program chooses
//! most of a record's fields.
#![forbid(unsafe_code)]

pub mod conn;
pub mod event;
pub mod limits;
mod reason;
mod totals;

pub use abi::{AddrSource, Dir, Head};
pub use conn::{
    Close, CloseReason, Conn, Context, Ended, Gap, Ids, InFlight, Key, Output, Piece, Table,
};
pub use event::{Comm, DecodeError, Event};
pub use limits::Limits;
pub use reason::GapReason;
pub use totals::{GapTotal, Totals};

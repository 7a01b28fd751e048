//! Lines that people type: records of the kernel half in, whole [`Command`]s out, each with the
//! exit status that the next prompt shows.
//!
//! Which shell it is, which function was probed, and how a command is written down are not known
//! here. A record is not trusted: the traced program chooses most of what it says.
#![forbid(unsafe_code)]

mod command;
mod decode;
mod meta;
mod pieces;
mod table;

pub use command::{Command, Missing};
pub use decode::{DecodeError, Record, What};
pub use table::{COMMAND_MAX, Commands, HELD_MAX, SPEAKERS_MAX};

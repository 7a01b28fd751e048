//! Keys of TLS connections: a record of the kernel half in, a [`Secret`] out, each once; and
//! [`Missing`], the handshakes of which none came.
//!
//! What is done with a key (a line of a key log, a block of a pcapng file) is not known here, and
//! neither is the library that it comes from. A record is not trusted: the traced program chooses
//! what it says.
#![forbid(unsafe_code)]

mod decode;
mod handshake;
mod learn;
mod missing;
mod place;
mod seen;

pub use abi::{Label, SecretSource as Source};
pub use decode::{DecodeError, Secret, Socket, is_secret};
pub use handshake::{Handshake, is_handshake};
pub use learn::{Layout, Lesson, NotThere};
pub use missing::Missing;
pub use place::{Code, Place, Process, Room, Side};
pub use seen::Seen;

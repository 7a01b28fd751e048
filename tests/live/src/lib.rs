//! What the live tests share: ecapture as a child process and its JSON read back, real servers and
//! clients, and the victims that say on stdout what they moved.
//!
//! Everything here panics on failure, with all that is known, since a panic is how a test fails.
//! Every wait is for an event (a line, a file, a process) and has a deadline.

mod capture;
mod cert;
mod compare;
mod event;
mod file_wait;
mod machine;
mod openssl;
mod output;
mod process;
mod recording;
mod server;
mod text;
mod totals;
mod trace;
mod tree;
mod victim;

pub use capture::{Capture, Outcome, assert_private};
pub use cert::Cert;
pub use compare::{Addresses, assert_same, assert_shown};
pub use event::{Event, Kind};
pub use machine::Machine;
pub use openssl::OpenSsl;
pub use process::{Finished, Process, deadline};
pub use recording::{Conn, Dir, Gap, Recording, Stream};
pub use server::{Nginx, SServer, Served};
pub use text::altered_bytes;
pub use totals::{Total, Totals};
pub use trace::{Trace, traced_curl};
pub use tree::{curl, ecapture_binary, libssl_in_use, node_in_use, python, source_path};
pub use victim::{Moved, Sum, Tlsdrive, Told, Victim};

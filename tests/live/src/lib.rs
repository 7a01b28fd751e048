//! What the live tests share: ecapture as a child process and its JSON read back, real servers and
//! clients, and the victims that say on stdout what they moved.
//!
//! Everything here panics on failure, with all that is known, since a panic is how a test fails.
//! Every wait is for an event (a line, a file, a process) and has a deadline.

mod asyncio;
mod capture;
mod cert;
mod compare;
mod database;
mod event;
mod file_wait;
mod golang;
mod handshakes;
mod keys;
mod machine;
mod message;
mod openssl;
mod output;
mod peers;
mod port;
mod process;
mod quic;
mod recording;
mod server;
mod text;
mod totals;
mod trace;
mod tree;
mod typing;
mod victim;

pub use asyncio::{Asyncio, assert_logged};
pub use capture::{Capture, Outcome, assert_private};
pub use cert::Cert;
pub use compare::{Addresses, assert_same, assert_shown};
pub use database::{Logged, MariaDbServer, PostgresServer};
pub use event::{Event, Kind};
pub use golang::go_program;
pub use handshakes::{Offer, early_data, every_handshake, handshakes, s_client, try_early_data};
pub use keys::{KeyCapture, KeyServer, assert_same_keys, await_content, log_lines, version_of};
pub use machine::Machine;
pub use message::{answers, assert_whole, body, messages, of_kind};
pub use openssl::{OpenSsl, libressl, openssl_102};
pub use peers::peers;
pub use port::{await_port, free_port};
pub use process::{Finished, Process, deadline};
pub use quic::{Http3, Quic};
pub use recording::{Conn, Dir, Gap, Recording, Stream};
pub use server::{Nginx, SServer, Served};
pub use text::altered_bytes;
pub use totals::{Total, Totals};
pub use trace::{Trace, traced_curl};
pub use tree::{
    curl, ecapture_binary, known_as, libssl_in_use, node_in_use, python, python_with_readers,
    source_path,
};
pub use typing::{Typed, Typist};
pub use victim::{Moved, Sum, Tlsdrive, Told, Victim};

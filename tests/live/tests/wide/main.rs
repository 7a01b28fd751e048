//! `-m keylog` beside programs that carry a TLS library of their own, most of them stripped: the
//! keys are those that the peer, Debian's `openssl s_server`, logs itself. `make test-wide` fetches
//! them.
#![allow(clippy::print_stdout, reason = "a test says which program it ran")]

mod live;

//! Connections of which no key came.

use std::fmt;

use crate::escape;

/// A process's connections whose handshake was seen to go so far that there are keys, and no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyless {
    /// The process.
    pub pid: u32,
    /// Its name.
    pub comm: String,
    /// The program that it runs; empty or `?` if that is not known.
    pub exe: String,
    /// The TLS library that it uses and where, as far as that is known.
    pub why: String,
    /// How many.
    pub connections: u64,
}

/// `no keys for 3 connections of PID 812 (nginx, s2n in /usr/lib/libs2n.so)`. A process chooses
/// its name and its paths: control characters are escaped.
impl fmt::Display for Keyless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, comm, why, connections, .. } = self;
        let plural = if *connections == 1 { "" } else { "s" };
        let mut names = Vec::new();
        escape::name(&mut names, comm.as_bytes());
        names.extend_from_slice(b", ");
        escape::name(&mut names, why.as_bytes());
        let names = String::from_utf8_lossy(&names);
        write!(f, "no keys for {connections} connection{plural} of PID {pid} ({names})")
    }
}

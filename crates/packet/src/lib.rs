//! Packets from interfaces, and whose they are.
//!
//! A [`Source`] reads one interface through libpcap. [`sight`] finds the two ends of a packet's
//! flow. [`Flows`] joins them with the [`Claim`]s of processes on sockets and hands over those
//! that are wanted; a packet whose process or whose [`Key`] is not known yet waits, bounded in time
//! and memory.
#![forbid(unsafe_code)]

mod batch;
mod claim;
mod dns;
mod flow;
mod flows;
mod hello;
mod interfaces;
mod ip;
mod key;
mod keyed;
mod limits;
mod link;
mod ports;
mod quic;
mod source;
mod state;

pub use claim::{Claim, ClaimError, Owner};
pub use flow::{End, Flow, Protocol, Sighting};
pub use flows::{Flows, Output, Totals, Whose};
pub use interfaces::{addresses, interfaces};
pub use key::Key;
pub use limits::Limits;
pub use link::Link;
pub use source::{Counts, Options, Source, SourceError, check_filter};

/// A packet as an interface gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Nanoseconds since 1970.
    pub time_ns: u64,
    /// Bytes it had on the wire; more than `bytes` holds if it was cut.
    pub len: u32,
    /// Its bytes, from the link layer's header on.
    pub bytes: &'a [u8],
}

/// The flow of a packet; `None` if it has none: not IP, neither TCP nor UDP, a later fragment, or
/// not what it claims to be.
pub fn sight(link: Link, bytes: &[u8]) -> Option<Sighting<'_>> {
    ip::sight(link.network(bytes)?)
}

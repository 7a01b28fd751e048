//! What `-m pcap` captures, and where it goes.

use std::path::PathBuf;
use std::time::Duration;

use super::place::is_stdout;
use super::rings::ring_bytes;
use crate::args::{Global, Tls};
use crate::exit::Failure;
use crate::run::pcap::Rotation;

/// What `-m pcap` captures, and where it goes.
#[derive(Debug)]
pub(crate) struct Packets {
    pub(crate) interfaces: Vec<String>,
    /// A pcap filter; empty: all packets.
    pub(crate) filter: String,
    /// `None`: standard output.
    pub(crate) file: Option<PathBuf>,
    /// What each interface shares with the kernel.
    pub(crate) buffer_bytes: u32,
    /// When a file is followed by another.
    pub(crate) rotation: Rotation,
}

/// eCapture's, too.
const PCAPFILE: &str = "save.pcapng";
const GO_PCAPFILE: &str = "ecapture_gotls.pcapng";
/// Of each interface, unless the user sizes it.
const PACKETS_MAX: u64 = 64 << 20;

/// What `-m pcap` is to capture.
pub(super) fn packets(
    global: &Global,
    tls: &Tls,
    library: Option<&str>,
    cpus: u64,
) -> Result<Packets, Failure> {
    if tls.ifname.is_empty() {
        return Err(Failure::usage(format!(
            "-m pcap needs to know where: name an interface with -i; there are {}",
            packet::interfaces().join(", ")
        )));
    }
    let mut interfaces: Vec<String> = Vec::new();
    for name in &tls.ifname {
        if !interfaces.contains(name) {
            interfaces.push(name.clone());
        }
    }
    let buffer = match global.mapsize {
        Some(_) => ring_bytes(global.mapsize, cpus, 1),
        None => ring_bytes(None, cpus, 1).min(PACKETS_MAX),
    };
    let default = if library == Some("go") { GO_PCAPFILE } else { PCAPFILE };
    let file = tls.pcapfile.clone().unwrap_or_else(|| PathBuf::from(default));
    Ok(Packets {
        interfaces,
        filter: tls.filter.join(" "),
        file: (!is_stdout(&file)).then_some(file),
        buffer_bytes: buffer as u32,
        rotation: Rotation {
            bytes: tls.rotate_size.map(|megabytes| megabytes.saturating_mul(1_000_000)),
            age: tls.rotate_time.map(Duration::from_secs),
        },
    })
}

//! Packets for Wireshark and its kin: the pcapng format (draft-ietf-opsawg-pcapng), little-endian.
//!
//! Each function appends one whole block to a buffer of the caller's, so that whatever is written
//! between two calls leaves a readable file.

mod block;

use std::net::{IpAddr, SocketAddr};

use crate::{address, escape};
use block::Block;

/// Where the capture is made: a section's options (section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section<'a> {
    /// The machine's processor.
    pub hardware: &'a str,
    /// The system it runs.
    pub os: &'a str,
    /// The program that captures.
    pub application: &'a str,
    /// What a reader should know of the file; empty: nothing.
    pub comment: &'a str,
}

/// An interface that packets come from (section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interface<'a> {
    /// As the system calls it.
    pub name: &'a str,
    /// What it is, if the name does not say it.
    pub description: &'a str,
    /// What its packets begin with, as capture files number it.
    pub link: u16,
    /// Bytes kept of a packet, at most.
    pub snap_bytes: u32,
    /// The filter that its packets passed; empty: none.
    pub filter: &'a str,
}

/// One packet (section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The interface: how many were described before it in this section.
    pub interface: u32,
    /// Nanoseconds since 1970.
    pub time_ns: u64,
    /// Bytes it had on the wire.
    pub len: u32,
    /// The bytes that were kept.
    pub bytes: &'a [u8],
}

/// What stands beside a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comment<'a> {
    /// Whose it is.
    Process(Process<'a>),
    /// A sentence.
    Text(&'a str),
}

/// A process that a packet belongs to, for its comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process<'a> {
    /// Its number.
    pub pid: u32,
    /// Its name, as bytes that it chose itself.
    pub comm: &'a [u8],
    /// The program it runs, if that is known.
    pub exe: Option<&'a [u8]>,
    /// The container it runs in, if that is known.
    pub container: Option<&'a [u8]>,
    /// Its own end of the packet's flow.
    pub local: SocketAddr,
}

/// What an interface's capture counted (section 4.6).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// When it began; nanoseconds since 1970, as the next two.
    pub start_ns: u64,
    /// When it ended.
    pub end_ns: u64,
    /// Packets that passed the filter.
    pub received: u64,
    /// Packets that the interface dropped.
    pub missed: u64,
    /// Packets that the system dropped for want of room.
    pub dropped: u64,
    /// Packets that stand in the file.
    pub written: u64,
}

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const NAME_RESOLUTION: u32 = 4;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
const DECRYPTION_SECRETS: u32 = 10;

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const VERSION: [u16; 2] = [1, 0];
const LENGTH_UNKNOWN: u64 = u64::MAX;

const OPT_COMMENT: u16 = 1;
const SHB_HARDWARE: u16 = 2;
const SHB_OS: u16 = 3;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_DESCRIPTION: u16 = 3;
const IF_TSRESOL: u16 = 9;
const IF_FILTER: u16 = 11;
const ISB_STARTTIME: u16 = 2;
const ISB_ENDTIME: u16 = 3;
const ISB_IFRECV: u16 = 4;
const ISB_IFDROP: u16 = 5;
const ISB_FILTERACCEPT: u16 = 6;
const ISB_OSDROP: u16 = 7;
const ISB_USRDELIV: u16 = 8;

/// Appends the block that a file begins with.
pub fn section(out: &mut Vec<u8>, section: &Section<'_>) {
    let mut block = Block::begin(out, SECTION_HEADER);
    block.u32(BYTE_ORDER_MAGIC).u16(VERSION[0]).u16(VERSION[1]).u64(LENGTH_UNKNOWN);
    block.option(SHB_HARDWARE, section.hardware.as_bytes());
    block.option(SHB_OS, section.os.as_bytes());
    block.option(SHB_USERAPPL, section.application.as_bytes());
    if !section.comment.is_empty() {
        block.option(OPT_COMMENT, section.comment.as_bytes());
    }
    block.end();
}

/// Appends the description of an interface. Packets name it by its place among these.
pub fn interface(out: &mut Vec<u8>, interface: &Interface<'_>) {
    const RESERVED: u16 = 0;
    const NANOSECONDS: u8 = 9;
    /// What follows is a filter as libpcap reads it.
    const FILTER_TEXT: u8 = 0;
    let mut block = Block::begin(out, INTERFACE_DESCRIPTION);
    block.u16(interface.link).u16(RESERVED).u32(interface.snap_bytes);
    block.option(IF_NAME, interface.name.as_bytes());
    if !interface.description.is_empty() {
        block.option(IF_DESCRIPTION, interface.description.as_bytes());
    }
    block.option(IF_TSRESOL, &[NANOSECONDS]);
    if !interface.filter.is_empty() {
        block.option_with(IF_FILTER, |out| {
            out.push(FILTER_TEXT);
            out.extend_from_slice(interface.filter.as_bytes());
        });
    }
    block.end();
}

/// Appends a packet with its comments.
pub fn packet<'a>(
    out: &mut Vec<u8>,
    packet: &Packet<'_>,
    comments: impl IntoIterator<Item = Comment<'a>>,
) {
    let mut block = Block::begin(out, ENHANCED_PACKET);
    block.u32(packet.interface).time(packet.time_ns);
    block.u32(packet.bytes.len() as u32).u32(packet.len).padded(packet.bytes);
    for comment in comments {
        block.option_with(OPT_COMMENT, |out| match comment {
            Comment::Process(process) => push_process(out, &process),
            Comment::Text(text) => out.extend_from_slice(text.as_bytes()),
        });
    }
    block.end();
}

/// Appends keys (section 4.7), as `lines` of the NSS key log format. They are to stand before the
/// packets that they decrypt.
pub fn secrets(out: &mut Vec<u8>, lines: &[u8]) {
    /// "TLSK"
    const TLS_KEY_LOG: u32 = 0x544c_534b;
    let mut block = Block::begin(out, DECRYPTION_SECRETS);
    block.u32(TLS_KEY_LOG).u32(lines.len() as u32).padded(lines);
    block.end();
}

/// Appends names that addresses go by (section 4.5).
pub fn names<'a>(out: &mut Vec<u8>, names: impl IntoIterator<Item = (IpAddr, &'a str)>) {
    const RECORD_IPV4: u16 = 1;
    const RECORD_IPV6: u16 = 2;
    const RECORD_END: u16 = 0;
    let mut block = Block::begin(out, NAME_RESOLUTION);
    for (address, name) in names {
        let (kind, octets) = match address {
            IpAddr::V4(ip) => (RECORD_IPV4, &ip.octets()[..]),
            IpAddr::V6(ip) => (RECORD_IPV6, &ip.octets()[..]),
        };
        let value = [octets, name.as_bytes(), &[0]].concat();
        block.u16(kind).u16(value.len() as u16).padded(&value);
    }
    block.u16(RECORD_END).u16(0);
    block.end();
}

/// Appends what an interface's capture counted.
pub fn statistics(out: &mut Vec<u8>, interface: u32, statistics: &Statistics) {
    let mut block = Block::begin(out, INTERFACE_STATISTICS);
    block.u32(interface).time(statistics.end_ns);
    block.option_time(ISB_STARTTIME, statistics.start_ns);
    block.option_time(ISB_ENDTIME, statistics.end_ns);
    block.option(ISB_IFRECV, &statistics.received.to_le_bytes());
    // The one loss that readers show, so it has to be all of it.
    let lost = statistics.missed.saturating_add(statistics.dropped);
    block.option(ISB_IFDROP, &lost.to_le_bytes());
    block.option(ISB_FILTERACCEPT, &statistics.received.to_le_bytes());
    block.option(ISB_OSDROP, &statistics.dropped.to_le_bytes());
    block.option(ISB_USRDELIV, &statistics.written.to_le_bytes());
    block.end();
}

/// `pid 812, nginx, /usr/sbin/nginx, at 127.0.0.1:443`, on one line whatever the names hold.
fn push_process(out: &mut Vec<u8>, process: &Process<'_>) {
    out.extend_from_slice(b"pid ");
    address::push_number(out, process.pid.into());
    out.extend_from_slice(b", ");
    escape::name(out, process.comm);
    if let Some(exe) = process.exe {
        out.extend_from_slice(b", ");
        escape::name(out, exe);
    }
    if let Some(container) = process.container {
        out.extend_from_slice(b", in container ");
        escape::name(out, container);
    }
    out.extend_from_slice(b", at ");
    address::push(out, process.local);
}

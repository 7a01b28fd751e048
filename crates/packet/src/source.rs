//! One interface, read through libpcap: the kernel puts packets that pass the filter into a
//! buffer that is shared with it, in blocks, and wakes the reader for a block at a time.

use std::os::fd::{AsFd, BorrowedFd};

use pcap::{Active, Capture, Linktype, Precision, Stat};

use crate::Packet;
use crate::interfaces::{ANY, interfaces};
use crate::link::Link;

/// How an interface is captured.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// A pcap filter (pcap-filter(7)); empty: every packet.
    pub filter: &'a str,
    /// Bytes of the buffer that is shared with the kernel.
    pub buffer_bytes: u32,
    /// Bytes kept of a packet.
    pub snap_bytes: u32,
}

/// Why packets can't be captured.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// No interface has this name.
    #[error("there is no interface {name}; there are {}", .known.join(", "))]
    Unknown {
        /// The name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// It can't be opened.
    #[error("{name}: {reason}")]
    Open {
        /// The interface.
        name: String,
        /// What libpcap said.
        reason: String,
    },
    /// The filter makes no sense.
    #[error("the packet filter \"{filter}\": {reason}")]
    Filter {
        /// The filter.
        filter: String,
        /// What libpcap said.
        reason: String,
    },
    /// It can't be read any more.
    #[error("{name}: {reason}")]
    Read {
        /// The interface.
        name: String,
        /// What libpcap said.
        reason: String,
    },
}

/// What an interface's capture counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets that passed the filter, the dropped ones included.
    pub received: u64,
    /// Packets that the kernel dropped because the buffer was full.
    pub dropped: u64,
    /// Packets that the interface itself dropped.
    pub missed: u64,
}

/// An open interface. One thread reads it.
pub struct Source {
    capture: Capture<Active>,
    name: String,
    link: Link,
    counts: Counts,
    /// What libpcap's counters said last; they are 32 bits wide and wrap.
    seen: Stat,
}

/// How long the kernel keeps packets back to fill a block with more of them.
const BLOCK_MS: i32 = 50;
/// Packets that are handed over before the caller may look at other things.
const BATCH: usize = 4096;
/// Whether filters are to be as fast as they can be.
const OPTIMIZE: bool = true;
/// libpcap's name for "Linux cooked v2", which also says which interface a packet came from.
const LINUX_SLL2: Linktype = Linktype(276);

impl Source {
    /// Opens an interface. Packets are kept from now on.
    pub fn open(name: &str, options: &Options<'_>) -> Result<Self, SourceError> {
        let known = interfaces();
        if !known.iter().any(|known| known == name) {
            return Err(SourceError::Unknown { name: name.to_owned(), known });
        }
        let failed = |error| SourceError::Open { name: name.to_owned(), reason: said(error) };
        let mut capture = Capture::from_device(name)
            .map_err(failed)?
            .snaplen(clamped(options.snap_bytes))
            .buffer_size(clamped(options.buffer_bytes))
            .timeout(BLOCK_MS)
            // Every network interface of Linux offers it.
            .precision(Precision::Nano)
            .open()
            .and_then(Capture::setnonblock)
            .map_err(failed)?;
        if name == ANY {
            prefer_sll2(&mut capture).map_err(failed)?;
        }
        capture.filter(options.filter, OPTIMIZE).map_err(|error| SourceError::Filter {
            filter: options.filter.to_owned(),
            reason: said(error),
        })?;
        Ok(Self {
            link: Link::from_dlt(capture.get_datalink().0),
            capture,
            name: name.to_owned(),
            counts: Counts::default(),
            seen: Stat { received: 0, dropped: 0, if_dropped: 0 },
        })
    }

    /// The interface's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its packets begin with.
    pub fn link(&self) -> Link {
        self.link
    }

    /// How long the kernel may keep a packet back, in milliseconds.
    pub fn delay_ms(&self) -> u32 {
        BLOCK_MS as u32
    }

    /// Hands the packets that are there to `each`, up to a bound. Says whether there may be more;
    /// if not, its descriptor becomes readable when there are.
    pub fn read(&mut self, mut each: impl FnMut(Packet<'_>)) -> Result<bool, SourceError> {
        let handed = self.capture.dispatch(Some(BATCH), |packet| {
            let header = packet.header;
            // With nanosecond precision, libpcap puts nanoseconds where microseconds were.
            let (seconds, nanos) = (header.ts.tv_sec as u64, header.ts.tv_usec as u64);
            let time_ns = seconds.wrapping_mul(1_000_000_000).wrapping_add(nanos);
            each(Packet { time_ns, len: header.len, bytes: packet.data });
        });
        let failed = |error| SourceError::Read { name: self.name.clone(), reason: said(error) };
        handed.map(|handed| handed == BATCH).map_err(failed)
    }

    /// What was counted so far. To be asked at least once in 2³² packets.
    pub fn counts(&mut self) -> Counts {
        // An interface that is gone counts no more.
        if let Ok(now) = self.capture.stats() {
            let more = |now: u32, before: u32| u64::from(now.wrapping_sub(before));
            self.counts.received += more(now.received, self.seen.received);
            self.counts.dropped += more(now.dropped, self.seen.dropped);
            self.counts.missed += more(now.if_dropped, self.seen.if_dropped);
            self.seen = now;
        }
        self.counts
    }
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.capture.as_fd()
    }
}

fn prefer_sll2(capture: &mut Capture<Active>) -> Result<(), pcap::Error> {
    if capture.list_datalinks()?.contains(&LINUX_SLL2) {
        capture.set_datalink(LINUX_SLL2)?;
    }
    Ok(())
}

/// Checks that a pcap filter makes sense, without an interface.
pub fn check_filter(filter: &str) -> Result<(), SourceError> {
    let wrong = |error| SourceError::Filter { filter: filter.to_owned(), reason: said(error) };
    let capture = Capture::dead(Linktype::ETHERNET).map_err(wrong)?;
    capture.compile(filter, OPTIMIZE).map(|_| ()).map_err(wrong)
}

fn said(error: pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(said) => said,
        other => other.to_string(),
    }
}

fn clamped(bytes: u32) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}

//! The reading end of a BPF ring buffer (Documentation/bpf/ringbuf.rst), with a sleep that costs
//! nothing: the reader says in shared memory whether it runs, naps or sleeps, and the kernel half
//! wakes it only then.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::time::Duration;

use abi::Reader;
use memmap2::{MmapOptions, MmapRaw};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

const BUSY: u32 = 1 << 31;
const DISCARD: u32 = 1 << 30;
const HEADER: u64 = 8;

/// How long a reader naps while records stream in: long enough to find a batch that is still in the
/// CPU's caches. A ring that fills meanwhile ends the nap.
const NAP: Duration = Duration::from_millis(10);
/// And while they trickle in: waking up costs more than reading them, and to who watches a terminal
/// it is still at once.
const LONG_NAP: Duration = Duration::from_millis(100);
/// Bytes since the last nap up to which records trickle.
const TRICKLE: u64 = 256 << 10;
/// Empty naps in a row before the reader sleeps.
const NAPS: u32 = 2;

/// Why a ring can't be read.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// The system refused to map it.
    #[error("mapping a ring: {0}")]
    Map(io::Error),
    /// The system refused to wait on it.
    #[error("waiting for records: {0}")]
    Wait(io::Error),
}

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// There may be records.
    Records,
    /// The caller's `stop` became readable.
    Stop,
}

/// The reading end of one ring. One thread reads it.
#[derive(Debug)]
pub struct Ring {
    fd: OwnedFd,
    consumer: MmapRaw,
    producer: MmapRaw,
    page: usize,
    mask: u64,
    readers: Arc<MmapRaw>,
    shard: usize,
    naps: u32,
    /// Where it stood when the last wait began.
    waited_at: u64,
    /// Records that were left in place because the kernel had not finished them.
    position: u64,
}

impl Ring {
    /// Maps a ring of `bytes` bytes. `readers` is the map of reader states, one per shard.
    pub(crate) fn new(
        fd: OwnedFd,
        bytes: u64,
        readers: Arc<MmapRaw>,
        shard: usize,
    ) -> Result<Self, RingError> {
        let page = rustix::param::page_size();
        let raw = fd.as_raw_fd();
        let consumer = MmapOptions::new().len(page).map_raw(raw).map_err(RingError::Map)?;
        // The data is mapped twice in a row, so that a record that wraps is still one slice.
        let producer = MmapOptions::new()
            .offset(page as u64)
            .len(page + 2 * bytes as usize)
            .map_raw_read_only(raw)
            .map_err(RingError::Map)?;
        let mut ring = Self {
            fd,
            consumer,
            producer,
            page,
            mask: bytes - 1,
            readers,
            shard,
            naps: 0,
            waited_at: 0,
            position: 0,
        };
        ring.position = ring.consumer_position().load(Ordering::Acquire);
        ring.waited_at = ring.position;
        Ok(ring)
    }

    /// Hands every finished record to `each`, in order, and returns how many there were. Room is
    /// given back record by record: the kernel half may need it.
    pub fn drain(&mut self, mut each: impl FnMut(&[u8])) -> usize {
        let mut count = 0;
        let mut end = self.producer_position().load(Ordering::Acquire);
        loop {
            if self.position >= end {
                end = self.producer_position().load(Ordering::Acquire);
                if self.position >= end {
                    return count;
                }
            }
            let header = self.header().load(Ordering::Acquire);
            if header & BUSY != 0 {
                return count;
            }
            let len = header & !(BUSY | DISCARD);
            if header & DISCARD == 0 {
                each(self.record(len as usize));
                count += 1;
            }
            self.position += (u64::from(len) + HEADER).next_multiple_of(8);
            self.consumer_position().store(self.position, Ordering::Release);
        }
    }

    /// Waits until there is something to drain, until `stop` is readable, or for so long at most.
    pub fn wait(
        &mut self,
        stop: BorrowedFd<'_>,
        at_most: Option<Duration>,
    ) -> Result<Woken, RingError> {
        let nap = if self.position - self.waited_at > TRICKLE { NAP } else { LONG_NAP };
        let nap = at_most.map_or(nap, |most| nap.min(most));
        self.waited_at = self.position;
        let (state, timeout) =
            if self.naps < NAPS { (Reader::Naps, Some(nap)) } else { (Reader::Sleeps, at_most) };
        self.state().store(state as u32, Ordering::SeqCst);
        // Either the kernel half sees the state after it committed a record, or we see here that
        // it reserved one: no record is slept through.
        fence(Ordering::SeqCst);
        let woken = if self.is_empty() { self.poll(stop, timeout) } else { Ok(Woken::Records) };
        self.state().store(Reader::Runs as u32, Ordering::SeqCst);
        self.naps = if self.is_empty() { (self.naps + 1).min(NAPS) } else { 0 };
        woken
    }

    fn poll(&self, stop: BorrowedFd<'_>, timeout: Option<Duration>) -> Result<Woken, RingError> {
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        });
        let mut fds = [
            PollFd::from_borrowed_fd(self.fd.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(stop, PollFlags::IN),
        ];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) if !fds[1].revents().is_empty() => Ok(Woken::Stop),
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(Woken::Records),
            Err(error) => Err(RingError::Wait(error.into())),
        }
    }

    fn is_empty(&self) -> bool {
        self.producer_position().load(Ordering::SeqCst) == self.position
    }

    fn consumer_position(&self) -> &AtomicU64 {
        // SAFETY: the first page holds the consumer position at its start, aligned; it is ours
        // to write, and mapped as long as `self`.
        unsafe { AtomicU64::from_ptr(self.consumer.as_mut_ptr().cast()) }
    }

    fn producer_position(&self) -> &AtomicU64 {
        // SAFETY: the second page holds the producer position at its start, aligned, mapped as
        // long as `self`; it is only loaded from here.
        unsafe { AtomicU64::from_ptr(self.producer.as_mut_ptr().cast()) }
    }

    fn header(&self) -> &AtomicU32 {
        // SAFETY: positions are multiples of 8 and masked, so the header lies aligned within
        // the data area; it is only loaded from here.
        unsafe {
            let data = self.producer.as_mut_ptr().add(self.page);
            AtomicU32::from_ptr(data.add((self.position & self.mask) as usize).cast())
        }
    }

    /// The record at the current position, whose header said that it is finished.
    fn record(&self, len: usize) -> &[u8] {
        let len = len.min(self.mask as usize + 1 - HEADER as usize);
        // SAFETY: the record begins within the first copy of the data area and is not longer
        // than the ring, so it ends within the second; the kernel does not touch a finished
        // record until the consumer position moves past it.
        unsafe {
            let data = self.producer.as_ptr().add(self.page);
            let start = data.add(((self.position & self.mask) + HEADER) as usize);
            std::slice::from_raw_parts(start, len)
        }
    }

    fn state(&self) -> &AtomicU32 {
        // SAFETY: the map has a slot of READER_SLOT bytes for each of abi::RINGS rings, and
        // `shard` is one of them; the state is the slot's first word.
        unsafe {
            let slot = self.readers.as_mut_ptr().add(self.shard * READER_SLOT);
            AtomicU32::from_ptr(slot.cast())
        }
    }
}

/// Bytes of `struct reader` in bpf/lib/maps.h: a cache line.
pub(crate) const READER_SLOT: usize = 64;

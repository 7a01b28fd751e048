//! New code mappings of the whole machine, or of some processes, as they are made:
//! `perf_event_open(2)` with a dummy event per CPU that asks for nothing but `PERF_RECORD_MMAP2`.
//!
//! Nothing is polled: the thread that waits here is woken by the kernel when some process maps a
//! file as code, which is when a program starts or loads a library.

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::{MmapOptions, MmapRaw};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::maps::{FileKey, Mapping};

/// Events for threads of some processes, at most: each has a buffer. If they have more, the whole
/// machine is watched.
const EVENTS_MAX: usize = 64;
/// How often the threads of a process are listed, at most, until none is new.
const LISTS: usize = 8;

/// Data pages of a CPU's buffer, a power of two: some hundred mappings.
const DATA_PAGES: usize = 32;

/// Something that happened to some process's memory.
#[derive(Debug)]
pub enum Change {
    /// A process mapped a file as code.
    Mapped {
        /// Which process.
        pid: u32,
        /// Which of its threads.
        tid: u32,
        /// What and where.
        mapping: Mapping,
        /// When, by CLOCK_MONOTONIC.
        at_ns: u64,
    },
    /// The buffer was full and so many changes were not told: look at everything anew.
    Lost(u64),
}

/// Why new mappings can't be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The system refused to open the event.
    #[error("perf_event_open on CPU {cpu}: {source}")]
    Open {
        /// Which CPU.
        cpu: u32,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused to map its buffer.
    #[error("mapping the perf buffer of CPU {cpu}: {source}")]
    Map {
        /// Which CPU.
        cpu: u32,
        /// What the system said.
        source: io::Error,
    },
}

/// The stream of changes.
#[derive(Debug)]
pub struct Watch {
    cpus: Vec<Cpu>,
}

impl Watch {
    /// Starts watching these processes and what they start, or every process if none is named, on
    /// every CPU that is online.
    pub fn start(pids: &[u32]) -> Result<Self, WatchError> {
        let online = online();
        if let Some(watch) = Self::of_threads(pids, &online)? {
            return Ok(watch);
        }
        let cpus: Result<Vec<_>, _> =
            online.into_iter().filter_map(|cpu| Cpu::open(None, cpu)).collect();
        Ok(Self { cpus: cpus? })
    }

    /// Threads that are started by one that is watched are watched; others may be started meanwhile.
    fn of_threads(pids: &[u32], online: &[u32]) -> Result<Option<Self>, WatchError> {
        let (mut cpus, mut known) = (Vec::new(), HashSet::new());
        for _ in 0..LISTS {
            let new: Vec<_> = threads(pids).filter(|tid| known.insert(*tid)).collect();
            if new.is_empty() {
                return Ok((!pids.is_empty()).then_some(Self { cpus }));
            }
            if known.len() * online.len() > EVENTS_MAX {
                return Ok(None);
            }
            for tid in new {
                let events = online.iter().filter_map(|&cpu| Cpu::open(Some(tid), cpu));
                cpus.extend(events.collect::<Result<Vec<_>, _>>()?);
            }
        }
        Ok(None)
    }

    /// Waits for a change, until `bell` is readable, or for `stop` to become so; false then.
    pub fn wait(&mut self, bell: BorrowedFd<'_>, stop: BorrowedFd<'_>) -> io::Result<bool> {
        let mut fds: Vec<_> =
            self.cpus.iter().map(|cpu| PollFd::new(&cpu.event, PollFlags::IN)).collect();
        fds.push(PollFd::from_borrowed_fd(bell, PollFlags::IN));
        fds.push(PollFd::from_borrowed_fd(stop, PollFlags::IN));
        loop {
            match poll(&mut fds, None) {
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let go_on = fds.last().is_none_or(|stop| stop.revents().is_empty());
        let ended: Vec<_> = fds.iter().map(|fd| fd.revents().contains(PollFlags::HUP)).collect();
        self.cpus.iter_mut().zip(ended).for_each(|(cpu, ended)| cpu.ended = ended);
        Ok(go_on)
    }

    /// Takes what happened since the last time.
    pub fn take(&mut self, mut each: impl FnMut(Change)) {
        for cpu in &mut self.cpus {
            cpu.take(&mut each);
        }
        self.cpus.retain(|cpu| !cpu.ended);
    }
}

/// Every thread of these processes.
fn threads(pids: &[u32]) -> impl Iterator<Item = u32> {
    let entries = pids.iter().flat_map(|pid| std::fs::read_dir(format!("/proc/{pid}/task")));
    entries.flatten().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Whether there is something to read, now.
pub(crate) fn readable(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

#[derive(Debug)]
struct Cpu {
    event: OwnedFd,
    buffer: MmapRaw,
    page: usize,
    /// Its thread and all that this started have ended.
    ended: bool,
}

impl Cpu {
    /// Of one thread or of all. `None` for a CPU that went offline meanwhile, or a thread that ended.
    fn open(tid: Option<u32>, cpu: u32) -> Option<Result<Self, WatchError>> {
        let event = match open_event(tid, cpu) {
            Ok(event) => event,
            Err(error)
                if [Some(libc::ENODEV), Some(libc::ESRCH)].contains(&error.raw_os_error()) =>
            {
                return None;
            }
            Err(source) => return Some(Err(WatchError::Open { cpu, source })),
        };
        let page = rustix::param::page_size();
        let buffer = MmapOptions::new().len(page * (1 + DATA_PAGES)).map_raw(event.as_raw_fd());
        Some(match buffer {
            Ok(buffer) => Ok(Self { event, buffer, page, ended: false }),
            Err(source) => Err(WatchError::Map { cpu, source }),
        })
    }

    fn take(&mut self, each: &mut impl FnMut(Change)) {
        let size = self.page * DATA_PAGES;
        let head = self.position(HEAD).load(Ordering::Acquire);
        let mut tail = self.position(TAIL).load(Ordering::Relaxed);
        while tail < head {
            let record = self.copy(tail, 8, size);
            let kind = u32::from_ne_bytes([record[0], record[1], record[2], record[3]]);
            let len = usize::from(u16::from_ne_bytes([record[6], record[7]]));
            if len < 8 || tail + len as u64 > head {
                // Not a record the kernel writes; nothing after it can be trusted either.
                tail = head;
                each(Change::Lost(0));
                break;
            }
            if let Some(change) = parse(kind, &self.copy(tail, len, size)) {
                each(change);
            }
            tail += len as u64;
        }
        self.position(TAIL).store(tail, Ordering::Release);
    }

    fn position(&self, offset: usize) -> &AtomicU64 {
        // SAFETY: struct perf_event_mmap_page has an aligned u64 at both offsets, within the
        // first page of the mapping, which lives as long as `self`; the kernel accesses it
        // atomically.
        unsafe { AtomicU64::from_ptr(self.buffer.as_mut_ptr().add(offset).cast()) }
    }

    /// `len` bytes at a position of the data area, which wraps.
    fn copy(&self, at: u64, len: usize, size: usize) -> Vec<u8> {
        let start = at as usize % size;
        let first = len.min(size - start);
        let mut bytes = vec![0; len];
        // SAFETY: both stretches lie within the data area, which begins after the first page and
        // is `size` long; the kernel does not write between tail and head.
        unsafe {
            let data = self.buffer.as_ptr().add(self.page);
            std::ptr::copy_nonoverlapping(data.add(start), bytes.as_mut_ptr(), first);
            std::ptr::copy_nonoverlapping(data, bytes.as_mut_ptr().add(first), len - first);
        }
        bytes
    }
}

/// Offsets of `data_head` and `data_tail` in struct perf_event_mmap_page (linux/perf_event.h).
const HEAD: usize = 1024;
const TAIL: usize = 1032;

const RECORD_LOST: u32 = 2;
const RECORD_MMAP2: u32 = 10;

/// linux/perf_event.h, PERF_RECORD_MMAP2: header, pid, tid, addr, len, pgoff, maj, min, ino,
/// ino_generation, prot, flags, filename; PERF_RECORD_LOST: header, id, lost. The time follows, as
/// `sample_id_all` asks.
fn parse(kind: u32, record: &[u8]) -> Option<Change> {
    let word = |at: usize| record.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
    let long = |at: usize| record.get(at..at + 8)?.try_into().ok().map(u64::from_ne_bytes);
    match kind {
        RECORD_LOST => Some(Change::Lost(long(16)?)),
        RECORD_MMAP2 => {
            let file = FileKey { major: word(40)?, minor: word(44)?, inode: long(48)? };
            let start = long(16)?;
            let (rest, at_ns) = record.get(72..)?.split_last_chunk()?;
            let name = rest.split(|&byte| byte == 0).next()?;
            (file.inode != 0).then_some(())?;
            Some(Change::Mapped {
                pid: word(8)?,
                tid: word(12)?,
                mapping: Mapping {
                    range: (start, start.checked_add(long(24)?)?),
                    file,
                    path: String::from_utf8_lossy(name).into_owned(),
                },
                at_ns: u64::from_ne_bytes(*at_ns),
            })
        }
        _ => None,
    }
}

/// struct perf_event_attr as of PERF_ATTR_SIZE_VER3, which every kernel since 4.1 accepts.
#[repr(C)]
#[derive(Default)]
struct Attr {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_watermark: u32,
    bp_type: u32,
    config1: u64,
    config2: u64,
    branch_sample_type: u64,
    sample_regs_user: u64,
    sample_stack_user: u32,
    clock: i32,
}

const TYPE_SOFTWARE: u32 = 1;
const COUNT_SW_DUMMY: u64 = 9;
const FLAG_INHERIT: u64 = 1 << 1;
const FLAG_EXCLUDE_KERNEL: u64 = 1 << 5;
const FLAG_MMAP: u64 = 1 << 8;
const FLAG_WATERMARK: u64 = 1 << 14;
const FLAG_SAMPLE_ID_ALL: u64 = 1 << 18;
const FLAG_MMAP2: u64 = 1 << 23;
const FLAG_USE_CLOCK: u64 = 1 << 25;
const SAMPLE_TIME: u64 = 1 << 2;
const FLAG_FD_CLOEXEC: libc::c_ulong = 1 << 3;

fn open_event(tid: Option<u32>, cpu: u32) -> io::Result<OwnedFd> {
    let inherit = if tid.is_some() { FLAG_INHERIT } else { 0 };
    let attr = Attr {
        kind: TYPE_SOFTWARE,
        size: size_of::<Attr>() as u32,
        config: COUNT_SW_DUMMY,
        sample_type: SAMPLE_TIME,
        flags: inherit
            | FLAG_EXCLUDE_KERNEL
            | FLAG_MMAP
            | FLAG_MMAP2
            | FLAG_WATERMARK
            | FLAG_SAMPLE_ID_ALL
            | FLAG_USE_CLOCK,
        clock: libc::CLOCK_MONOTONIC,
        // One byte: wake for every record. Mappings are rare and the first call is near.
        wakeup_watermark: 1,
        ..Attr::default()
    };
    let every_process = -1;
    let thread = tid.map_or(every_process, |tid| tid as libc::pid_t);
    let no_group = -1;
    // SAFETY: `attr` is a valid perf_event_attr of the size that it states.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attr,
            thread,
            cpu as libc::c_int,
            no_group,
            FLAG_FD_CLOEXEC,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call returned a descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// The CPUs that are online, from a list like `0-3,6`.
fn online() -> Vec<u32> {
    let text = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    let parsed = parse_list(text.trim());
    if parsed.is_empty() { vec![0] } else { parsed }
}

fn parse_list(text: &str) -> Vec<u32> {
    text.split(',')
        .filter_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some(first.parse::<u32>().ok()?..=last.parse::<u32>().ok()?)
        })
        .flatten()
        .collect()
}

impl AsFd for Cpu {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_threads_are_listed() {
        let own = std::process::id();
        assert!(threads(&[u32::MAX, own]).any(|tid| tid == own));
        assert_eq!(threads(&[]).count(), 0);
    }

    #[test]
    fn cpu_lists_are_read() {
        assert_eq!(parse_list("0-1,4"), [0, 1, 4]);
        assert_eq!(parse_list(""), []);
    }

    #[test]
    fn records_are_read_and_short_ones_are_not() {
        let mut record = vec![0; 72];
        record[8..12].copy_from_slice(&7u32.to_ne_bytes());
        record[16..24].copy_from_slice(&0x1000u64.to_ne_bytes());
        record[24..32].copy_from_slice(&0x2000u64.to_ne_bytes());
        record[40..44].copy_from_slice(&0xfeu32.to_ne_bytes());
        record[48..56].copy_from_slice(&99u64.to_ne_bytes());
        record.extend(b"/lib/libssl.so.3\0\0\0\0\0\0\0\0");
        record.extend(77u64.to_ne_bytes());
        let Some(Change::Mapped { pid, mapping, at_ns, .. }) = parse(RECORD_MMAP2, &record) else {
            panic!("a mapping");
        };
        assert_eq!((pid, mapping.range, mapping.file.inode), (7, (0x1000, 0x3000), 99));
        assert_eq!(at_ns, 77);
        assert_eq!(mapping.path, "/lib/libssl.so.3");
        for keep in 0..80 {
            assert!(parse(RECORD_MMAP2, &record[..keep]).is_none());
        }
    }
}

//! One interface's way from packets to formatted blocks, in a thread of its own: nothing on it is
//! shared until a whole batch is written.

use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use packet::{Counts, Flows, Key, Output, Packet, Source, SourceError, Totals, Whose, sight};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sink::pcapng::{self, Comment, Process, Statistics};
use tracing::{error, warn};

use super::file::{File, Page};
use super::inbox::{Inbox, News};
use crate::exit::Failure;
use crate::run::clock::Clock;
use crate::run::stop::Latch;

/// Formatted bytes that make a batch.
const BATCH: usize = 256 << 10;
/// Between two looks at what was dropped.
const COUNT_EVERY: Duration = Duration::from_secs(1);
/// How long packets that came before the end may take to be read.
const DRAIN: Duration = Duration::from_secs(2);

/// What an interface's thread leaves behind.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) name: String,
    pub(super) totals: Totals,
    pub(super) counts: Counts,
    pub(super) failed: bool,
}

/// An interface, its flows, and their way out.
pub(super) struct Reader {
    source: Source,
    flows: Flows,
    inbox: Arc<Inbox>,
    /// Messages at hand; kept for its room.
    news: Vec<News>,
    desk: Desk,
    /// Interfaces that are still read.
    alive: Arc<AtomicUsize>,
    /// The newest packet's time.
    packets_ns: u64,
    counted: Instant,
    counts: Counts,
    failed: bool,
}

/// The page that one interface's packets are written on.
struct Desk {
    interface: u32,
    page: Page,
    /// How many pages were filled before.
    number: u64,
    file: Arc<File>,
}

impl Desk {
    /// Hands the page in and takes a new one.
    fn turn(&mut self) {
        let statistics = &mut self.page.counted.1;
        statistics.end_ns = Clock::now().wall_ns();
        // The system is asked once in a while; the packets at hand were certainly received.
        statistics.received = statistics.received.max(statistics.written);
        self.file.write(&mut self.page);
        self.number += 1;
    }
}

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Woken {
    Look,
    Stop,
}

impl Reader {
    pub(super) fn new(
        number: u32,
        source: Source,
        flows: Flows,
        inbox: Arc<Inbox>,
        file: &Arc<File>,
        alive: &Arc<AtomicUsize>,
    ) -> Self {
        let start_ns = Clock::now().wall_ns();
        let counted = (number, Statistics { start_ns, ..Statistics::default() });
        let page = Page { out: Vec::with_capacity(2 * BATCH), counted, ..Page::default() };
        Self {
            source,
            flows,
            inbox,
            news: Vec::new(),
            desk: Desk { interface: number, page, number: 0, file: Arc::clone(file) },
            alive: Arc::clone(alive),
            packets_ns: 0,
            counted: Instant::now(),
            counts: Counts::default(),
            failed: false,
        }
    }

    /// Reads until `stop` is set and the packets that came before are read.
    pub(super) fn spawn(mut self, stop: &Latch) -> Result<JoinHandle<Self>, Failure> {
        let stop = stop.clone();
        let thread = thread::Builder::new().name("packets".to_owned()).spawn(move || {
            if let Err(failed) = self.follow(stop.fd()) {
                error!("no more packets from {failed}");
                self.failed = true;
                // The last one ends the run.
                if self.alive.fetch_sub(1, Ordering::Relaxed) == 1 {
                    self.desk.file.outlet().give_up();
                }
            }
            self
        })?;
        Ok(thread)
    }

    /// Decides what still waits, and counts.
    pub(super) fn finish(mut self) -> Report {
        self.take_news();
        self.flows.finish(&mut self.desk);
        self.ask();
        self.desk.turn();
        let (name, totals) = (self.source.name().to_owned(), *self.flows.totals());
        Report { name, totals, counts: self.counts, failed: self.failed }
    }

    fn follow(&mut self, stop: BorrowedFd<'_>) -> Result<(), SourceError> {
        loop {
            let more = self.round()?;
            if self.wait(stop, more) == Woken::Stop {
                return self.drain();
            }
        }
    }

    /// One look at everything. What the kernel half told comes first: it travels faster than
    /// packets, and what is known needs no waiting.
    fn round(&mut self) -> Result<bool, SourceError> {
        self.take_news();
        let more = self.read()?;
        // While packets queue up, time passes as fast as they are read.
        let now = if more { self.packets_ns } else { Clock::now().wall_ns() };
        self.flows.expire(now, &mut self.desk);
        if !more {
            self.desk.turn();
        }
        if self.counted.elapsed() >= COUNT_EVERY {
            self.count();
        }
        Ok(more)
    }

    fn read(&mut self) -> Result<bool, SourceError> {
        let Self { source, flows, desk, packets_ns, .. } = self;
        let link = source.link();
        source.read(|packet| {
            *packets_ns = packet.time_ns;
            flows.packet(packet, sight(link, packet.bytes).as_ref(), desk);
        })
    }

    fn take_news(&mut self) {
        self.inbox.take(&mut self.news);
        for news in self.news.drain(..) {
            match news {
                News::Claim(claim) => self.flows.claim(&claim, &mut self.desk),
                News::Key(key) => self.flows.key(&key, &mut self.desk),
                News::Addresses(addresses) => self.flows.set_addresses(addresses.iter().copied()),
            }
        }
    }

    /// Waits for packets, for news, for the end, or until a packet has waited long enough.
    fn wait(&self, stop: BorrowedFd<'_>, more: bool) -> Woken {
        let left = |deadline: u64| deadline.saturating_sub(Clock::now().wall_ns());
        let timeout = if more { Some(0) } else { self.flows.deadline().map(left) };
        let timeout = timeout.map(timespec);
        let mut fds = [
            PollFd::from_borrowed_fd(stop, PollFlags::IN),
            PollFd::new(&self.source, PollFlags::IN),
            PollFd::from_borrowed_fd(self.inbox.as_fd(), PollFlags::IN),
        ];
        // Should it fail, the next round finds out why.
        let _ = poll(&mut fds, timeout.as_ref());
        if fds[0].revents().is_empty() { Woken::Look } else { Woken::Stop }
    }

    /// Reads the packets from before this moment: until one comes that is younger, or none for
    /// longer than the kernel keeps one back.
    fn drain(&mut self) -> Result<(), SourceError> {
        let (end_ns, begun) = (Clock::now().wall_ns(), Instant::now());
        loop {
            let more = self.round()?;
            if self.packets_ns >= end_ns || begun.elapsed() > DRAIN {
                return Ok(());
            }
            let patience = timespec(2_000_000 * u64::from(self.source.delay_ms()));
            let mut packets = [PollFd::new(&self.source, PollFlags::IN)];
            let ready = more || !matches!(poll(&mut packets, Some(&patience)), Ok(0));
            if !ready {
                return Ok(());
            }
        }
    }

    /// Loss as it happens, at most one line a second.
    fn count(&mut self) {
        let before = self.counts.dropped;
        self.ask();
        if self.counts.dropped > before {
            warn!(
                "lost packets: {} on {} so far found no room; --mapsize makes the buffer larger, \
                 a packet filter makes less of them",
                self.counts.dropped,
                self.source.name()
            );
        }
        self.counted = Instant::now();
    }

    /// Asks the system what it counted.
    fn ask(&mut self) {
        let counts = self.source.counts();
        let statistics = &mut self.desk.page.counted.1;
        let Counts { received, dropped, missed } = counts;
        (statistics.received, statistics.dropped, statistics.missed) = (received, dropped, missed);
        self.counts = counts;
    }
}

impl Output for Desk {
    fn packet(&mut self, packet: Packet<'_>, whose: Whose<'_>) {
        let comments = whose.iter().map(|(end, owner)| {
            Comment::Process(Process {
                pid: owner.pid,
                comm: &owner.comm,
                exe: owner.exe.as_deref(),
                container: owner.container.as_deref(),
                local: end.socket_addr(),
            })
        });
        let Packet { time_ns, len, bytes } = packet;
        let packet = pcapng::Packet { interface: self.interface, time_ns, len, bytes };
        pcapng::packet(&mut self.page.out, &packet, comments);
        self.page.counted.1.written += 1;
        // Also while many go on that waited: a page is never in two files.
        if self.page.out.len() >= BATCH {
            self.turn();
        }
    }

    fn key(&mut self, key: &Arc<Key>) {
        self.page.keys.push(Arc::clone(key));
    }

    fn name(&mut self, address: IpAddr, name: &str) {
        self.page.names.push((address, Box::from(name)));
    }

    fn page(&self) -> u64 {
        self.number
    }
}

fn timespec(ns: u64) -> Timespec {
    let (seconds, rest) = (ns / 1_000_000_000, ns % 1_000_000_000);
    Timespec { tv_sec: seconds as i64, tv_nsec: rest as i64 }
}

//! `-m pcap`: packets. The kernel half tells which process uses which socket.
//!
//! Each interface has a thread that reads its packets, asks whose they are and formats those that
//! are wanted; one more thread hands every interface what the kernel half tells.

mod claims;
mod container;
mod file;
mod inbox;
mod keys;
pub(super) mod machine;
mod reader;

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::JoinHandle;

use packet::{Flows, Limits, Options, Source, SourceError};
use sink::pcapng::{self, Interface, Section};
use tracing::{info, warn};

use super::outlet::Outlet;
use super::stop::Latch;
use crate::config::Packets;
use crate::exit::Failure;
use crate::log;
pub(super) use claims::Claims;
use file::File;
pub(crate) use file::Rotation;
use inbox::Inbox;
pub(super) use keys::Keys;
use reader::{Reader, Report};

/// Bytes kept of a packet: more than the largest that there are.
const SNAP_BYTES: u32 = 262_144;

/// The name under which libpcap knows that packets pass twice.
const LOOPBACK: &str = "lo";

/// Interfaces that are open and not read yet.
pub(super) struct Prepared<'a> {
    packets: &'a Packets,
    sources: Vec<Source>,
    inboxes: Vec<Arc<Inbox>>,
    choosy: bool,
}

impl<'a> Prepared<'a> {
    pub(super) fn new(
        packets: &'a Packets,
        sources: Vec<Source>,
        choosy: bool,
    ) -> Result<Self, Failure> {
        let inboxes = (0..sources.len()).map(|_| Ok(Arc::new(Inbox::new()?)));
        let inboxes = inboxes.collect::<Result<Vec<_>, Failure>>()?;
        Ok(Self { packets, sources, inboxes, choosy })
    }

    /// What is to be told who uses which socket.
    pub(super) fn claims(&self) -> Result<Claims, Failure> {
        Claims::new(self.inboxes.clone())
    }

    /// What is to be told the keys of connections.
    pub(super) fn keys(&self) -> Result<Keys, Failure> {
        Keys::new(self.inboxes.clone())
    }

    /// Opens the file and begins to read. `broken` is set when the file can't be written any more.
    pub(super) fn start(self, broken: Latch) -> Result<Capture, Failure> {
        let Self { packets, sources, inboxes, choosy } = self;
        let head = head(&sources, &packets.filter);
        let outlet = |place| Outlet::new(place, broken);
        let file =
            File::open(packets.file.as_deref(), packets.rotation, head, sources.len(), outlet)?;
        let file = Arc::new(file);
        let reading = Latch::new()?;
        let alive = Arc::new(AtomicUsize::new(sources.len()));
        let readers = (0..)
            .zip(sources)
            .zip(inboxes)
            .map(|((number, source), inbox)| {
                let flows = Flows::new(Limits::default(), choosy);
                Reader::new(number, source, flows, inbox, &file, &alive).spawn(&reading)
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        let interfaces = packets.interfaces.join(", ");
        let to = packets.file.as_ref();
        let to = to.map_or("standard output".to_owned(), |path| path.display().to_string());
        let set = if packets.rotation.is_on() { " (a set of files)" } else { "" };
        let description = format!("capturing on {interfaces} to {to}{set}");
        Ok(Capture { readers, reading, file, choosy, description })
    }
}

/// A capture that is running.
pub(super) struct Capture {
    readers: Vec<JoinHandle<Reader>>,
    reading: Latch,
    file: Arc<File>,
    choosy: bool,
    description: String,
}

impl Capture {
    pub(super) fn description(&self) -> String {
        self.description.clone()
    }

    /// Reads the packets that are there.
    pub(super) fn drain(self) -> Drained {
        self.reading.set();
        let readers = self.readers.into_iter().filter_map(|thread| thread.join().ok()).collect();
        Drained { readers, file: self.file, choosy: self.choosy }
    }
}

/// A capture that reads no more packets.
pub(super) struct Drained {
    readers: Vec<Reader>,
    file: Arc<File>,
    choosy: bool,
}

impl Drained {
    /// Decides what still waits, now that all is known, and ends the file.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let reports: Vec<Report> = self.readers.into_iter().map(Reader::finish).collect();
        self.file.close();
        tell(&reports, self.choosy);
        self.file.outlet().verdict()?;
        if reports.iter().any(|report| report.failed) {
            return Err(Failure::failed("the capture is incomplete, see above"));
        }
        Ok(())
    }
}

/// Opens the interfaces. The kernel keeps their packets from now on.
pub(super) fn open(packets: &Packets, choosy: bool) -> Result<Vec<Source>, Failure> {
    let options = Options {
        filter: &packets.filter,
        buffer_bytes: packets.buffer_bytes,
        snap_bytes: SNAP_BYTES,
    };
    let open = |name: &String| {
        let source = Source::open(name, &options).map_err(refusal)?;
        if name == LOOPBACK {
            // Where this is refused, libpcap sorts them out, at a higher price.
            let _ = probe::ignore_outgoing(source.as_fd());
        }
        if choosy && !source.link().is_known() {
            return Err(Failure::failed(format!(
                "-i {name}: its packets (link type {}) can't be told apart by process; leave out \
                 -p, -u, --comm and --cgroup_path",
                source.link().number()
            )));
        }
        Ok(source)
    };
    packets.interfaces.iter().map(open).collect()
}

fn refusal(error: SourceError) -> Failure {
    match error {
        SourceError::Filter { .. } => Failure::usage(format!("{error}; see `man pcap-filter`")),
        error => Failure::failed(format!("-i {error}")),
    }
}

/// What the file begins with.
fn head(sources: &[Source], filter: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let section = Section {
        hardware: &machine::hardware(),
        os: &machine::os(),
        application: machine::APPLICATION,
        comment: "",
    };
    pcapng::section(&mut out, &section);
    for source in sources {
        let (name, link) = (source.name(), source.link().number());
        let interface = Interface { name, description: "", link, snap_bytes: SNAP_BYTES, filter };
        pcapng::interface(&mut out, &interface);
    }
    out
}

/// The summary, for the person who waits.
fn tell(reports: &[Report], choosy: bool) {
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    // What passes several interfaces is written and counted for each.
    for report in reports.iter().filter(|_| reports.len() > 1) {
        info!("{}: {}", report.name, summary(std::slice::from_ref(report), choosy));
    }
    let forgotten = sum(|report| report.totals.forgotten);
    if forgotten > 0 {
        warn!("{forgotten} flows were forgotten while they were open: there were too many at once");
    }
    let disagreed = sum(|report| report.totals.disagreed);
    if disagreed > 0 {
        info!(
            "{disagreed} connections had their keys computed by a thread that used another socket \
             last; their ClientHello says which packets the keys are for"
        );
    }
    log::summary(format!("{}\n", summary(reports, choosy)).as_bytes());
}

/// What became of the packets of some interfaces.
fn summary(reports: &[Report], choosy: bool) -> String {
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    let mut line = format!(
        "{} packets written, {} dropped by the kernel",
        sum(|report| report.totals.written),
        sum(|report| report.counts.dropped)
    );
    let missed = sum(|report| report.counts.missed);
    if missed > 0 {
        line += &format!(", {missed} dropped by the interface");
    }
    let connections = sum(|report| report.totals.connections);
    if connections > 0 {
        let keyed = connections.saturating_sub(sum(|report| report.totals.keyless));
        line += &format!(", keys for {keyed} of {connections} TLS connections");
    }
    if choosy {
        let undecided = sum(|report| report.totals.undecided);
        let why = if undecided > 0 { " (their process did not become known in time)" } else { "" };
        let others = sum(|report| report.totals.others);
        line += &format!(", {undecided} undecided{why}, {others} of others");
    }
    line
}

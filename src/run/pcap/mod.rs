//! `-m pcap`: packets instead of plaintext. No probe stands in any library; the kernel half only
//! tells which process uses which socket.
//!
//! Each interface has a thread that reads its packets, asks whose they are and formats those that
//! are wanted; one more thread hands every interface what the kernel half tells.

mod claims;
mod inbox;
mod machine;
mod reader;

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::JoinHandle;

use packet::{Flows, Limits, Options, Source, SourceError};
use probe::{Kernel, Settings};
use sink::Place;
use sink::pcapng::{self, Interface, Section};
use tracing::{info, warn};

use super::outlet::Outlet;
use super::stop::{Latch, Stop};
use crate::config::Packets;
use crate::exit::Failure;
use claims::Claims;
use inbox::Inbox;
use reader::{Reader, Report};

/// Bytes kept of a packet: more than the largest that there are.
const SNAP_BYTES: u32 = 262_144;

/// The name under which libpcap knows that packets pass twice.
const LOOPBACK: &str = "lo";

/// Runs until a signal, the end of every process named by `-p`, or the end of the reader.
pub(super) fn run(settings: &Settings, packets: &Packets) -> Result<(), Failure> {
    info!("session keys are not written yet: what is encrypted stays so in the capture");
    let stop = Stop::install()?;
    let capture = Capture::start(settings, packets, &stop)?;
    info!("ready: capturing on {}", packets.interfaces.join(", "));
    super::wait(&stop, &settings.pids)?;
    capture.finish()
}

/// A capture that is running.
struct Capture {
    readers: Vec<JoinHandle<Reader>>,
    reading: Latch,
    claims: JoinHandle<()>,
    claiming: Latch,
    outlet: Arc<Outlet>,
    choosy: bool,
    /// Its tracepoints go when everything is counted.
    _kernel: Kernel,
}

impl Capture {
    fn start(settings: &Settings, packets: &Packets, stop: &Stop) -> Result<Self, Failure> {
        let choosy = settings.choosy();
        let features = super::ready_to_run()?;
        // Packets are kept from here on, and read when it is known whose they are.
        let sources = open(packets, choosy)?;
        let kernel = Kernel::load(settings.clone(), features)?;
        let inboxes = (0..sources.len())
            .map(|_| Ok(Arc::new(Inbox::new()?)))
            .collect::<Result<Vec<_>, Failure>>()?;
        let mut claims = Claims::new(inboxes.clone())?;
        kernel.list_sockets(|record| claims.take(record))?;
        // Opened when nothing else can fail any more, so that no failed start empties a file.
        let outlet = Arc::new(Outlet::new(place(packets)?, stop.broken_output()?));
        outlet.write(&mut head(&sources, &packets.filter));
        let (reading, claiming) = (Latch::new()?, Latch::new()?);
        let ring = kernel.readers()?.into_iter().next();
        let ring = ring.ok_or_else(|| Failure::failed("the kernel half has no ring"))?;
        let claims = claims.spawn(ring, &claiming)?;
        let alive = Arc::new(AtomicUsize::new(sources.len()));
        let readers = (0..)
            .zip(sources)
            .zip(inboxes)
            .map(|((number, source), inbox)| {
                let flows = Flows::new(Limits::default(), choosy);
                Reader::new(number, source, flows, inbox, &outlet, &alive).spawn(&reading)
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        Ok(Self { readers, reading, claims, claiming, outlet, choosy, _kernel: kernel })
    }

    /// Packets that are there are read, then what the kernel half told of them, and what is
    /// decided by then is written.
    fn finish(self) -> Result<(), Failure> {
        self.reading.set();
        let readers: Vec<_> =
            self.readers.into_iter().filter_map(|thread| thread.join().ok()).collect();
        self.claiming.set();
        // A thread that panicked has said so.
        let _ = self.claims.join();
        let reports: Vec<Report> = readers.into_iter().map(Reader::finish).collect();
        tell(&reports, self.choosy);
        self.outlet.verdict()?;
        if reports.iter().any(|report| report.failed) {
            return Err(Failure::failed("the capture is incomplete, see above"));
        }
        Ok(())
    }
}

fn open(packets: &Packets, choosy: bool) -> Result<Vec<Source>, Failure> {
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

fn place(packets: &Packets) -> Result<Place, Failure> {
    let Some(path) = &packets.file else {
        let place = Place::stdout()?;
        if place.is_terminal() {
            return Err(Failure::usage(
                "-w - writes packets to standard output, which is a terminal; pipe it, such as \
                 into `wireshark -k -i -`",
            ));
        }
        return Ok(place);
    };
    Ok(Place::create(path)?)
}

/// What the file begins with.
fn head(sources: &[Source], filter: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let section = Section {
        hardware: &machine::hardware(),
        os: &machine::os(),
        application: concat!("ecapture ", env!("CARGO_PKG_VERSION")),
    };
    pcapng::section(&mut out, &section);
    for source in sources {
        let (name, link) = (source.name(), source.link().number());
        pcapng::interface(&mut out, &Interface { name, link, snap_bytes: SNAP_BYTES, filter });
    }
    out
}

/// The summary, for the person who waits.
fn tell(reports: &[Report], choosy: bool) {
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    for report in reports.iter().filter(|_| reports.len() > 1) {
        let (written, dropped) = (report.totals.written, report.counts.dropped);
        info!("{}: {written} packets written, {dropped} dropped by the kernel", report.name);
    }
    let forgotten = sum(|report| report.totals.forgotten);
    if forgotten > 0 {
        warn!("{forgotten} flows were forgotten while they were open: there were too many at once");
    }
    let mut line = format!(
        "{} packets written, {} dropped by the kernel",
        sum(|report| report.totals.written),
        sum(|report| report.counts.dropped)
    );
    let missed = sum(|report| report.counts.missed);
    if missed > 0 {
        line += &format!(", {missed} dropped by the interface");
    }
    if choosy {
        line += &format!(
            ", {} undecided (their process did not become known in time), {} of others",
            sum(|report| report.totals.undecided),
            sum(|report| report.totals.others)
        );
    }
    line.push('\n');
    // Nothing is left to tell if standard error is gone.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
}

//! `--plaintext-pcap`: bytes on their way to synthetic packets, beside what is shown of them.

use std::sync::Arc;
use std::time::Duration;

use sink::pcapng::Section;
use sink::{Place, Sink, Synthetic, Taken};
use stream::{Close, Conn, Gap, Output, Piece};

use super::clock::Clock;
use super::outlet::Outlet;
use super::pcap::machine;
use super::stop::Latch;
use crate::config::SyntheticFile;
use crate::exit::Failure;

/// Formatted bytes that make a batch.
const BATCH: usize = 64 << 10;

/// The file that all shards write to.
pub(super) struct Streams {
    outlet: Arc<Outlet>,
    taken: Taken,
}

/// One shard's streams.
pub(super) struct Synthesis {
    sink: Synthetic,
    out: Vec<u8>,
    outlet: Arc<Outlet>,
}

impl Streams {
    /// Opens the file. `broken` is set when it can't be written any more.
    pub(super) fn open(file: &SyntheticFile, broken: Latch) -> Result<Self, Failure> {
        let place = match file {
            SyntheticFile::Stdout => stdout()?,
            SyntheticFile::Path(path) => Place::create(path)?,
        };
        let (hardware, os) = (machine::hardware(), machine::os());
        let section = Section {
            hardware: &hardware,
            os: &os,
            application: machine::APPLICATION,
            comment: "",
        };
        let mut head = Vec::new();
        Synthetic::head(&mut head, &section);
        let outlet = Arc::new(Outlet::new(place, broken));
        outlet.write(&mut head);
        Ok(Self { outlet, taken: Taken::default() })
    }

    /// What a shard writes with.
    pub(super) fn of_shard(&self) -> Synthesis {
        Synthesis {
            sink: Synthetic::new(self.taken.clone()),
            out: Vec::new(),
            outlet: Arc::clone(&self.outlet),
        }
    }

    /// How the run ended.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        self.outlet.verdict()
    }
}

impl Synthesis {
    /// Writes what is there, and what waited for its addresses long enough.
    pub(super) fn flush(&mut self) {
        self.sink.expire(&mut self.out, Clock::now().wall_ns());
        self.outlet.write(&mut self.out);
    }

    /// How long until something has; `None`: nothing waits.
    pub(super) fn patience(&self) -> Option<Duration> {
        // Should the clock be set back meanwhile, it is looked at again.
        const LONGEST: Duration = Duration::from_secs(1);
        let left = self.sink.deadline()?.saturating_sub(Clock::now().wall_ns());
        Some(Duration::from_nanos(left).min(LONGEST))
    }

    fn write_batch(&mut self) {
        if self.out.len() >= BATCH {
            self.outlet.write(&mut self.out);
        }
    }
}

impl Output for Synthesis {
    fn open(&mut self, conn: &Conn, time: u64) {
        self.sink.open(&mut self.out, conn, time);
    }

    fn data(&mut self, conn: &Conn, piece: &Piece<'_>) {
        self.sink.data(&mut self.out, conn, piece);
        self.write_batch();
    }

    fn gap(&mut self, conn: &Conn, gap: &Gap) {
        self.sink.gap(&mut self.out, conn, gap);
        self.write_batch();
    }

    fn close(&mut self, conn: &Conn, close: &Close) {
        self.sink.close(&mut self.out, conn, close);
        self.write_batch();
    }
}

fn stdout() -> Result<Place, Failure> {
    let place = Place::stdout()?;
    if place.is_terminal() {
        return Err(Failure::usage(
            "--plaintext-pcap - writes packets to standard output, which is a terminal; pipe it, \
             such as into `wireshark -k -i -`",
        ));
    }
    Ok(place)
}

//! One ring's way from records to formatted text, in a thread of its own: nothing on it is shared
//! with another shard until a whole batch is written.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use probe::{Names, Ring, Woken};
use sink::{Sink, Writing};
use stream::{GapReason, Limits, Table, Totals};
use tracing::{error, warn};

use super::clock::Clock;
use super::context::KernelContext;
use super::output::Output;
use super::stop::Latch;
use crate::exit::Failure;

/// Formatted bytes that make a batch.
const BATCH: usize = 64 << 10;
/// Between two lines about lost events.
const LOST_EVERY: Duration = Duration::from_secs(1);

/// What a shard counted.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) totals: Totals,
}

/// A ring, the connections that come through it, and their way out.
pub(super) struct Shard {
    ring: Ring,
    table: Table,
    context: KernelContext,
    sink: Box<dyn Sink + Send>,
    out: Vec<u8>,
    output: Arc<Output>,
    lost: Lost,
}

impl Shard {
    pub(super) fn new(
        ring: Ring,
        names: Arc<Names>,
        books: probe::Books,
        output: &Arc<Output>,
    ) -> Self {
        Self {
            ring,
            table: Table::new(Limits::default(), output.ids()),
            context: KernelContext::new(names, books),
            sink: output.sink(),
            out: Vec::with_capacity(2 * BATCH),
            output: Arc::clone(output),
            lost: Lost { told: 0, at: None },
        }
    }

    /// Reads until `stop` is set and the ring is empty, then closes every connection.
    pub(super) fn spawn(mut self, stop: &Latch) -> Result<JoinHandle<Books>, Failure> {
        let stop = stop.clone();
        let thread = thread::Builder::new().name("shard".to_owned()).spawn(move || {
            loop {
                self.batch();
                match self.ring.wait(stop.fd()) {
                    Ok(Woken::Records) => {}
                    Ok(Woken::Stop) => break,
                    Err(error) => {
                        error!("{error}; this shard's connections are not followed any more");
                        self.output.give_up();
                        break;
                    }
                }
            }
            self.finish()
        })?;
        Ok(thread)
    }

    fn batch(&mut self) {
        self.table.set_wall_offset(Clock::now().offset_ns());
        let Self { ring, table, context, sink, out, output, .. } = self;
        ring.drain(|record| {
            let mut writing = Writing { sink: sink.as_mut(), out };
            // Counted by the table; the summary says how many.
            let _ = table.push_record(record, context, &mut writing);
            if writing.out.len() >= BATCH {
                output.write(writing.out);
            }
        });
        output.write(out);
        self.lost.tell(self.table.totals());
    }

    fn finish(mut self) -> Books {
        self.batch();
        let Self { table, context, sink, out, output, .. } = &mut self;
        let mut writing = Writing { sink: sink.as_mut(), out };
        table.finish(Clock::now().boot_ns(), context, &mut writing);
        output.write(out);
        Books { totals: *self.table.totals() }
    }
}

/// Loss as it happens, at most one line a second.
struct Lost {
    told: u64,
    at: Option<Instant>,
}

impl Lost {
    fn tell(&mut self, totals: &Totals) {
        let lost = totals.gap(GapReason::RingFull);
        let recent = self.at.is_some_and(|at| at.elapsed() < LOST_EVERY);
        if lost.bytes == self.told || recent {
            return;
        }
        warn!(
            "lost events: {} bytes so far found no room in the ring; --mapsize makes it larger, \
             -p, -u, --comm and -t make less of it",
            lost.bytes
        );
        self.told = lost.bytes;
        self.at = Some(Instant::now());
    }
}

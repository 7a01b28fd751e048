//! One ring's way from records to formatted text, in a thread of its own: nothing on it is shared
//! with another shard until a whole batch is written.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use probe::{Ring, Woken};
use sink::{Sink, Writing};
use stream::filter::Sieve;
use stream::{Close, Conn, Gap, GapReason, Limits, Message, Messages, Piece, Table, Totals};
use tracing::error;

use super::clock::Clock;
use super::context::KernelContext;
use super::lost::Lost;
use super::output::Output;
use super::stages::{Job, Stages};
use super::stop::Latch;
use super::synthesis::Synthesis;
use crate::exit::Failure;

/// Formatted bytes that make a batch.
const BATCH: usize = 64 << 10;

/// What a shard counted.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) totals: Totals,
    /// Messages that were shown without an answer of the filter.
    pub(super) unasked: u64,
    /// Statements that the format has no place for.
    pub(super) left_out: u64,
}

/// A ring, the connections that come through it, and their way out.
pub(super) struct Shard {
    ring: Ring,
    table: Table,
    stages: Stages,
    context: KernelContext,
    sink: Box<dyn Sink + Send>,
    out: Vec<u8>,
    output: Arc<Output>,
    /// Who gets the bytes as they are, too.
    bytes: Option<Synthesis>,
    lost: Arc<Lost>,
    /// How much this shard told `lost` of.
    lost_bytes: u64,
}

impl Shard {
    pub(super) fn new(
        ring: Ring,
        context: KernelContext,
        output: &Arc<Output>,
        lost: &Arc<Lost>,
        limits: Limits,
    ) -> Self {
        Self {
            ring,
            table: Table::new(limits, output.ids()),
            stages: output.stages(),
            context,
            sink: output.sink(),
            out: Vec::with_capacity(2 * BATCH),
            output: Arc::clone(output),
            bytes: output.synthesis(),
            lost: Arc::clone(lost),
            lost_bytes: 0,
        }
    }

    /// Reads until `stop` is set and the ring is empty, then closes every connection.
    pub(super) fn spawn(mut self, stop: &Latch) -> Result<JoinHandle<Books>, Failure> {
        let stop = stop.clone();
        let thread = thread::Builder::new().name("shard".to_owned()).spawn(move || {
            loop {
                self.batch();
                let patience = self.bytes.as_ref().and_then(Synthesis::patience);
                match self.ring.wait(stop.fd(), patience) {
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
        let Self { ring, table, stages, context, sink, out, output, bytes, .. } = self;
        let mut batches = Batches { writing: Writing { sink: sink.as_mut(), out }, output };
        ring.drain(|record| {
            stages.run(Job::Record(record), table, context, &mut batches, bytes.as_mut());
        });
        batches.write(1);
        bytes.iter_mut().for_each(Synthesis::flush);
        let lost = self.table.totals().gap(GapReason::RingFull).bytes;
        self.lost.tell(lost - self.lost_bytes);
        self.lost_bytes = lost;
    }

    fn finish(mut self) -> Books {
        self.batch();
        let Self { table, stages, context, sink, out, output, bytes, .. } = &mut self;
        let mut batches = Batches { writing: Writing { sink: sink.as_mut(), out }, output };
        let now = Clock::now().boot_ns();
        stages.run(Job::Finish(now), table, context, &mut batches, bytes.as_mut());
        batches.write(1);
        bytes.iter_mut().for_each(Synthesis::flush);
        let unasked = stages.sieve.as_ref().map_or(0, Sieve::given_up);
        let left_out = self.sink.left_out();
        Books { totals: *self.table.totals(), unasked, left_out }
    }
}

/// What a table tells, formatted, and written whenever it is enough for a batch: a record may
/// stand for more bytes than memory should hold.
struct Batches<'a> {
    writing: Writing<'a, dyn Sink + Send>,
    output: &'a Output,
}

impl Batches<'_> {
    fn write(&mut self, from: usize) {
        if self.writing.out.len() >= from {
            self.output.write(self.writing.out);
        }
    }
}

impl stream::Output for Batches<'_> {
    fn open(&mut self, conn: &Conn, time: u64) {
        self.writing.open(conn, time);
    }

    fn data(&mut self, conn: &Conn, piece: &Piece<'_>) {
        self.writing.data(conn, piece);
        self.write(BATCH);
    }

    fn gap(&mut self, conn: &Conn, gap: &Gap) {
        self.writing.gap(conn, gap);
        self.write(BATCH);
    }

    fn close(&mut self, conn: &Conn, close: &Close) {
        self.writing.close(conn, close);
        self.write(BATCH);
    }
}

impl Messages for Batches<'_> {
    fn message(&mut self, conn: &Conn, message: &Message<'_>) {
        self.writing.message(conn, message);
        self.write(BATCH);
    }
}

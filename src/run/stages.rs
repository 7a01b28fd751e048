//! What stands between a shard's table and its sink: decoder, filter, redaction, each if wanted.

use stream::filter::Sieve;
use stream::redact::Redaction;
use stream::{Close, Conn, Decoder, Gap, Messages, Output, Piece, Table};

use super::context::KernelContext;
use super::synthesis::Synthesis;

/// The stages of a shard. Without a decoder there are no others.
pub(super) struct Stages {
    pub(super) decoder: Option<Decoder>,
    pub(super) sieve: Option<Sieve>,
    pub(super) redaction: Option<Redaction>,
}

/// What a table is to do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Job<'a> {
    /// Take a record.
    Record(&'a [u8]),
    /// Close every connection, at this time of CLOCK_BOOTTIME.
    Finish(u64),
}

impl Stages {
    /// Lets the table do it, with the stages before the output.
    pub(super) fn run(
        &mut self,
        job: Job<'_>,
        table: &mut Table,
        context: &mut KernelContext,
        output: &mut impl Messages,
        bytes: Option<&mut Synthesis>,
    ) {
        let mut run = Run { job, table, context, bytes };
        let Some(decoder) = &mut self.decoder else { return run.onto(output) };
        match (&mut self.sieve, &mut self.redaction) {
            (None, None) => run.onto(&mut decoder.onto(output)),
            (None, Some(redaction)) => run.onto(&mut decoder.onto(&mut redaction.onto(output))),
            (Some(sieve), None) => run.onto(&mut decoder.onto(&mut sieve.onto(output))),
            // The filter sees what was sent, the output what is left of it.
            (Some(sieve), Some(redaction)) => {
                let mut redacted = redaction.onto(output);
                run.onto(&mut decoder.onto(&mut sieve.onto(&mut redacted)));
            }
        }
    }
}

/// A job, and who does it.
struct Run<'a> {
    job: Job<'a>,
    table: &'a mut Table,
    context: &'a mut KernelContext,
    bytes: Option<&'a mut Synthesis>,
}

impl Run<'_> {
    /// Lets the table tell this output, and whoever wants the bytes as they are.
    fn onto(&mut self, output: &mut impl Output) {
        match self.bytes.take() {
            None => self.tell(output),
            Some(bytes) => self.tell(&mut Both { one: output, other: bytes }),
        }
    }

    fn tell(&mut self, output: &mut impl Output) {
        match self.job {
            // Broken ones are counted by the table; the summary says how many.
            Job::Record(record) => drop(self.table.push_record(record, self.context, output)),
            Job::Finish(time) => self.table.finish(time, self.context, output),
        }
    }
}

/// Two outputs that are told the same.
struct Both<'a, A, B> {
    one: &'a mut A,
    other: &'a mut B,
}

impl<A: Output, B: Output> Output for Both<'_, A, B> {
    fn open(&mut self, conn: &Conn, time: u64) {
        self.one.open(conn, time);
        self.other.open(conn, time);
    }

    fn data(&mut self, conn: &Conn, piece: &Piece<'_>) {
        self.one.data(conn, piece);
        self.other.data(conn, piece);
    }

    fn gap(&mut self, conn: &Conn, gap: &Gap) {
        self.one.gap(conn, gap);
        self.other.gap(conn, gap);
    }

    fn close(&mut self, conn: &Conn, close: &Close) {
        self.one.close(conn, close);
        self.other.close(conn, close);
    }
}

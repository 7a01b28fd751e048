//! Keys of connections, as lines of a key log, written as they come, so that `tshark` can follow.

use std::sync::Arc;

use secret::{Secret, Seen};
use sink::Place;
use tracing::warn;

use super::outlet::Outlet;
use super::stop::Latch;
use crate::config::KeylogFile;
use crate::exit::Failure;
use crate::log;

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct KeyCounts {
    pub(super) keys: u64,
    /// By their client_randoms.
    pub(super) connections: u64,
}

/// From records to lines.
pub(super) struct Keylog {
    connections: Seen,
    lines: Vec<u8>,
    outlet: Arc<Outlet>,
    counts: KeyCounts,
}

/// Opens the file. `broken` is set when it can't be written any more.
pub(super) fn open(file: &KeylogFile, broken: Latch) -> Result<Arc<Outlet>, Failure> {
    let place = match file {
        KeylogFile::Stdout => Place::stdout(),
        KeylogFile::Path(path) => Place::append(path),
    };
    Ok(Arc::new(Outlet::new(place?, broken)))
}

impl Keylog {
    pub(super) fn new(outlet: &Arc<Outlet>) -> Self {
        Self {
            connections: Seen::default(),
            lines: Vec::new(),
            outlet: Arc::clone(outlet),
            counts: KeyCounts::default(),
        }
    }

    /// Adds a key that was not seen before.
    pub(super) fn add(&mut self, secret: &Secret) {
        self.counts.keys += 1;
        self.counts.connections += u64::from(self.connections.is_new(&secret.client_random));
        sink::keylog::line(&mut self.lines, secret);
    }

    /// Writes the lines of the records that were taken.
    pub(super) fn flush(&mut self) {
        self.outlet.write(&mut self.lines);
    }

    /// What comes after this is incomplete.
    pub(super) fn give_up(&self) {
        self.outlet.give_up();
    }

    /// What was written.
    pub(super) fn counts(&self) -> KeyCounts {
        self.counts
    }
}

/// The summary, for the person who waits.
pub(super) fn tell(counts: KeyCounts, undecoded: u64, counters: &probe::Counters) {
    let lost = counters.of(probe::Counter::SecretsLost);
    let line = format!(
        "{} of {}, {lost} lost\n",
        plural(counts.keys, "key"),
        plural(counts.connections, "connection")
    );
    log::summary(line.as_bytes());
    let causes = [
        (lost, "keys found no room in the ring; --mapsize makes it larger"),
        (
            counters.of(probe::Counter::SecretsUnreadable),
            "keys were handed over and could not be read",
        ),
        (
            counters.of(probe::Counter::SecretsOdd) + undecoded,
            "keys were handed over that no connection can have",
        ),
    ];
    for (count, what) in causes.into_iter().filter(|(count, _)| *count > 0) {
        warn!("{count} {what}");
    }
}

fn plural(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

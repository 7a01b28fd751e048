//! The place where batches of all threads meet.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use sink::{Place, PlaceError};
use tracing::error;

use super::stop::Latch;
use crate::exit::Failure;

/// A place that many threads write to, one batch at a time.
pub(super) struct Outlet {
    place: Mutex<Place>,
    failed: Mutex<Option<PlaceError>>,
    done: AtomicBool,
    gave_up: AtomicBool,
    broken: Latch,
}

impl Outlet {
    /// `broken` is set when the place can't be written any more.
    pub(super) fn new(place: Place, broken: Latch) -> Self {
        Self {
            place: Mutex::new(place),
            failed: Mutex::new(None),
            done: AtomicBool::new(false),
            gave_up: AtomicBool::new(false),
            broken,
        }
    }

    /// Writes a batch and empties it. After a failure batches are dropped, and the run ends.
    pub(super) fn write(&self, batch: &mut Vec<u8>) {
        if !batch.is_empty() && !self.done.load(Ordering::Relaxed) {
            let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = place.write(batch) {
                self.fail(error);
            }
        }
        batch.clear();
    }

    /// Writes to another place from now on, if it could be opened; else the run ends.
    pub(super) fn move_to(&self, place: Result<Place, PlaceError>) {
        match place {
            Ok(place) => *self.place.lock().unwrap_or_else(PoisonError::into_inner) = place,
            Err(error) => self.fail(error),
        }
    }

    fn fail(&self, error: PlaceError) {
        self.done.store(true, Ordering::Relaxed);
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        self.broken.set();
    }

    /// Nothing follows: ends what was written.
    pub(super) fn finish(&self) {
        if self.done.load(Ordering::Relaxed) {
            return;
        }
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = place.finish() {
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }

    /// Ends the run as failed: what comes after this is incomplete.
    pub(super) fn give_up(&self) {
        self.gave_up.store(true, Ordering::Relaxed);
        self.broken.set();
    }

    /// How the run ended. A reader that went away has seen what it wanted.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        match self.failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
            _ if self.gave_up.load(Ordering::Relaxed) => {
                Err(Failure::failed("the capture is incomplete, see above"))
            }
            None | Some(PlaceError::Closed { .. }) => Ok(()),
            Some(failed) => {
                error!("the output is incomplete");
                Err(failed.into())
            }
        }
    }
}

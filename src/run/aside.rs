//! `--eventroratesize`, `--eventroratetime`: a file that is large or old enough is put aside under a
//! name with the time, and the run goes on in a new one of the first name.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use sink::{Place, PlaceError};
use tracing::warn;

use super::clock::Clock;
use super::outlet::Outlet;
use super::pcap::Rotation;
use crate::exit::Failure;

/// When the file is put aside, and what it has by now.
pub(super) struct Aside {
    name: PathBuf,
    rotation: Rotation,
    state: Mutex<State>,
}

struct State {
    bytes: u64,
    since: Instant,
}

impl State {
    fn new() -> Self {
        Self { bytes: 0, since: Instant::now() }
    }
}

impl Aside {
    /// For a file that is open already.
    pub(super) fn new(name: &Path, rotation: Rotation) -> Result<Self, Failure> {
        // To rename a device or a pipe would take it from everybody.
        if !fs::symlink_metadata(name)?.is_file() {
            return Err(Failure::usage(format!(
                "--eventroratesize and --eventroratetime put files aside, and {} is none",
                name.display()
            )));
        }
        Ok(Self { name: name.to_owned(), rotation, state: Mutex::new(State::new()) })
    }

    /// So many bytes were written. `open` opens the next file.
    pub(super) fn wrote(
        &self,
        bytes: usize,
        outlet: &Outlet,
        open: impl FnOnce(&Path) -> Result<Place, PlaceError>,
    ) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.bytes += bytes as u64;
        if state.bytes == 0 || !self.rotation.is_due(state.bytes, state.since) {
            return;
        }
        let aside = dated(&self.name, Clock::now().wall_ns());
        // Twice within a millisecond; the next batch finds another name.
        if aside.exists() {
            return;
        }
        *state = State::new();
        match fs::rename(&self.name, &aside) {
            Ok(()) => outlet.move_to(open(&self.name)),
            Err(error) => warn!("cannot put {} aside: {error}", self.name.display()),
        }
    }
}

/// `cap-2026-11-23T05-15-00.123.json`, as eCapture names it.
fn dated(name: &Path, time_ns: u64) -> PathBuf {
    let stem = name.file_stem().unwrap_or_default().to_string_lossy();
    let mut file = format!("{stem}-{}", sink::precise_time(time_ns));
    if let Some(extension) = name.extension() {
        file = format!("{file}.{}", extension.to_string_lossy());
    }
    name.with_file_name(file)
}

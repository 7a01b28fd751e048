//! The pcapng file that all interfaces' threads write to: before the packets of a page stand the
//! keys and the names that they need, once in each file. A file that is large or old enough is
//! followed by another one, which is as complete.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use packet::Key;
use secret::Seen;
use sink::pcapng::Statistics;
use sink::{Place, keylog, pcapng};

use crate::exit::Failure;
use crate::run::clock::Clock;
use crate::run::outlet::Outlet;

/// Packets that are formatted, and what they need.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) out: Vec<u8>,
    pub(super) keys: Vec<Arc<Key>>,
    pub(super) names: Vec<(IpAddr, Box<str>)>,
    /// What its interface counted since the capture began.
    pub(super) counted: (u32, Statistics),
}

/// When a file is followed by another one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// At so many bytes.
    pub(crate) bytes: Option<u64>,
    /// After so long.
    pub(crate) age: Option<Duration>,
}

impl Rotation {
    /// Whether there is a limit.
    pub(crate) fn is_on(self) -> bool {
        self.bytes.is_some() || self.age.is_some()
    }

    /// Whether a file has reached one.
    pub(crate) fn is_due(self, bytes: u64, since: Instant) -> bool {
        self.bytes.is_some_and(|most| bytes >= most)
            || self.age.is_some_and(|most| since.elapsed() >= most)
    }
}

pub(super) struct File {
    outlet: Outlet,
    /// What every file begins with.
    head: Vec<u8>,
    rotation: Rotation,
    /// `None`: standard output.
    name: Option<PathBuf>,
    state: Mutex<State>,
}

/// What stands in the file at hand.
struct State {
    keys: Seen,
    names: HashMap<IpAddr, Box<str>>,
    bytes: u64,
    since: Instant,
    number: u32,
    /// Of each interface: what every file ends with.
    statistics: Vec<Statistics>,
    /// Kept for its room.
    blocks: Vec<u8>,
    lines: Vec<u8>,
}

/// Names of one file.
const NAMES_MAX: usize = 16_384;

impl State {
    fn new(number: u32, bytes: u64, statistics: Vec<Statistics>) -> Self {
        Self {
            keys: Seen::default(),
            names: HashMap::new(),
            bytes,
            since: Instant::now(),
            number,
            statistics,
            blocks: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// Formats what a page needs and this file lacks.
    fn prepare(&mut self, page: &mut Page) {
        self.blocks.clear();
        self.lines.clear();
        for key in page.keys.drain(..) {
            let secret = &key.secret;
            let line = (secret.label as u8, secret.client_random, secret.bytes());
            if self.keys.is_new(&line) {
                keylog::line(&mut self.lines, secret);
            }
        }
        let known = &mut self.names;
        let mut fresh = std::mem::take(&mut page.names);
        fresh.retain(|(address, name)| {
            let new = known.get(address) != Some(name) && known.len() < NAMES_MAX;
            if new {
                known.insert(*address, name.clone());
            }
            new
        });
        if !fresh.is_empty() {
            let names = fresh.iter().map(|(address, name)| (*address, &**name));
            pcapng::names(&mut self.blocks, names);
        }
        if !self.lines.is_empty() {
            pcapng::secrets(&mut self.blocks, &self.lines);
        }
    }
}

impl File {
    /// Opens the first file. `outlet` makes the way out of its place.
    pub(super) fn open(
        name: Option<&Path>,
        rotation: Rotation,
        head: Vec<u8>,
        interfaces: usize,
        outlet: impl FnOnce(Place) -> Outlet,
    ) -> Result<Self, Failure> {
        let place = match name {
            Some(name) => Place::create(&numbered(name, rotation, 1))?,
            None => stdout()?,
        };
        let file = Self {
            outlet: outlet(place),
            state: Mutex::new(State::new(
                1,
                head.len() as u64,
                vec![Statistics::default(); interfaces],
            )),
            rotation,
            name: name.map(Path::to_owned),
            head,
        };
        file.outlet.write(&mut file.head.clone());
        Ok(file)
    }

    /// Writes a page and empties it.
    pub(super) fn write(&self, page: &mut Page) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (interface, counted) = page.counted;
        state.statistics[interface as usize] = counted;
        if page.out.is_empty() && page.keys.is_empty() && page.names.is_empty() {
            return;
        }
        state.prepare(page);
        state.bytes += (state.blocks.len() + page.out.len()) as u64;
        self.outlet.write(&mut state.blocks);
        self.outlet.write(&mut page.out);
        if self.rotation.is_due(state.bytes, state.since) {
            self.turn(&mut state);
        }
    }

    /// Goes on to the next file.
    fn turn(&self, state: &mut State) {
        let Some(name) = &self.name else { return };
        let number = state.number + 1;
        self.end(state);
        self.outlet.move_to(Place::create(&numbered(name, self.rotation, number)));
        self.outlet.write(&mut self.head.clone());
        *state = State::new(number, self.head.len() as u64, std::mem::take(&mut state.statistics));
    }

    /// Ends the last file.
    pub(super) fn close(&self) {
        self.end(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Writes what a file ends with.
    fn end(&self, state: &mut State) {
        state.blocks.clear();
        for (interface, statistics) in (0..).zip(&state.statistics) {
            pcapng::statistics(&mut state.blocks, interface, statistics);
        }
        self.outlet.write(&mut state.blocks);
    }

    pub(super) fn outlet(&self) -> &Outlet {
        &self.outlet
    }
}

fn stdout() -> Result<Place, Failure> {
    let place = Place::stdout()?;
    if place.is_terminal() {
        return Err(Failure::usage(
            "-w - writes packets to standard output, which is a terminal; pipe it, such as into \
             `wireshark -k -i -`",
        ));
    }
    Ok(place)
}

/// As dumpcap names the files of a set, so that Wireshark recognises it: `name_00001_20260131235959.pcapng`.
fn numbered(name: &Path, rotation: Rotation, number: u32) -> PathBuf {
    if !rotation.is_on() {
        return name.to_owned();
    }
    let stem = name.file_stem().unwrap_or_default().to_string_lossy();
    let time = sink::compact_time(Clock::now().wall_ns());
    let mut file = format!("{stem}_{number:05}_{time}");
    if let Some(extension) = name.extension() {
        file = format!("{file}.{}", extension.to_string_lossy());
    }
    name.with_file_name(file)
}

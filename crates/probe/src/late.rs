//! Probes that stand for a while only, to look into connections that are older than the capture:
//! placed in a file when it is known where its connections keep their secrets.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use libbpf_rs::{MapCore, MapFlags, MapHandle, Object};
use rustix::event::{EventfdFlags, eventfd};

use crate::attach::{At, Probes, Stand};
use crate::load::Kernel;
use crate::maps::FileKey;
use crate::plan::Probed;

/// What the thread that hooks is asked to do, by another one.
#[derive(Debug)]
pub struct Late {
    wishes: Mutex<Vec<Wish>>,
    /// Readable while there are any.
    bell: OwnedFd,
    /// Numbers of files that may have connections older than the capture.
    files: Mutex<HashSet<u32>>,
}

#[derive(Debug)]
pub(crate) enum Wish {
    /// Look into the connections of the file with this number, or those of a side.
    Look(u32, abi::Layout, Option<(FileKey, u64)>),
    /// It costs more than it finds.
    Stop,
}

impl Late {
    pub(crate) fn new() -> io::Result<Self> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { wishes: Mutex::default(), bell, files: Mutex::default() })
    }

    /// Whether it is of use to ask about the file with this number.
    pub fn has(&self, file: u32) -> bool {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).contains(&file)
    }

    /// Asks for older connections of a hooked file to be looked into. The layout's chains begin at
    /// the connection, whatever register they name; `side` is the code that its connections point
    /// to, if the layout holds for one side only: its file, and where it is in there.
    pub fn look(&self, file: u32, layout: abi::Layout, side: Option<(FileKey, u64)>) {
        self.wish(Wish::Look(file, layout, side));
    }

    /// Takes these probes away.
    pub fn stop(&self) {
        self.wish(Wish::Stop);
    }

    fn wish(&self, wish: Wish) {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner).push(wish);
        // An eventfd takes 2^64-2 of these.
        let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
    }

    pub(crate) fn take(&self) -> Vec<Wish> {
        let _ = rustix::io::read(&self.bell, &mut [0; 8]);
        std::mem::take(&mut *self.wishes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

/// The files that processes used when the capture began, and the probes that stand in them.
#[derive(Debug)]
pub(crate) struct Older {
    layouts: Option<MapHandle>,
    late: Option<Arc<Late>>,
    files: Vec<OldFile>,
    /// What each row of the kernel half's table is about.
    rows: Vec<Row>,
    probes: Vec<Probes>,
}

/// A row that all calls of a file share; where a side is told by code, each call has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    file: u32,
    side: Option<u64>,
    /// From the call to that code.
    distance: u64,
}

/// A file whose functions move bytes of connections that may be older than the capture.
#[derive(Debug)]
pub(crate) struct OldFile {
    pub(crate) id: u32,
    pub(crate) file: File,
    pub(crate) key: FileKey,
    pub(crate) path: String,
    /// Instructions at which the first argument is the connection.
    pub(crate) calls: Vec<u64>,
    pub(crate) pid: Option<u32>,
}

impl Older {
    pub(crate) fn of(object: &Object, late: Option<Arc<Late>>) -> Self {
        let map = object.maps().find(|map| map.name() == "layouts");
        let map = map.filter(|map| map.as_fd().as_raw_fd() >= 0);
        let layouts = map.and_then(|map| MapHandle::try_from(&map).ok());
        Self { layouts, late, files: Vec::new(), rows: Vec::new(), probes: Vec::new() }
    }

    pub(crate) fn add(&mut self, file: OldFile) {
        if self.files.len() < abi::LAYOUTS {
            if let Some(late) = &self.late {
                late.files.lock().unwrap_or_else(PoisonError::into_inner).insert(file.id);
            }
            self.files.push(file);
        }
    }

    /// Does what was asked; the path of a file that is looked into from now on.
    pub(crate) fn grant(&mut self, wish: Wish, kernel: &Kernel) -> Option<&str> {
        let (id, layout, side) = match wish {
            Wish::Stop => {
                Probes::remove(std::mem::take(&mut self.probes));
                return None;
            }
            Wish::Look(id, layout, side) => (id, layout, side),
        };
        let file = self.files.iter().find(|file| file.id == id)?;
        // Code of another file is no side of this library's.
        if side.is_some_and(|(key, _)| key != file.key) {
            return None;
        }
        let side = side.map(|(_, offset)| offset);
        let map = self.layouts.as_ref()?;
        let fresh = self.rows.iter().all(|row| (row.file, row.side) != (id, side));
        let mut stands = Vec::new();
        for &call in &file.calls {
            let distance = side.map_or(0, |offset| offset.wrapping_sub(call));
            let row = Row { file: id, side, distance };
            let known = self.rows.iter().position(|known| *known == row);
            let number = known.unwrap_or(self.rows.len());
            if number >= abi::LAYOUTS {
                break;
            }
            if known.is_none() {
                self.rows.push(row);
            }
            let key = (number as u32).to_ne_bytes();
            let layout = first_argument(abi::Layout { side: distance, ..layout });
            map.update(&key, &layout.to_bytes(), MapFlags::ANY).ok()?;
            if fresh {
                stands.push(stand(call, number));
            }
        }
        if stands.is_empty() {
            return None;
        }
        let probes = kernel.attach(&file.file, id, &stands, file.pid);
        let placed = !probes.is_empty();
        self.probes.push(probes);
        placed.then_some(file.path.as_str())
    }

    pub(crate) fn detach(&mut self) -> Vec<Probes> {
        std::mem::take(&mut self.probes)
    }
}

const FOUND: &[At] = &[("secret_found", false)];

fn stand(offset: u64, number: usize) -> Stand {
    let probed = Probed { symbols: vec!["older connections"], site: String::new() };
    Stand { offset, number: number as u16, programs: FOUND, probed }
}

/// Where the kernel keeps the register that holds a function's first argument.
#[cfg(target_arch = "x86_64")]
const FIRST: u8 = 14;
#[cfg(target_arch = "aarch64")]
const FIRST: u8 = 0;

fn first_argument(layout: abi::Layout) -> abi::Layout {
    let begin = |chain: abi::Chain| abi::Chain { word: FIRST, ..chain };
    abi::Layout {
        random: begin(layout.random),
        client: begin(layout.client),
        server: begin(layout.server),
        exporter: begin(layout.exporter),
        master: begin(layout.master),
        ..layout
    }
}

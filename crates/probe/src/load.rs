//! Brings the kernel half into the kernel: configured first, then verified, then running.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

use libbpf_rs::{
    AsRawLibbpf, Link, MapCore, MapFlags, MapHandle, MapType, Object, ObjectBuilder, OpenObject,
    OpenProgramMut,
};
use memmap2::{MmapOptions, MmapRaw};

use crate::attach::At;
use crate::books::Books;
use crate::control::{Control, Truncate};
use crate::cost::Cost;
use crate::features::Features;
use crate::keys;
use crate::lines::Lines;
use crate::net::Net;
use crate::pause::{Pause, PauseError};
use crate::programs;
use crate::ring::{READER_SLOT, Ring, RingError};
use crate::target;

/// What a run wants of the kernel half.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Whether it copies the plaintext of TLS libraries.
    pub plaintext: bool,
    /// Whether it tells which process uses which socket.
    pub flows: bool,
    /// Whether it tells the keys of connections; with `flows`, with the socket that each is for.
    pub secrets: bool,
    /// What typed lines it tells.
    pub lines: Option<Lines>,
    /// How many rings of payload, each with a reader of its own: up to [`abi::SHARDS`].
    pub shards: u32,
    /// Bytes of each of them: a power of two, and a multiple of the page size.
    pub ring_bytes: u64,
    /// Bytes of the ring for everything else that is told, likewise; 0: there is none.
    pub news_bytes: u64,
    /// Payload bytes taken of one call; `None`: all of them.
    pub call_cap: Option<u64>,
    /// Only these processes; empty: all.
    pub pids: Vec<u32>,
    /// Only processes of these users; empty: all.
    pub uids: Vec<u32>,
    /// Only processes or threads with these names; empty: all.
    pub comms: Vec<String>,
    /// Only processes in this control group and below; `None`: all.
    pub cgroup: Option<Cgroup>,
    /// Only connections with one of these ports at either end; empty: all.
    pub ports: Vec<u16>,
    /// Only connections with an address in one of these at either end; empty: all.
    pub nets: Vec<Net>,
    /// One connection in so many; 0 and 1: all.
    pub sample: u32,
    /// What happens when records come faster than they are read.
    pub overload: Overload,
    /// Payload bytes taken of a call while [`Overload::Truncate`] cuts.
    pub keep_bytes: u64,
    /// Whether [`Control`] has an effect.
    pub steered: bool,
    /// Stop a program for the milliseconds in which a library that it just loaded is hooked.
    pub hold: bool,
    /// Only these libraries, by their names in reports; empty: all.
    pub libs: Vec<&'static str>,
}

impl Settings {
    /// Whether only some processes are wanted.
    pub fn choosy(&self) -> bool {
        let all = self.pids.is_empty() && self.uids.is_empty() && self.comms.is_empty();
        !all || self.cgroup.is_some()
    }

    /// The size of every ring, that for news last.
    fn rings(&self) -> impl Iterator<Item = u64> {
        let payload = std::iter::repeat_n(self.ring_bytes, self.shards as usize);
        payload.chain((self.news_bytes > 0).then_some(self.news_bytes))
    }

    /// Ring bytes that payload leaves to control records. Each thread that waits needs one.
    fn reserve(&self) -> u64 {
        match self.overload {
            Overload::Pause => self.ring_bytes / 4,
            Overload::Gap | Overload::Truncate => {
                (abi::CTRL_RESERVE as u64).min(self.ring_bytes / 4)
            }
        }
    }

    /// What [`Control`] begins with. Past three quarters of what payload may take: a reader that
    /// naps is woken at half of the ring, and is not behind when it comes.
    pub fn truncate(&self) -> Option<Truncate> {
        let from = (self.ring_bytes - self.reserve()) / 4 * 3;
        let cuts = self.overload == Overload::Truncate;
        cuts.then_some(Truncate { from, keep: self.keep_bytes })
    }
}

/// What happens when records come faster than they are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Overload {
    /// What finds no room in a ring is lost, and shows as a gap.
    #[default]
    Gap,
    /// While a ring is nearly full, only the first bytes of each call are taken.
    Truncate,
    /// A thread whose bytes find no room waits until they were read. Needs [`Settings::pids`].
    Pause,
}

/// A control group of the v2 hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cgroup {
    /// Its number: the inode of its directory.
    pub id: u64,
    /// How many groups lie above it; the root's is 0.
    pub level: u32,
}

/// Why the kernel half is not running.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Something is missing that nothing can stand in for.
    #[error("this kernel lacks {}", .0.join("; and "))]
    Kernel(Vec<&'static str>),
    /// The kernel or the verifier refused.
    #[error("loading the kernel half: {what}: {source}")]
    Bpf {
        /// Which step.
        what: &'static str,
        /// What was said.
        source: libbpf_rs::Error,
    },
    /// A map of the object could not be mapped here.
    #[error("mapping the readers' states: {0}")]
    Map(io::Error),
    /// A ring could not be mapped here.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// The kernel does not count the time of its programs.
    #[error("counting the programs' time: {0}")]
    Cost(io::Error),
    /// A process can't be made to wait.
    #[error(transparent)]
    Pause(#[from] PauseError),
}

/// The kernel half, loaded. Dropping it takes every probe away.
#[derive(Debug)]
pub struct Kernel {
    pub(crate) main: Object,
    pub(crate) settings: Settings,
    pub(crate) features: Features,
    rings: Vec<MapHandle>,
    readers: Arc<MmapRaw>,
    /// The tracepoints that are always watched.
    _links: Vec<Link>,
}

/// The compiled programs.
const OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/ecapture.bpf.o"));

impl Kernel {
    /// Loads everything and attaches what does not depend on a library.
    pub fn load(settings: Settings, features: Features) -> Result<Self, LoadError> {
        let missing = features.missing();
        if !missing.is_empty() {
            return Err(LoadError::Kernel(missing));
        }
        let rings = rings(&settings)?;
        let mut open = open()?;
        configure(&mut open, &config(&settings, &features, None), &rings)?;
        for mut program in open.progs_mut() {
            let name = program.name().to_string_lossy().into_owned();
            program.set_autoload(programs::program_wanted(&name, &settings, &features));
            if programs::is_shape(&name) && multi(&settings, &features) {
                set_uprobe_multi(&mut program);
            }
        }
        for mut map in open.maps_mut() {
            let name = map.name().to_string_lossy().into_owned();
            let made = programs::table_wanted(&name, &settings, &features);
            map.set_autocreate(made).map_err(bpf("choosing the tables"))?;
        }
        let main = open.load().map_err(bpf("verifying the programs"))?;
        fill(&main, &settings, &rings)?;
        Control::of(&main, &settings).map_err(bpf("setting the levers"))?;
        let readers = Arc::new(map_readers(&main)?);
        let links = programs::attach_tracepoints(&main);
        let links = links.map_err(bpf("attaching a tracepoint"))?;
        Ok(Self { main, settings, features, rings, readers, _links: links })
    }

    /// The reading ends of the rings of payload, one per shard.
    pub fn readers(&self) -> Result<Vec<Ring>, LoadError> {
        (0..self.settings.shards as usize).map(|number| self.reader(number)).collect()
    }

    /// The reading end of the ring for news, if there is one.
    pub fn news(&self) -> Result<Option<Ring>, LoadError> {
        let wanted = self.settings.news_bytes > 0;
        wanted.then(|| self.reader(self.settings.shards as usize)).transpose()
    }

    fn reader(&self, number: usize) -> Result<Ring, LoadError> {
        let ring = self.rings.get(number).zip(self.settings.rings().nth(number));
        let (ring, bytes) = ring.ok_or_else(|| LoadError::Map(io::ErrorKind::NotFound.into()))?;
        let fd = ring.as_fd().try_clone_to_owned().map_err(LoadError::Map)?;
        Ok(Ring::new(fd, bytes, Arc::clone(&self.readers), number)?)
    }

    /// What the kernel half counts and remembers.
    pub fn books(&self) -> Result<Books, LoadError> {
        Books::of(&self.main).map_err(bpf("opening the kernel half's tables"))
    }

    /// What may be changed while it runs; it begins with what the settings say.
    pub fn control(&self) -> Result<Control, LoadError> {
        Control::of(&self.main, &self.settings).map_err(bpf("setting the levers"))
    }

    /// What it costs, from now on.
    pub fn cost(&self) -> Result<Cost, LoadError> {
        Cost::of(&self.main).map_err(LoadError::Cost)
    }

    /// The tracing of the chosen processes, if the settings want it.
    pub fn pause(&self) -> Result<Option<Pause>, LoadError> {
        if self.settings.overload != Overload::Pause {
            return Ok(None);
        }
        let owed = self.main.maps().find(|map| map.name() == "owed");
        let missing = || libbpf_rs::Error::from(io::Error::from(io::ErrorKind::NotFound));
        let owed = owed.ok_or_else(missing).and_then(|map| MapHandle::try_from(&map));
        let owed = owed.map_err(bpf("opening the table of waiting threads"))?;
        Ok(Some(Pause::start(&self.settings.pids, owed)?))
    }

    /// Another instance of the shape programs for one probed function alone, sharing every map:
    /// for kernels whose probes can't carry a number.
    pub(crate) fn load_fixed(
        &self,
        number: u16,
        file: u32,
        programs: &[At],
    ) -> Result<Object, LoadError> {
        let mut open = open()?;
        configure(
            &mut open,
            &config(&self.settings, &self.features, Some((number, file))),
            &self.rings,
        )?;
        for mut program in open.progs_mut() {
            let name = program.name().to_string_lossy().into_owned();
            program.set_autoload(programs.iter().any(|(wanted, _)| *wanted == name));
        }
        for mut map in open.maps_mut() {
            let name = map.name().to_owned();
            // What was not made has a descriptor all the same, of nothing.
            let made =
                programs::table_wanted(&name.to_string_lossy(), &self.settings, &self.features);
            let shared = self.main.maps().find(|m| made && m.name() == name && !is_rodata(&name));
            if let Some(shared) = shared {
                map.reuse_fd(shared.as_fd()).map_err(bpf("sharing a map"))?;
            } else if !is_rodata(&name) {
                // The main instance has no use for it.
                map.set_autocreate(false).map_err(bpf("choosing the tables"))?;
            }
        }
        open.load().map_err(bpf("verifying the programs for one function"))
    }
}

/// Whether many probes go into one link, which is also the shorter way to their programs.
pub(crate) fn multi(settings: &Settings, features: &Features) -> bool {
    let can =
        if settings.pids.is_empty() { features.uprobe_multi } else { features.uprobe_multi_pid };
    features.cookies && can
}

/// libbpf-rs has no name for this attach type yet.
fn set_uprobe_multi(program: &mut OpenProgramMut<'_>) {
    let kind = libbpf_rs::libbpf_sys::BPF_TRACE_UPROBE_MULTI;
    // SAFETY: the program is open and not loaded, which is when its attach type may be set; the
    // pointer is valid for as long as `program` is borrowed.
    unsafe {
        let raw = program.as_libbpf_object().as_ptr();
        libbpf_rs::libbpf_sys::bpf_program__set_expected_attach_type(raw, kind);
    }
}

fn open() -> Result<OpenObject, LoadError> {
    let mut builder = ObjectBuilder::default();
    builder.name("ecapture").map_err(bpf("naming the object"))?;
    builder.open_memory(OBJECT).map_err(bpf("reading the programs"))
}

fn config(settings: &Settings, features: &Features, fixed: Option<(u16, u32)>) -> abi::Config {
    let mut rows = [0; abi::ROWS];
    for (number, _, row) in target::rows() {
        rows[usize::from(number)] = u64::from_ne_bytes(row.to_abi().to_bytes());
    }
    let (fixed_row, fixed_file) = fixed.unwrap_or_default();
    abi::Config {
        ring_bytes: settings.ring_bytes,
        ctrl_reserve: settings.reserve(),
        call_cap: settings.call_cap.unwrap_or(u64::MAX),
        shards: settings.shards,
        filter_pid: u32::from(!settings.pids.is_empty()),
        filter_uid: u32::from(!settings.uids.is_empty()),
        filter_comm: u32::from(!settings.comms.is_empty()),
        filter_port: u32::from(!settings.ports.is_empty()),
        filter_net: u32::from(!settings.nets.is_empty()),
        cgroup: settings.cgroup.map_or(0, |group| group.id),
        cgroup_level: settings.cgroup.map_or(0, |group| group.level),
        overload: match settings.overload {
            Overload::Gap => abi::Overload::Gap,
            Overload::Truncate => abi::Overload::Truncate,
            Overload::Pause => abi::Overload::Pause,
        } as u32,
        tracer: if settings.overload == Overload::Pause { std::process::id() } else { 0 },
        steered: u32::from(settings.steered),
        sockets: sockets(settings, features) as u32,
        only_pid: match settings.pids[..] {
            [pid] => pid,
            _ => 0,
        },
        calls_by_task: u32::from(features.task_storage),
        fixed: u32::from(fixed.is_some()),
        fixed_row: u32::from(fixed_row),
        fixed_file,
        rows,
    }
}

/// Where the socket is kept that a thread used last, if anybody wants to know.
fn sockets(settings: &Settings, features: &Features) -> abi::Sockets {
    match (settings.secrets && settings.flows, features.socket_tracepoints) {
        (false, _) => abi::Sockets::Nowhere,
        (true, true) => abi::Sockets::OfTask,
        (true, false) => abi::Sockets::ByNumber,
    }
}

fn rings(settings: &Settings) -> Result<Vec<MapHandle>, LoadError> {
    let options = libbpf_rs::libbpf_sys::bpf_map_create_opts {
        sz: size_of::<libbpf_rs::libbpf_sys::bpf_map_create_opts>() as _,
        ..Default::default()
    };
    let make = |bytes: u64| {
        let bytes = u32::try_from(bytes).unwrap_or(1 << 31);
        MapHandle::create(MapType::RingBuf, Some("ring"), 0, 0, bytes, &options)
    };
    settings.rings().map(make).collect::<Result<_, _>>().map_err(bpf("making a ring"))
}

fn configure(
    open: &mut OpenObject,
    config: &abi::Config,
    rings: &[MapHandle],
) -> Result<(), LoadError> {
    for mut map in open.maps_mut() {
        let name = map.name().to_owned();
        if is_rodata(&name) {
            let bytes = config.to_bytes();
            let value = map.initial_value_mut().filter(|value| value.len() >= bytes.len());
            let wrong = || libbpf_rs::Error::from(io::Error::from(io::ErrorKind::InvalidData));
            let value = value.ok_or_else(wrong).map_err(bpf("configuring"))?;
            value[..bytes.len()].copy_from_slice(&bytes);
        } else if name == "rings" {
            // The first ring is the pattern of them all.
            if let Some(ring) = rings.first() {
                map.set_inner_map_fd(ring.as_fd()).map_err(bpf("placing the rings"))?;
            }
        }
    }
    Ok(())
}

fn is_rodata(name: &std::ffi::OsStr) -> bool {
    name.to_string_lossy().ends_with(".rodata")
}

/// Puts the rings and the filters' sets into their maps.
fn fill(object: &Object, settings: &Settings, rings: &[MapHandle]) -> Result<(), LoadError> {
    let put = |name: &str, key: &[u8], value: &[u8]| {
        let map = object.maps().find(|map| map.name() == name);
        map.map_or(Ok(()), |map| map.update(key, value, MapFlags::ANY))
    };
    for (shard, ring) in (0u32..).zip(rings) {
        put("rings", &shard.to_ne_bytes(), &ring.as_fd().as_raw_fd().to_ne_bytes())
            .map_err(bpf("placing the rings"))?;
    }
    for (text, label) in keys::texts() {
        put("labels", &text, &[label]).map_err(bpf("naming the labels of keys"))?;
    }
    for pid in &settings.pids {
        put("pids", &pid.to_ne_bytes(), &[1]).map_err(bpf("setting the pid filter"))?;
    }
    for uid in &settings.uids {
        put("uids", &uid.to_ne_bytes(), &[1]).map_err(bpf("setting the uid filter"))?;
    }
    for comm in &settings.comms {
        // The kernel keeps 15 bytes of a name and a zero.
        let mut name = [0; abi::COMM];
        let kept = comm.len().min(abi::COMM - 1);
        name[..kept].copy_from_slice(&comm.as_bytes()[..kept]);
        put("comms", &name, &[1]).map_err(bpf("setting the comm filter"))?;
    }
    for port in &settings.ports {
        put("ports", &port.to_ne_bytes(), &[1]).map_err(bpf("setting the port filter"))?;
    }
    for net in &settings.nets {
        put("nets", &net.key().to_bytes(), &[1]).map_err(bpf("setting the net filter"))?;
    }
    Ok(())
}

fn map_readers(object: &Object) -> Result<MmapRaw, LoadError> {
    let map = object.maps().find(|map| map.name() == "readers");
    let map = map.ok_or_else(|| LoadError::Map(io::ErrorKind::NotFound.into()))?;
    MmapOptions::new()
        .len(abi::RINGS * READER_SLOT)
        .map_raw(map.as_fd().as_raw_fd())
        .map_err(LoadError::Map)
}

pub(crate) fn bpf(what: &'static str) -> impl Fn(libbpf_rs::Error) -> LoadError {
    move |source| LoadError::Bpf { what, source }
}

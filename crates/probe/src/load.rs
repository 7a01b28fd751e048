//! Brings the kernel half into the kernel: configured first, then verified, then running.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

use libbpf_rs::{
    AsRawLibbpf, Link, MapCore, MapFlags, MapHandle, MapType, Object, ObjectBuilder, OpenObject,
    OpenProgramMut,
};
use memmap2::{MmapOptions, MmapRaw};

use crate::books::Books;
use crate::features::Features;
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
    /// How many rings, each with a reader of its own: 1 to [`abi::SHARDS`].
    pub shards: u32,
    /// Bytes of each ring: a power of two, and a multiple of the page size.
    pub ring_bytes: u64,
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
    /// Stop a program for the milliseconds in which a library that it just loaded is hooked.
    pub hold: bool,
}

impl Settings {
    /// Whether only some processes are wanted.
    pub fn choosy(&self) -> bool {
        let all = self.pids.is_empty() && self.uids.is_empty() && self.comms.is_empty();
        !all || self.cgroup.is_some()
    }
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
        configure(&mut open, &config(&settings, None), &rings)?;
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
        let readers = Arc::new(map_readers(&main)?);
        let links = programs::attach_tracepoints(&main);
        let links = links.map_err(bpf("attaching a tracepoint"))?;
        Ok(Self { main, settings, features, rings, readers, _links: links })
    }

    /// The reading ends of the rings, one per shard.
    pub fn readers(&self) -> Result<Vec<Ring>, LoadError> {
        let make = |(shard, ring): (usize, &MapHandle)| {
            let fd = ring.as_fd().try_clone_to_owned().map_err(LoadError::Map)?;
            let readers = Arc::clone(&self.readers);
            Ok(Ring::new(fd, self.settings.ring_bytes, readers, shard)?)
        };
        self.rings.iter().enumerate().map(make).collect()
    }

    /// What the kernel half counts and remembers.
    pub fn books(&self) -> Result<Books, LoadError> {
        Books::of(&self.main).map_err(bpf("opening the kernel half's tables"))
    }

    /// Another instance of the shape programs for one probed function alone, sharing every map:
    /// for kernels whose probes can't carry a number.
    pub(crate) fn load_fixed(&self, row: u16, file: u32) -> Result<Object, LoadError> {
        let mut open = open()?;
        configure(&mut open, &config(&self.settings, Some((row, file))), &self.rings)?;
        for mut program in open.progs_mut() {
            let name = program.name().to_string_lossy().into_owned();
            program.set_autoload(programs::is_shape(&name));
        }
        for mut map in open.maps_mut() {
            let name = map.name().to_owned();
            if let Some(shared) = self.main.maps().find(|m| m.name() == name && !is_rodata(&name)) {
                map.reuse_fd(shared.as_fd()).map_err(bpf("sharing a map"))?;
            } else if !is_rodata(&name) {
                // The main instance has no use for it.
                map.set_autocreate(false).map_err(bpf("choosing the tables"))?;
            }
        }
        open.load().map_err(bpf("verifying the programs for one function"))
    }
}

/// Whether many probes go into one link. Not under `--pid`: some kernels (6.6 to 6.9) match the
/// thread there and not the process, and would pass over most of a threaded program.
pub(crate) fn multi(settings: &Settings, features: &Features) -> bool {
    features.cookies && features.uprobe_multi && settings.pids.is_empty()
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

fn config(settings: &Settings, fixed: Option<(u16, u32)>) -> abi::Config {
    let mut rows = [0; abi::ROWS];
    for (number, _, row) in target::rows() {
        rows[usize::from(number)] = u64::from_ne_bytes(row.to_abi().to_bytes());
    }
    let (fixed_row, fixed_file) = fixed.unwrap_or_default();
    abi::Config {
        ring_bytes: settings.ring_bytes,
        ctrl_reserve: (abi::CTRL_RESERVE as u64).min(settings.ring_bytes / 4),
        call_cap: settings.call_cap.unwrap_or(u64::MAX),
        shards: settings.shards,
        filter_pid: u32::from(!settings.pids.is_empty()),
        filter_uid: u32::from(!settings.uids.is_empty()),
        filter_comm: u32::from(!settings.comms.is_empty()),
        cgroup: settings.cgroup.map_or(0, |group| group.id),
        cgroup_level: settings.cgroup.map_or(0, |group| group.level),
        fixed: u32::from(fixed.is_some()),
        fixed_row: u32::from(fixed_row),
        fixed_file,
        rows,
    }
}

fn rings(settings: &Settings) -> Result<Vec<MapHandle>, LoadError> {
    let options = libbpf_rs::libbpf_sys::bpf_map_create_opts {
        sz: size_of::<libbpf_rs::libbpf_sys::bpf_map_create_opts>() as _,
        ..Default::default()
    };
    let bytes = u32::try_from(settings.ring_bytes).unwrap_or(1 << 31);
    (0..settings.shards)
        .map(|_| MapHandle::create(MapType::RingBuf, Some("ring"), 0, 0, bytes, &options))
        .collect::<Result<_, _>>()
        .map_err(bpf("making a ring"))
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
    Ok(())
}

fn map_readers(object: &Object) -> Result<MmapRaw, LoadError> {
    let map = object.maps().find(|map| map.name() == "readers");
    let map = map.ok_or_else(|| LoadError::Map(io::ErrorKind::NotFound.into()))?;
    MmapOptions::new()
        .len(abi::SHARDS * READER_SLOT)
        .map_raw(map.as_fd().as_raw_fd())
        .map_err(LoadError::Map)
}

pub(crate) fn bpf(what: &'static str) -> impl Fn(libbpf_rs::Error) -> LoadError {
    move |source| LoadError::Bpf { what, source }
}

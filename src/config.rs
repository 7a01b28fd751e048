//! What the words mean: arguments checked and turned into settings, before anything is started.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use probe::{Cgroup, Settings};
use sink::Precision;

use crate::args::{Colour, Format, Global, Model, TimeUnit, Tls};
use crate::exit::Failure;

/// A run of `ecapture tls`.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) settings: Settings,
    pub(crate) libraries: Vec<PathBuf>,
    pub(crate) output: Option<PathBuf>,
    pub(crate) format: Format,
    pub(crate) hex: bool,
    pub(crate) precision: Precision,
    pub(crate) colour: Colour,
    /// Packets instead of plaintext.
    pub(crate) packets: Option<Packets>,
    /// Things typed that have no effect here, each said once.
    pub(crate) remarks: Vec<String>,
}

/// What `-m pcap` captures, and where it goes.
#[derive(Debug)]
pub(crate) struct Packets {
    pub(crate) interfaces: Vec<String>,
    /// A pcap filter; empty: all packets.
    pub(crate) filter: String,
    /// `None`: standard output.
    pub(crate) file: Option<PathBuf>,
    /// What each interface shares with the kernel.
    pub(crate) buffer_bytes: u32,
}

/// eCapture's, too.
const PCAPFILE: &str = "save.pcapng";
/// Of each interface, unless the user sizes it.
const PACKETS_MAX: u64 = 64 << 20;
/// Of records about sockets: some ten thousand at once.
const FLOWS_RING: u64 = 4 << 20;

/// Pages per CPU: 16 MiB.
const MAPSIZE: u64 = 4096;
/// Of all rings together, unless the user sizes them.
const RINGS_MAX: u64 = 256 << 20;
/// Of one ring, whoever sizes it.
const RING_MIN: u64 = 256 << 10;
const RING_MAX: u64 = 1 << 30;

impl Config {
    pub(crate) fn from_args(global: &Global, tls: &Tls) -> Result<Self, Failure> {
        refuse(global, tls)?;
        let cpus = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
        let shards = tls.shards.unwrap_or(((cpus / 2).max(1) as u32).min(abi_shards()));
        if shards == 0 || shards > abi_shards() {
            return Err(Failure::usage(format!("--shards takes 1 to {}", abi_shards())));
        }
        let packets = (tls.model == Model::Pcap).then(|| packets(global, tls, cpus)).transpose()?;
        let (shards, ring_bytes) = match packets {
            Some(_) => (1, FLOWS_RING),
            None => (shards, ring_bytes(global.mapsize, cpus, u64::from(shards))),
        };
        let settings = Settings {
            plaintext: packets.is_none(),
            flows: packets.is_some(),
            shards,
            ring_bytes,
            call_cap: (global.tsize > 0).then_some(global.tsize),
            pids: pids(&global.pid)?,
            uids: uids(&global.uid)?,
            comms: global.comm.clone(),
            cgroup: tls.cgroup_path.as_deref().map(cgroup).transpose()?,
            hold: !tls.no_hold,
        };
        Ok(Self {
            settings,
            libraries: tls.libssl.clone(),
            output: output(global, tls)?,
            format: tls.format.unwrap_or(Format::Text),
            hex: global.hex,
            precision: match tls.time {
                TimeUnit::S => Precision::Seconds,
                TimeUnit::Ms => Precision::Millis,
                TimeUnit::Us => Precision::Micros,
                TimeUnit::Ns => Precision::Nanos,
            },
            colour: tls.color,
            packets,
            remarks: remarks(tls),
        })
    }
}

/// What is not offered is refused with a sentence, so that nobody waits for what never comes.
fn refuse(global: &Global, tls: &Tls) -> Result<(), Failure> {
    let refused = [
        (tls.model == Model::Keylog, "-m keylog is not in this version; -m text shows plaintext"),
        (tls.keylogfile.is_some(), "-k names the file of -m keylog, which is not in this version"),
        (global.btf == 2, "-b 2 asks for programs without BTF; there are none, BTF is needed"),
        (global.btf > 2, "-b takes 0 (find out) or 1 (BTF)"),
        (
            global.ecaptureq.is_some(),
            "--ecaptureq (a server for eCapture's desktop program) is not in this version; pipe \
             --format json",
        ),
        (
            global.listen.is_some(),
            "--listen (changing a running capture over HTTP) is not in this version; start \
             ecapture anew",
        ),
        (
            global.eventroratesize != 0 || global.eventroratetime != 0,
            "--eventroratesize and --eventroratetime (rotating files) are not in this version; \
             pipe to a rotating logger",
        ),
    ];
    let of_mode = match tls.model {
        Model::Pcap => refused_for_packets(global, tls),
        Model::Text | Model::Keylog => refused_for_text(global, tls),
    };
    match refused.into_iter().chain(of_mode).find(|(typed, _)| *typed) {
        Some((_, sentence)) => Err(Failure::usage(sentence)),
        None => Ok(()),
    }
}

fn refused_for_text(global: &Global, tls: &Tls) -> Vec<(bool, &'static str)> {
    vec![
        (
            !tls.ifname.is_empty(),
            "-i chooses where packets are captured and narrows nothing in text mode; leave it out, \
             or use -p, -u or --comm",
        ),
        (tls.pcapfile.is_some(), "-w names the file of -m pcap; text goes to -o"),
        (
            !tls.filter.is_empty(),
            "a packet filter chooses packets, and text mode has none; use -p, -u or --comm",
        ),
        (
            tls.format == Some(Format::Json) && global.hex,
            "--hex is for --format text; JSON has base64",
        ),
    ]
}

fn refused_for_packets(global: &Global, tls: &Tls) -> Vec<(bool, &'static str)> {
    vec![
        (
            tls.output.is_some() || global.eventaddr.is_some(),
            "-o names the file of plaintext; packets go to -w",
        ),
        (tls.format.is_some(), "--format is for plaintext; packets are written as pcapng"),
        (global.hex, "--hex is for plaintext; `tshark -x -r FILE` shows packets so"),
        (global.tsize > 0, "-t cuts calls of plaintext; packets are written whole"),
        (!tls.libssl.is_empty(), "--libssl chooses libraries to hook; packets need none"),
        (tls.raw, "--raw is for plaintext; packets are always as they came"),
    ]
}

/// What `-m pcap` is to capture.
fn packets(global: &Global, tls: &Tls, cpus: u64) -> Result<Packets, Failure> {
    if tls.ifname.is_empty() {
        return Err(Failure::usage(format!(
            "-m pcap needs to know where: name an interface with -i; there are {}",
            packet::interfaces().join(", ")
        )));
    }
    let mut interfaces: Vec<String> = Vec::new();
    for name in &tls.ifname {
        if !interfaces.contains(name) {
            interfaces.push(name.clone());
        }
    }
    let buffer = match global.mapsize {
        Some(_) => ring_bytes(global.mapsize, cpus, 1),
        None => ring_bytes(None, cpus, 1).min(PACKETS_MAX),
    };
    let file = tls.pcapfile.clone().unwrap_or_else(|| PathBuf::from(PCAPFILE));
    Ok(Packets {
        interfaces,
        filter: tls.filter.join(" "),
        file: (file != Path::new("-")).then_some(file),
        buffer_bytes: buffer as u32,
    })
}

fn remarks(tls: &Tls) -> Vec<String> {
    let mut remarks = Vec::new();
    if tls.ssl_version.is_some() {
        remarks.push("--ssl_version is not needed: nothing here depends on a version".to_owned());
    }
    if tls.perf_reorder || tls.perf_reorder_lag_ms.is_some() {
        remarks
            .push("--perf-reorder is not needed: a connection's events stay in order".to_owned());
    }
    remarks
}

fn output(global: &Global, tls: &Tls) -> Result<Option<PathBuf>, Failure> {
    let named = match (&tls.output, &global.eventaddr) {
        (Some(_), Some(_)) => {
            return Err(Failure::usage("-o and --eventaddr name the same thing; use -o"));
        }
        (Some(path), None) => path.clone(),
        (None, Some(address)) if address.contains("://") => {
            return Err(Failure::usage(format!(
                "--eventaddr {address}: sending captured data elsewhere is not in this version; \
                 name a file, or pipe"
            )));
        }
        (None, Some(path)) => PathBuf::from(path),
        (None, None) => return Ok(None),
    };
    Ok((named != Path::new("-") && !named.as_os_str().is_empty()).then_some(named))
}

/// `--mapsize` counts pages per CPU, as eCapture's does; a ring is a power of two.
fn ring_bytes(pages: Option<u64>, cpus: u64, shards: u64) -> u64 {
    let page = rustix::param::page_size() as u64;
    let each = match pages {
        // At least what was asked for.
        Some(pages) => (pages.saturating_mul(page).saturating_mul(cpus) / shards)
            .min(RING_MAX)
            .next_power_of_two(),
        None => {
            1 << (((MAPSIZE * page).saturating_mul(cpus).min(RINGS_MAX) / shards).max(1).ilog2())
        }
    };
    each.clamp(RING_MIN, RING_MAX)
}

fn pids(typed: &[u32]) -> Result<Vec<u32>, Failure> {
    let mut pids: Vec<u32> = typed.iter().copied().filter(|pid| *pid != 0).collect();
    pids.sort_unstable();
    pids.dedup();
    if pids.len() < typed.len() && typed.contains(&0) && !pids.is_empty() {
        return Err(Failure::usage("-p 0 means all processes; leave out the others, or the 0"));
    }
    for pid in &pids {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).map_err(|_| {
            Failure::failed(format!("-p {pid}: there is no such process; `pgrep NAME` finds one"))
        })?;
        let leader = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
        if let Some(leader) = leader.map(str::trim).filter(|leader| **leader != pid.to_string()) {
            return Err(Failure::failed(format!(
                "-p {pid}: that is a thread of process {leader}; use -p {leader}"
            )));
        }
    }
    Ok(pids)
}

fn uids(typed: &[String]) -> Result<Vec<u32>, Failure> {
    if typed.iter().all(|uid| uid == "0") {
        return Ok(Vec::new());
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    typed
        .iter()
        .map(|uid| {
            let named = passwd.lines().find_map(|line| {
                let mut fields = line.split(':');
                (fields.next() == Some(uid)).then(|| fields.nth(1)?.parse().ok()).flatten()
            });
            uid.parse().ok().or(named).ok_or_else(|| {
                Failure::usage(format!("-u {uid}: no such user; give a number or a login name"))
            })
        })
        .collect()
}

/// A control group's number is its directory's inode; how deep it lies tells which ancestor of a
/// process's own group to compare with.
fn cgroup(path: &Path) -> Result<Cgroup, Failure> {
    let wrong = |why: &str| {
        Failure::failed(format!(
            "--cgroup_path {}: {why}; name a folder below the cgroup2 mount, such as \
             /sys/fs/cgroup/system.slice/nginx.service",
            path.display()
        ))
    };
    let path = fs::canonicalize(path).map_err(|error| wrong(&error.to_string()))?;
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let below = mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ');
            let (mount, kind) = (fields.nth(1)?, fields.next()?);
            (kind == "cgroup2").then(|| path.strip_prefix(mount).ok()).flatten()
        })
        .next()
        .ok_or_else(|| wrong("not in a cgroup2 file system"))?;
    let metadata = fs::metadata(&path).map_err(|error| wrong(&error.to_string()))?;
    Ok(Cgroup { id: metadata.ino(), level: below.components().count() as u32 })
}

fn abi_shards() -> u32 {
    probe::SHARDS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_are_powers_of_two_within_bounds() {
        assert_eq!(ring_bytes(Some(1024), 2, 1), 8 << 20);
        assert_eq!(ring_bytes(Some(1), 1, 1), RING_MIN);
        assert_eq!(ring_bytes(Some(u64::MAX), 64, 1), RING_MAX);
        assert_eq!(ring_bytes(None, 2, 1), 32 << 20);
        assert!(ring_bytes(None, 128, 64) * 64 <= RINGS_MAX);
        assert!(ring_bytes(None, 24, 12) * 12 <= RINGS_MAX);
    }

    #[test]
    fn zero_means_all_and_root_means_root() {
        assert!(uids(&["0".to_owned()]).unwrap().is_empty());
        assert_eq!(uids(&["root".to_owned()]).unwrap(), [0]);
        assert_eq!(uids(&["1000".to_owned()]).unwrap(), [1000]);
        assert!(uids(&["no such user".to_owned()]).is_err());
        assert!(pids(&[0]).unwrap().is_empty());
        assert!(pids(&[0, 1]).is_err());
        assert_eq!(pids(&[1, 1]).unwrap(), [1]);
    }
}

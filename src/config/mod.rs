//! What the words mean: arguments checked and turned into settings, before anything is started.

mod descriptor;
mod lines;
mod packets;
mod place;
mod refuse;
mod rings;
mod value;

use std::path::PathBuf;

use probe::{Overload, Settings};
use sink::Precision;
use stream::proto::Options;
use stream::protobuf::Descriptors;

use crate::args::{Colour, Format, Global, Model, OnOverload, Tls};
use crate::exit::Failure;
use crate::run::pcap::Rotation;
use crate::shown::Selection;

pub(crate) use lines::LinesConfig;
pub(crate) use packets::Packets;
pub(crate) use place::{KeylogFile, SyntheticFile};

/// A run of `ecapture tls`.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) settings: Settings,
    /// What the capture may cost, in percent of one CPU.
    pub(crate) max_cpu: Option<u32>,
    pub(crate) libraries: Vec<PathBuf>,
    pub(crate) output: Option<PathBuf>,
    pub(crate) format: Format,
    pub(crate) hex: bool,
    /// How messages are made of bytes; `None`: bytes are shown as they come.
    pub(crate) decoding: Option<Options>,
    /// Names for fields of Protocol Buffers.
    pub(crate) descriptors: Descriptors,
    /// One line per exchange instead of all of it.
    pub(crate) lines: bool,
    /// Which messages are shown, and how much of each.
    pub(crate) selection: Selection,
    pub(crate) precision: Precision,
    pub(crate) colour: Colour,
    /// Whether plaintext is written.
    pub(crate) text: bool,
    /// When its file is put aside.
    pub(crate) rotation: Rotation,
    /// Where plaintext goes as synthetic packets as well.
    pub(crate) synthetic: Option<SyntheticFile>,
    /// Packets, if they are written.
    pub(crate) packets: Option<Packets>,
    /// Where keys go, if they are written.
    pub(crate) keylog: Option<KeylogFile>,
    /// Things typed that have no effect here, each said once.
    pub(crate) remarks: Vec<String>,
}

/// Of records about sockets: some ten thousand at once.
const NEWS_RING: u64 = 4 << 20;
/// Bodies of the longest kind that may be held at once, over all connections.
const BODIES_HELD: usize = 8;
/// Of a call, when rings are nearly full: the head of most messages.
const KEEP_BYTES: u64 = 1024;

const PAUSE_WHOM: &str =
    "--on-overload pause stops programs for a while, and only those that -p names; add -p PID";

impl Config {
    /// `library`: the command's own.
    pub(crate) fn from_args(
        global: &Global,
        tls: &Tls,
        library: Option<&'static str>,
    ) -> Result<Self, Failure> {
        refuse::refuse(global, tls)?;
        let cpus = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
        let shards = tls.shards.unwrap_or(((cpus / 2).max(1) as u32).min(abi_shards()));
        if shards == 0 || shards > abi_shards() {
            return Err(Failure::usage(format!("--shards takes 1 to {}", abi_shards())));
        }
        let text = tls.model.contains(&Model::Text);
        let packets =
            tls.model.contains(&Model::Pcap).then(|| packets::packets(global, tls, library, cpus));
        let packets = packets.transpose()?;
        let sample = tls.sample.as_deref().map_or(Ok(1), value::sample)?;
        if tls.on_overload == OnOverload::Pause && global.pid.iter().all(|pid| *pid == 0) {
            return Err(Failure::usage(PAUSE_WHOM));
        }
        let keylog = tls.model.contains(&Model::Keylog).then(|| place::keylog(tls, library));
        let settings = Settings {
            plaintext: text,
            flows: packets.is_some(),
            secrets: keylog.is_some() || packets.is_some(),
            shards: if text { shards } else { 0 },
            ring_bytes: rings::ring_bytes(global.mapsize, cpus, u64::from(shards)),
            news_bytes: if packets.is_some() || keylog.is_some() { NEWS_RING } else { 0 },
            call_cap: (global.tsize > 0).then_some(global.tsize),
            pids: value::pids(&global.pid)?,
            uids: value::uids(&global.uid)?,
            comms: global.comm.clone(),
            cgroup: tls.cgroup_path.as_deref().map(value::cgroup).transpose()?,
            overload: match tls.on_overload {
                OnOverload::Gap => Overload::Gap,
                OnOverload::Truncate => Overload::Truncate,
                OnOverload::Pause => Overload::Pause,
            },
            keep_bytes: tls.keep_bytes.unwrap_or(KEEP_BYTES),
            steered: sample > 1 || tls.on_overload == OnOverload::Truncate || tls.max_cpu.is_some(),
            ports: tls.port.clone(),
            nets: tls.net.iter().map(|typed| value::net(typed)).collect::<Result<_, _>>()?,
            sample,
            hold: !tls.no_hold,
            libs: value::libs(&tls.lib, library)?,
            lines: None,
        };
        Ok(Self {
            settings,
            max_cpu: tls.max_cpu,
            libraries: tls.libssl.clone(),
            output: place::output(global, tls)?,
            format: tls.format.unwrap_or(Format::Text),
            hex: global.hex,
            decoding: (!tls.raw).then(|| decoding(tls)),
            descriptors: descriptor::descriptors(&tls.proto_descriptor)?,
            lines: tls.summary,
            selection: tls.shown.selection(tls.raw)?,
            precision: tls.time.precision(),
            colour: tls.color,
            text,
            rotation: place::rotation(global, tls)?,
            synthetic: place::synthetic(tls),
            packets,
            keylog,
            remarks: remarks(tls),
        })
    }

    /// Whether probes are placed in libraries.
    pub(crate) fn hooking(&self) -> bool {
        self.settings.plaintext || self.settings.secrets
    }
}

/// How messages are made of bytes. Who wants longer bodies gives the room for a few of them.
fn decoding(tls: &Tls) -> Options {
    let default = Options::default();
    let max_body = tls.max_body.unwrap_or(default.max_body);
    Options { max_body, max_held: default.max_held.max(max_body.saturating_mul(BODIES_HELD)) }
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

fn abi_shards() -> u32 {
    probe::SHARDS_MAX
}

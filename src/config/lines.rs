//! What the words after `ecapture bash`, `zsh` and `readline` mean.

use std::path::PathBuf;

use probe::{Lines, Settings};
use sink::Precision;

use super::{place, refuse, rings, value};
use crate::args::{Bash, Colour, Global, OfLines, Readline, TypedFormat, Zsh};
use crate::exit::Failure;
use crate::run::pcap::Rotation;

/// A run that shows what is typed.
#[derive(Debug)]
pub(crate) struct LinesConfig {
    /// As it was typed.
    pub(crate) command: &'static str,
    pub(crate) settings: Settings,
    /// Files named by hand, each with the flag that named it.
    pub(crate) files: Vec<(&'static str, PathBuf)>,
    /// What such a file is, in words.
    pub(crate) what: &'static str,
    /// The flags.
    pub(crate) by_hand: &'static str,
    pub(crate) output: Option<PathBuf>,
    pub(crate) format: TypedFormat,
    pub(crate) precision: Precision,
    pub(crate) colour: Colour,
    pub(crate) rotation: Rotation,
    /// The only exit status that is shown.
    pub(crate) status: Option<i32>,
    /// Things typed that have no effect here, each said once.
    pub(crate) remarks: Vec<String>,
}

/// eCapture's default for `-e`: every status.
const ALL: u8 = 128;
/// Several of the longest lines.
const RING: u64 = 8 << 20;

impl LinesConfig {
    pub(crate) fn bash(global: &Global, bash: &Bash) -> Result<Self, Failure> {
        let files = named("--bash", &bash.bash).chain(named("--readlineso", &bash.readlineso));
        let mut config = Self::new(global, &bash.of, Lines::Bash, files.collect())?;
        config.status = status(bash.errnumber);
        Ok(config)
    }

    pub(crate) fn zsh(global: &Global, zsh: &Zsh) -> Result<Self, Failure> {
        let files = named("--zsh", &zsh.zsh).collect();
        let mut config = Self::new(global, &zsh.of, Lines::Zsh, files)?;
        config.status = status(zsh.errnumber);
        Ok(config)
    }

    pub(crate) fn readline(global: &Global, readline: &Readline) -> Result<Self, Failure> {
        let files = named("--readlineso", &readline.readlineso).collect();
        Self::new(global, &readline.of, Lines::Readline, files)
    }

    fn new(
        global: &Global,
        of: &OfLines,
        lines: Lines,
        files: Vec<(&'static str, PathBuf)>,
    ) -> Result<Self, Failure> {
        refuse::refuse_of_lines(global)?;
        let cpus = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
        let (command, what, by_hand) = match lines {
            Lines::Bash => ("bash", "bash", "--bash or --readlineso"),
            Lines::Zsh => ("zsh", "zsh", "--zsh"),
            Lines::Readline => ("readline", "program with GNU Readline", "--readlineso"),
        };
        let settings = Settings {
            lines: Some(lines),
            news_bytes: global
                .mapsize
                .map_or(RING, |pages| rings::ring_bytes(Some(pages), cpus, 1)),
            pids: value::pids(&global.pid)?,
            uids: value::uids(&global.uid)?,
            comms: global.comm.clone(),
            cgroup: of.cgroup_path.as_deref().map(value::cgroup).transpose()?,
            hold: true,
            ..Settings::default()
        };
        let output = of.output.as_deref();
        Ok(Self {
            command,
            settings,
            files,
            what,
            by_hand,
            output: place::output_of(global, output)?,
            format: of.format,
            precision: of.time.precision(),
            colour: of.color,
            rotation: place::rotation_of(global, output)?,
            status: None,
            remarks: Vec::new(),
        })
    }
}

fn named(flag: &'static str, files: &[PathBuf]) -> impl Iterator<Item = (&'static str, PathBuf)> {
    files.iter().map(move |file| (flag, file.clone()))
}

fn status(typed: Option<u8>) -> Option<i32> {
    typed.filter(|status| *status != ALL).map(i32::from)
}

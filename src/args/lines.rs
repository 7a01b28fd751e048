//! What is typed after `ecapture bash`, `zsh` and `readline`.

use std::path::PathBuf;

use clap::ValueEnum;

use super::{Colour, TimeUnit};

pub(super) const EXAMPLES: &str = "\
Examples:
  sudo ecapture bash                             every command line, when it is done
  sudo ecapture bash -e 127                      only those that ended with this status
  sudo ecapture zsh -u alice --format json       one user's, one JSON object per line
  sudo ecapture bash -o commands.log             into a file that only its owner can read
  sudo ecapture bash --bash /opt/bin/bash        a file by hand
  sudo ecapture readline --comm psql             lines of any program with GNU Readline

Only what people type is shown: no scripts, no `bash -c`. Lines may hold passwords.";

#[derive(Debug, clap::Args)]
pub(crate) struct Bash {
    /// Hook this bash too; may be repeated
    #[arg(long, value_name = "PATH")]
    pub(crate) bash: Vec<PathBuf>,
    /// Hook this libreadline.so too, for a bash that uses one; may be repeated
    #[arg(long, value_name = "PATH")]
    pub(crate) readlineso: Vec<PathBuf>,
    /// Only commands with this exit status; 128 means all
    #[arg(short, long, value_name = "STATUS")]
    pub(crate) errnumber: Option<u8>,
    #[command(flatten)]
    pub(crate) of: OfLines,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Zsh {
    /// Hook this zsh too; may be repeated
    #[arg(long, value_name = "PATH")]
    pub(crate) zsh: Vec<PathBuf>,
    /// Only commands with this exit status; 128 means all
    #[arg(short, long, value_name = "STATUS")]
    pub(crate) errnumber: Option<u8>,
    #[command(flatten)]
    pub(crate) of: OfLines,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Readline {
    /// Hook this libreadline.so, or program with GNU Readline inside, too; may be repeated
    #[arg(long, value_name = "PATH")]
    pub(crate) readlineso: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) of: OfLines,
}

/// What all three have.
#[derive(Debug, clap::Args)]
pub(crate) struct OfLines {
    /// How lines are written
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: TypedFormat,
    /// Write lines to this file, readable by its owner only; `-` is standard output
    #[arg(short, long, visible_short_alias = 'w', value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Only processes in this control group (v2) and below
    #[arg(
        long = "cgroup_path",
        visible_alias = "cgroup",
        alias = "cgroup-path",
        value_name = "PATH"
    )]
    pub(crate) cgroup_path: Option<PathBuf>,
    /// Digits of a second in text
    #[arg(long, value_name = "UNIT", default_value = "us")]
    pub(crate) time: TimeUnit,
    /// When to colour text
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Colour,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TypedFormat {
    /// For people: a line each, with who, when and the exit status
    Text,
    /// For programs: one object per line
    Json,
}

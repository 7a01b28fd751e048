//! What was typed: eCapture's command line, and ours on top of it.

use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};

use sink::Precision;

use crate::extcap::Extcap;
use crate::shown::Shown;

mod lines;

pub(crate) use lines::{Bash, OfLines, Readline, TypedFormat, Zsh};

const EXAMPLES: &str = "\
Examples:
  sudo ecapture tls                              everything, as text
  sudo ecapture tls -p $(pidof -s nginx)         one process
  sudo ecapture tls --comm curl --raw --hex      by name, all bytes as a hex dump
  sudo ecapture tls --format json -o cap.json    one JSON object per line (docs/json.md)
  sudo ecapture tls --libssl /opt/lib/libssl.so  a library file by hand
  sudo ecapture tls --lib openssl,gnutls         from these libraries only
  sudo ecapture tls -m keylog -k keys.log        keys, as SSLKEYLOGFILE has them
  sudo ecapture tls -m pcap -i eth0 -w a.pcapng  packets, for Wireshark
  sudo ecapture tls -m pcap -i any -w - -p 812 tcp port 443 | wireshark -k -i -
  sudo ecapture tls -m text,pcap -i eth0         both at once
  sudo ecapture tls --plaintext-pcap a.pcapng    plaintext as TCP streams, for Wireshark
  sudo ecapture bash                             what is typed in bash; also zsh, readline
  sudo ecapture doctor                           what could be captured here, and what not

Captured data goes to standard output or to the -o file, everything else to standard error.
Exit codes: 0 done, 1 failed or could not work, 2 wrong usage.";

/// Shows what programs really send and receive over TLS, without a CA certificate
#[derive(Debug, Parser)]
#[command(name = "ecapture", version, after_help = EXAMPLES, infer_subcommands = true)]
#[command(disable_help_subcommand = false, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// Only this process; may be repeated, 0 means all
    #[arg(short, long, value_name = "PID", global = true, value_delimiter = ',')]
    pub(crate) pid: Vec<u32>,
    /// Only this user, by number or name; may be repeated, 0 means all and `root` means root
    #[arg(short, long, value_name = "UID", global = true, value_delimiter = ',')]
    pub(crate) uid: Vec<String>,
    /// Only processes or threads with this name; may be repeated
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) comm: Vec<String>,
    /// Take at most this many bytes of a call, the rest is a gap; 0 means all
    #[arg(short, long, value_name = "BYTES", default_value_t = 0, global = true)]
    pub(crate) tsize: u64,
    /// Show payload as a hex dump
    #[arg(long, global = true)]
    pub(crate) hex: bool,
    /// Size of the rings, in pages per CPU
    #[arg(long, value_name = "PAGES", global = true)]
    pub(crate) mapsize: Option<u64>,
    /// Say more on standard error
    #[arg(short, long, global = true)]
    pub(crate) debug: bool,
    /// Write what is said on standard error to this file as well
    #[arg(short, long, value_name = "FILE", global = true)]
    pub(crate) logaddr: Option<String>,
    /// Where captured data goes, as -o
    #[arg(long, value_name = "FILE", global = true, hide = true)]
    pub(crate) eventaddr: Option<String>,
    #[arg(short, long, value_name = "MODE", default_value_t = 0, global = true, hide = true)]
    pub(crate) btf: u8,
    #[arg(long, value_name = "URL", global = true, hide = true)]
    pub(crate) ecaptureq: Option<String>,
    #[arg(long, value_name = "ADDR", global = true, hide = true)]
    pub(crate) listen: Option<String>,
    /// Put the -o file aside, under a name with the time, when it has so many MB; 0 means never
    #[arg(long, value_name = "MB", default_value_t = 0, global = true)]
    pub(crate) eventroratesize: u64,
    /// The same after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0, global = true)]
    pub(crate) eventroratetime: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Capture plaintext, keys or packets from every TLS library that is known
    #[command(visible_alias = "openssl", after_help = EXAMPLES)]
    Tls(Box<Tls>),
    /// The same from GnuTLS only, as `tls --lib gnutls`
    #[command(visible_alias = "gnu", after_help = EXAMPLES)]
    Gnutls(Box<Tls>),
    /// The same from NSS only, as `tls --lib nss`
    #[command(visible_alias = "nss", after_help = EXAMPLES)]
    Nspr(Box<Tls>),
    /// Show the command lines that are typed in bash, with their exit status
    #[command(after_help = lines::EXAMPLES)]
    Bash(Bash),
    /// Show the command lines that are typed in zsh, with their exit status
    #[command(after_help = lines::EXAMPLES)]
    Zsh(Zsh),
    /// Show the lines that are typed in any program that reads them by GNU Readline
    #[command(after_help = lines::EXAMPLES)]
    Readline(Readline),
    /// The same from Go programs only, as `tls --lib go`
    #[command(visible_alias = "tlsgo", after_help = EXAMPLES)]
    Gotls(Box<Tls>),
    /// Say what could be captured on this machine, and what not and why
    Doctor,
    /// Capture a small HTTPS exchange of its own and compare it with what was sent
    Demo,
    /// Capture for Wireshark, which then lists ecapture beside the network's interfaces
    Extcap(Extcap),
    #[command(hide = true)]
    Mysqld(Rest),
    #[command(hide = true)]
    Postgres(Rest),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Tls {
    /// What to make of the traffic; several with commas between them
    #[arg(short, long, value_name = "MODE", default_value = "text", value_delimiter = ',')]
    pub(crate) model: Vec<Model>,
    /// How plaintext is written [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// Write plaintext to this file, readable by its owner only; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Write plaintext to this file too, unmasked, as synthetic TCP streams that Wireshark dissects;
    /// `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) plaintext_pcap: Option<PathBuf>,
    /// Only from these libraries, such as `openssl,gnutls`; `ecapture doctor` names those in use
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) lib: Vec<String>,
    /// Hook this file too; may be repeated
    #[arg(short = 'e', long, value_name = "PATH", aliases = ["gnutls", "nspr", "elfpath"])]
    pub(crate) libssl: Vec<PathBuf>,
    /// Only processes in this control group (v2) and below
    #[arg(
        long = "cgroup_path",
        visible_alias = "cgroup",
        alias = "cgroup-path",
        value_name = "PATH"
    )]
    pub(crate) cgroup_path: Option<PathBuf>,
    /// Only connections with this port at either end; may be repeated
    #[arg(long, value_name = "PORT", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Vec<u16>,
    /// Only connections with an address in this network at either end, such as 10.0.0.0/8 or ::1;
    /// may be repeated
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    pub(crate) net: Vec<String>,
    /// Only one connection in N, chosen by chance when it begins
    #[arg(long, value_name = "1/N")]
    pub(crate) sample: Option<String>,
    /// Show the bytes as they come, not the messages in them
    #[arg(long)]
    pub(crate) raw: bool,
    /// Show at most this many bytes of a message's body, the rest is counted [default: 1048576]
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_body: Option<usize>,
    /// Name the fields of gRPC's messages by this description, which `protoc --include_imports
    /// --descriptor_set_out=FILE` writes; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) proto_descriptor: Vec<PathBuf>,
    /// One line per exchange: time, process, method, status, bytes, milliseconds, URL
    #[arg(long)]
    pub(crate) summary: bool,
    #[command(flatten)]
    pub(crate) shown: Shown,
    /// Digits of a second in text
    #[arg(long, value_name = "UNIT", default_value = "us")]
    pub(crate) time: TimeUnit,
    /// When to colour text
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Colour,
    /// Number of rings, each with a reader of its own [default: one per two CPUs]
    #[arg(long, value_name = "N")]
    pub(crate) shards: Option<u32>,
    /// What to do when data comes faster than it is read and written
    #[arg(long, value_name = "POLICY", default_value = "gap")]
    pub(crate) on_overload: OnOverload,
    /// With --on-overload truncate or --max-cpu: bytes taken of each call that is cut
    /// [default: 1024]
    #[arg(long, value_name = "BYTES")]
    pub(crate) keep_bytes: Option<u64>,
    /// Take less when the capture itself uses more than this many percent of one CPU: first the
    /// head of each call only (--keep-bytes), then fewer of the connections that begin
    #[arg(long, value_name = "PCT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_cpu: Option<u32>,
    /// Do not stop a program for the milliseconds in which a library that it loads and that was
    /// never seen before is hooked; its first bytes may be missed, and it is told of
    #[arg(long)]
    pub(crate) no_hold: bool,
    /// Add keys to this file, readable by its owner only; `-` is standard output
    /// [default: ecapture_openssl_key.log]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) keylogfile: Option<PathBuf>,
    /// Write packets to this file, readable by its owner only; `-` is standard output
    /// [default: save.pcapng]
    #[arg(short = 'w', long, value_name = "FILE")]
    pub(crate) pcapfile: Option<PathBuf>,
    /// Go on in a new file when one has so many millions of bytes; each is complete, and its name
    /// has a number and the time
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rotate_size: Option<u64>,
    /// Go on in a new file after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rotate_time: Option<u64>,
    /// Capture packets on this interface, or on `any`; may be repeated
    #[arg(short, long, value_name = "IFNAME")]
    pub(crate) ifname: Vec<String>,
    #[arg(long = "ssl_version", alias = "ssl-version", value_name = "VERSION", hide = true)]
    pub(crate) ssl_version: Option<String>,
    #[arg(long, hide = true, action = ArgAction::SetTrue)]
    pub(crate) perf_reorder: bool,
    #[arg(long, value_name = "MS", hide = true)]
    pub(crate) perf_reorder_lag_ms: Option<u64>,
    /// Capture only packets that pass this filter, such as `tcp port 443` (see `man pcap-filter`)
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
}

/// Words of a command that is not offered yet.
#[derive(Debug, clap::Args)]
pub(crate) struct Rest {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _words: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Model {
    /// The plaintext
    Text,
    /// The keys of connections, as a key log for Wireshark
    #[value(alias = "key")]
    Keylog,
    /// Packets, as a pcapng file; needs -i
    #[value(alias = "pcapng")]
    Pcap,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: a header line, and the message or the bytes
    Text,
    /// For programs: one object per line
    Json,
    /// For browsers' developer tools: HTTP Archive 1.2
    Har,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnOverload {
    /// Lose what finds no room; a gap shows how much
    Gap,
    /// Before that, take the first bytes of each call only; the rest is a gap
    Truncate,
    /// Lose nothing: a thread that finds no room waits until its bytes were written; needs -p
    Pause,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimeUnit {
    S,
    Ms,
    Us,
    Ns,
}

impl TimeUnit {
    pub(crate) fn precision(self) -> Precision {
        match self {
            Self::S => Precision::Seconds,
            Self::Ms => Precision::Millis,
            Self::Us => Precision::Micros,
            Self::Ns => Precision::Nanos,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// If standard output is a terminal and NO_COLOR is not set
    Auto,
    Always,
    Never,
}

impl Command {
    /// What is captured, and from which library only, if the command names one.
    pub(crate) fn capture(&self) -> Option<(&Tls, Option<&'static str>)> {
        match self {
            Self::Tls(tls) => Some((tls, None)),
            Self::Gnutls(tls) => Some((tls, Some("gnutls"))),
            Self::Nspr(tls) => Some((tls, Some("nss"))),
            Self::Gotls(tls) => Some((tls, Some("go"))),
            _ => None,
        }
    }
}

/// The sentence for a command of eCapture's that is not offered yet.
pub(crate) fn not_yet(command: &Command) -> String {
    let what = match command {
        Command::Mysqld(_) => "mysqld: recording the statements of a MySQL server",
        Command::Postgres(_) => "postgres: recording the statements of a PostgreSQL server",
        Command::Bash(_) | Command::Zsh(_) | Command::Readline(_) => "this command",
        Command::Tls(_) | Command::Gnutls(_) | Command::Nspr(_) | Command::Gotls(_) => {
            "this command"
        }
        Command::Doctor | Command::Demo | Command::Extcap(_) => "this command",
    };
    format!("{what} is not in this version; `ecapture tls` captures from TLS libraries")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn flags_may_stand_before_and_after_the_command() {
        let parse = |words: &str| Args::try_parse_from(words.split(' ')).unwrap();
        assert_eq!(parse("ecapture -p 7 openssl -m text").global.pid, [7]);
        assert_eq!(parse("ecapture tls --pid=7 --pid 8,9").global.pid, [7, 8, 9]);
        let Command::Tls(tls) = parse("ecapture tls -m pcapng -i lo -w x tcp port 443").command
        else {
            panic!("tls");
        };
        assert_eq!((tls.model.as_slice(), tls.filter.len()), ([Model::Pcap].as_slice(), 3));
        let Command::Tls(tls) = parse("ecapture tls -m text,pcap").command else { panic!("tls") };
        assert_eq!(tls.model, [Model::Text, Model::Pcap]);
    }
}

//! `ecapture extcap`: what Wireshark and its kin ask of a program that captures for them
//! (doc/extcap.adoc of Wireshark). Sentences go to standard output, packets to a named pipe.

mod install;
mod offers;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Parser as _;

use crate::args::{Args, Command, Global, Model, Tls};
use crate::config::Config;
use crate::exit::Failure;
use crate::{log, run};
use offers::Interface;

/// The name under which Wireshark finds the program; called so, it needs no subcommand.
pub(crate) const LINK: &str = "ecapture-extcap";

const NO_FILTER: &str = "there is no packet to filter in plaintext; choose a process, or leave the \
    capture filter empty and use a display filter";

/// What was typed, mostly by Wireshark.
#[derive(Debug, clap::Args)]
pub(crate) struct Extcap {
    /// Make ecapture known to Wireshark, by a link in this folder [default: your personal one]
    #[arg(long, value_name = "FOLDER")]
    install: Option<Option<PathBuf>>,
    /// Take the link away again
    #[arg(long, value_name = "FOLDER")]
    uninstall: Option<Option<PathBuf>>,
    /// List the interfaces
    #[arg(long)]
    extcap_interfaces: bool,
    /// The version of Wireshark that asks
    #[arg(long, value_name = "VERSION")]
    extcap_version: Option<Option<String>>,
    /// The interface that is meant
    #[arg(long, value_name = "NAME")]
    extcap_interface: Option<Interface>,
    /// Say what its packets begin with
    #[arg(long)]
    extcap_dlts: bool,
    /// Say what can be set
    #[arg(long)]
    extcap_config: bool,
    /// Say the values of this setting anew
    #[arg(long, value_name = "NAME")]
    extcap_reload_option: Option<String>,
    /// A pcap filter; without --capture it is only checked
    #[arg(long, value_name = "FILTER")]
    extcap_capture_filter: Option<String>,
    /// Capture until the reader goes away
    #[arg(long)]
    capture: bool,
    /// The named pipe for the packets
    #[arg(long, value_name = "PATH")]
    fifo: Option<PathBuf>,
    /// Where packets are captured
    #[arg(long, value_name = "IFNAME", default_value = "any")]
    ifname: String,
}

/// Answers, or captures.
pub(crate) fn run(global: &Global, extcap: &Extcap) -> Result<(), Failure> {
    let answer = if let Some(folder) = &extcap.install {
        install::link(folder.as_deref())?
    } else if let Some(folder) = &extcap.uninstall {
        install::unlink(folder.as_deref())?
    } else if extcap.extcap_interfaces {
        offers::interfaces()
    } else {
        let Some(interface) = extcap.extcap_interface else {
            return Err(Failure::usage(
                "extcap is for Wireshark: `ecapture extcap --install` makes ecapture known to it",
            ));
        };
        match (extcap.extcap_dlts, extcap.extcap_config, extcap.capture) {
            (true, _, _) => offers::links(interface),
            (_, true, _) => offers::settings(interface, extcap.extcap_reload_option.as_deref()),
            (_, _, true) => return capture(global, extcap, interface),
            _ => check(interface, extcap.extcap_capture_filter.as_deref().unwrap_or_default()),
        }
    };
    io::stdout().write_all(answer.as_bytes()).map_err(Failure::from)
}

/// What is wrong with a filter; nothing, if it is right.
fn check(interface: Interface, filter: &str) -> String {
    match interface {
        _ if filter.trim().is_empty() => String::new(),
        Interface::Ecapture => packet::check_filter(filter)
            .map_or_else(|error| format!("{error}\n"), |()| String::new()),
        Interface::EcapturePlaintext => format!("{NO_FILTER}\n"),
    }
}

fn capture(global: &Global, extcap: &Extcap, interface: Interface) -> Result<(), Failure> {
    let Some(fifo) = &extcap.fifo else {
        return Err(Failure::usage("--capture needs --fifo, the pipe that Wireshark reads"));
    };
    // Wireshark shows what is said as an error, so only what is one is said.
    log::init_quiet(global)?;
    let config = Config::from_args(global, &tls(extcap, interface, fifo)?, None)?;
    run::run(&config)
}

/// The same capture as `ecapture tls` makes.
fn tls(extcap: &Extcap, interface: Interface, fifo: &Path) -> Result<Tls, Failure> {
    let args = Args::try_parse_from(["ecapture", "tls"])?;
    let Command::Tls(mut tls) = args.command else {
        return Err(Failure::failed("extcap captures as `ecapture tls` does"));
    };
    let filter = extcap.extcap_capture_filter.iter().filter(|filter| !filter.trim().is_empty());
    match interface {
        Interface::Ecapture => {
            tls.model = vec![Model::Pcap];
            tls.pcapfile = Some(fifo.to_owned());
            tls.ifname = vec![extcap.ifname.clone()];
            tls.filter = filter.cloned().collect();
        }
        Interface::EcapturePlaintext => {
            if filter.count() > 0 {
                return Err(Failure::usage(NO_FILTER));
            }
            tls.output = Some(PathBuf::from("/dev/null"));
            tls.plaintext_pcap = Some(fifo.to_owned());
        }
    }
    Ok(*tls)
}

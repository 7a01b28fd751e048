//! `ecapture`: shows what programs really send and receive over TLS.

mod args;
mod config;
mod demo;
mod doctor;
mod exit;
mod extcap;
mod log;
mod page;
mod run;
mod shown;

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command, Global};
use crate::exit::{FAILED, Failure};

fn main() -> ExitCode {
    let mut words: Vec<_> = std::env::args_os().collect();
    if words.first().is_some_and(|own| Path::new(own).file_name() == Some(OsStr::new(extcap::LINK)))
    {
        words.insert(1, "extcap".into());
    }
    let args = Args::parse_from(words);
    let done = match args.command {
        Command::Tls(_) | Command::Gnutls(_) | Command::Nspr(_) | Command::Gotls(_) => {
            capture(&args)
        }
        Command::Bash(ref bash) => {
            lines(&args.global, config::LinesConfig::bash(&args.global, bash))
        }
        Command::Zsh(ref zsh) => lines(&args.global, config::LinesConfig::zsh(&args.global, zsh)),
        Command::Readline(ref readline) => {
            lines(&args.global, config::LinesConfig::readline(&args.global, readline))
        }
        Command::Doctor => log::init(&args.global).and_then(|()| doctor::run()),
        Command::Extcap(ref extcap) => extcap::run(&args.global, extcap),
        Command::Demo => log::init(&args.global).and_then(|()| demo::run()),
        ref other => Err(Failure::usage(args::not_yet(other))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            for line in failure.lines() {
                eprintln!("ecapture: {line}");
            }
            ExitCode::from(failure.code().unwrap_or(FAILED))
        }
    }
}

fn capture(args: &Args) -> Result<(), Failure> {
    let Some((tls, library)) = args.command.capture() else { return Ok(()) };
    let config = config::Config::from_args(&args.global, tls, library)?;
    log::init(&args.global)?;
    run::run(&config)
}

fn lines(global: &Global, config: Result<config::LinesConfig, Failure>) -> Result<(), Failure> {
    let config = config.and_then(|config| log::init(global).map(|()| config))?;
    run::lines::run(&config)
}

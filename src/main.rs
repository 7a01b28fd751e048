//! `ecapture`: shows what programs really send and receive over TLS.

mod args;
mod config;
mod demo;
mod doctor;
mod exit;
mod log;
mod page;
mod run;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command};
use crate::exit::{FAILED, Failure};

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.command {
        Command::Tls(ref tls) => config::Config::from_args(&args.global, tls)
            .and_then(|config| log::init(&args.global).map(|()| config))
            .and_then(|config| run::run(&config)),
        Command::Doctor => log::init(&args.global).and_then(|()| doctor::run()),
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

//! What is said to the user while it runs: on standard error, and in a file if one was named.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::args::Global;
use crate::exit::Failure;

/// Nothing but warnings and errors is said.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Sets it up, once. `RUST_LOG` overrides the level.
pub(crate) fn init(global: &Global) -> Result<(), Failure> {
    init_at(global, if global.debug { "debug" } else { "info" })
}

/// The same for a reader who takes every word for a complaint.
pub(crate) fn init_quiet(global: &Global) -> Result<(), Failure> {
    QUIET.store(!global.debug, Ordering::Relaxed);
    init_at(global, if global.debug { "debug" } else { "warn" })
}

/// Writes a summary, for the person who waits.
pub(crate) fn summary(text: &[u8]) {
    if !QUIET.load(Ordering::Relaxed) {
        // Nothing is left to tell if standard error is gone.
        let _ = io::stderr().write_all(text);
    }
}

fn init_at(global: &Global, level: &str) -> Result<(), Failure> {
    let file = global.logaddr.as_deref().filter(|name| !name.is_empty()).map(open).transpose()?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let plain = file.is_some() || !io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Out { file: file.map(|file| Arc::new(Mutex::new(file))) })
        .with_target(false)
        .with_ansi(!plain && std::env::var_os("NO_COLOR").is_none())
        .without_time()
        .init();
    probe::set_libbpf_log(|level, text| match level {
        // Everything that matters comes back as an error and is reported with its context.
        probe::PrintLevel::Warn | probe::PrintLevel::Info | probe::PrintLevel::Debug => {
            tracing::debug!("libbpf: {}", text.trim_end());
        }
    });
    Ok(())
}

fn open(name: &str) -> Result<File, Failure> {
    if name.contains("://") {
        return Err(Failure::usage(format!(
            "-l {name}: sending logs elsewhere is not in this version; name a file, or pipe \
             standard error"
        )));
    }
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(name)
        .map_err(|error| Failure::failed(format!("-l {name}: {error}")))
}

#[derive(Debug, Clone)]
struct Out {
    file: Option<Arc<Mutex<File>>>,
}

impl<'a> MakeWriter<'a> for Out {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(file) = &self.file {
            file.lock().unwrap_or_else(PoisonError::into_inner).write_all(bytes)?;
        }
        io::stderr().write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

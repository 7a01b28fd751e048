//! A run of `ecapture bash`, `zsh` or `readline`, from start to summary.

mod reader;
mod users;

use std::sync::Arc;
use std::thread::JoinHandle;

use probe::{Counter, Hooks, Kernel, Names, Report, Scout, Watch};
use sink::TypedSummary;
use tracing::{info, warn};

use super::clock::Clock;
use super::stop::{Latch, Stop};
use super::{follow, ready_to_run, tell, unhooked, wait};
use crate::config::LinesConfig;
use crate::exit::Failure;
use reader::{Reader, Written};

/// Runs until a signal, the end of every process named by `-p`, or the end of the reader.
pub(crate) fn run(config: &LinesConfig) -> Result<(), Failure> {
    for remark in &config.remarks {
        info!("{remark}");
    }
    let stop = Stop::install()?;
    let capture = Capture::start(config, &stop)?;
    info!("ready: {}", capture.description(config));
    wait(&stop, &config.settings.pids)?;
    capture.finish()
}

struct Capture {
    hooks: JoinHandle<(Hooks, unhooked::Ones)>,
    hooking: Latch,
    books: probe::Books,
    /// Files that were hooked at the start.
    hooked: usize,
    reader: JoinHandle<Reader>,
    reading: Latch,
}

impl Capture {
    fn start(config: &LinesConfig, stop: &Stop) -> Result<Self, Failure> {
        let settings = &config.settings;
        let features = ready_to_run(config.command)?;
        let (watch, scout) = (Watch::start(&settings.pids)?, Scout::start(settings)?);
        let kernel = Kernel::load(settings.clone(), features)?;
        let ring = kernel.news()?.ok_or_else(|| Failure::failed("there is no ring to read"))?;
        let names = Arc::new(Names::default());
        let mut hooks = Hooks::new(kernel, Arc::clone(&names), Some(watch), Some(scout));
        let mut hooked = 0;
        for (flag, path) in &config.files {
            let report = hooks.add(path).map_err(|error| {
                Failure::failed(format!(
                    "{flag} {error}; name a {} that exports its symbols, as distributions build it",
                    config.what
                ))
            })?;
            tell(Report::Hooked(report));
            hooked += 1;
        }
        // Opened when nothing else can fail any more, so that no failed start empties a file.
        let reader = Reader::open(config, names, stop.broken_output()?)?;
        let reading = Latch::new()?;
        let reader = reader.spawn(ring, &reading)?;
        hooks.begin(|report| {
            hooked += usize::from(matches!(report, Report::Hooked(_)));
            tell(report);
        });
        let (hooking, books) = (Latch::new()?, hooks.books()?);
        let hooks = follow(hooks, hooking.clone())?;
        Ok(Self { hooks, hooking, books, hooked, reader, reading })
    }

    fn description(&self, config: &LinesConfig) -> String {
        match self.hooked {
            0 => format!(
                "no {} is in use yet; the first one to appear will be hooked, and {} names one by \
                 hand",
                config.what, config.by_hand
            ),
            1 => "1 file hooked; others are hooked as they appear".to_owned(),
            n => format!("{n} files hooked; others are hooked as they appear"),
        }
    }

    /// Probes go first, so that nothing is added; then what waits is read and written.
    fn finish(self) -> Result<(), Failure> {
        self.hooking.set();
        let Ok((mut hooks, _)) = self.hooks.join() else {
            return Err(Failure::failed("the capture is incomplete, see above"));
        };
        hooks.detach();
        self.reading.set();
        let Ok(reader) = self.reader.join() else {
            return Err(Failure::failed("the capture is incomplete, see above"));
        };
        let lost_events = self.books.counters().of(Counter::LinesLost);
        if lost_events > 0 {
            warn!("{lost_events} records found no room in the ring; --mapsize makes it larger");
        }
        let Written { commands, processes, left_out, incomplete } = reader.written();
        reader.summary(&TypedSummary {
            time: Clock::now().wall_ns(),
            commands,
            processes,
            left_out,
            incomplete,
            lost_events,
        })
    }
}

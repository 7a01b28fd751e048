//! A capture from start to summary: probes, readers, outputs, and the order in which they end.

mod clock;
mod context;
mod outlet;
mod output;
mod pcap;
mod shard;
mod stop;

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use probe::{Features, Hooks, Kernel, Names, Report, Rights, Watch, comm};
use sink::Summary;
use stream::Totals;
use tracing::{debug, info, warn};

use crate::config::Config;
use crate::exit::Failure;
use clock::Clock;
use output::Output;
use shard::Shard;
use stop::{End, Stop};

/// Runs until a signal, the end of every process named by `-p`, or the end of the reader.
pub(crate) fn run(config: &Config) -> Result<(), Failure> {
    for remark in &config.remarks {
        info!("{remark}");
    }
    if let Some(packets) = &config.packets {
        return pcap::run(&config.settings, packets);
    }
    let stop = Stop::install()?;
    let capture = Capture::start(config, &stop)?;
    info!("ready: {}", capture.description());
    wait(&stop, &config.settings.pids)?;
    capture.finish()
}

fn wait(stop: &Stop, pids: &[u32]) -> Result<(), Failure> {
    match stop.wait(pids)? {
        End::Signal => info!("stopping; a second signal ends at once"),
        End::Processes => info!("every process that -p named has ended"),
        End::Output => {}
    }
    Ok(())
}

/// A capture that is running.
struct Capture {
    hooks: JoinHandle<Hooks>,
    shards: Vec<JoinHandle<shard::Books>>,
    books: probe::Books,
    output: Arc<Output>,
    hooking: stop::Latch,
    reading: stop::Latch,
    hooked: usize,
}

impl Capture {
    fn start(config: &Config, stop: &Stop) -> Result<Self, Failure> {
        let features = ready_to_run()?;
        let kernel = Kernel::load(config.settings.clone(), features)?;
        let rings = kernel.readers()?;
        let names = Arc::new(Names::default());
        let mut hooks = Hooks::new(kernel, Arc::clone(&names), Some(Watch::start()?));
        let mut hooked = 0;
        for path in &config.libraries {
            let report = hooks.add(path).map_err(|error| {
                Failure::failed(format!(
                    "--libssl {error}; name a library or program with TLS in it"
                ))
            })?;
            tell(Report::Hooked(report));
            hooked += 1;
        }
        // Opened when nothing else can fail any more, so that no failed start empties a file.
        let output = Arc::new(Output::open(config, stop.broken_output()?)?);
        let reading = stop::Latch::new()?;
        let shards = rings
            .into_iter()
            .map(|ring| {
                let books = hooks.books()?;
                Shard::new(ring, Arc::clone(&names), books, &output).spawn(&reading)
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        hooks.scan(|report| {
            hooked += usize::from(matches!(report, Report::Hooked(_)));
            tell(report);
        });
        let hooking = stop::Latch::new()?;
        let books = hooks.books()?;
        let hooks = follow(hooks, hooking.clone())?;
        Ok(Self { hooks, shards, books, output, hooking, reading, hooked })
    }

    fn description(&self) -> String {
        match self.hooked {
            0 => "no TLS library is in use yet; the first one to appear will be hooked".to_owned(),
            1 => "1 file hooked; others are hooked as they appear".to_owned(),
            n => format!("{n} files hooked; others are hooked as they appear"),
        }
    }

    /// Probes go first, so that nothing is added; then the rings are drained and every connection
    /// closed; then the books are balanced.
    fn finish(self) -> Result<(), Failure> {
        self.hooking.set();
        if let Ok(mut hooks) = self.hooks.join() {
            hooks.detach();
            if hooks.vanished() > 0 {
                info!("{} mappings ended before they could be looked at", hooks.vanished());
            }
            // The kernel half's tables are still needed for what was in flight.
            let shards = self.shards;
            self.reading.set();
            let books: Vec<_> = shards.into_iter().filter_map(|shard| shard.join().ok()).collect();
            let counters = self.books.counters();
            let summary = balance(&books, &counters);
            self.output.summary(&summary)?;
            tell_loss(&counters, &summary);
        }
        self.output.verdict()
    }
}

/// Checks everything that a capture needs, and reports all that is missing at once.
fn ready_to_run() -> Result<Features, Failure> {
    let rights = Rights::own().missing();
    if !rights.is_empty() {
        return Err(Failure::failed(format!(
            "not permitted: {} missing; run it as root, such as `sudo ecapture tls`",
            rights.join(", ")
        )));
    }
    let features = Features::detect();
    let missing = features.missing();
    if missing.is_empty() {
        return Ok(features);
    }
    let lines = missing.into_iter().map(|what| format!("this kernel lacks {what}"));
    Err(Failure::all(lines.collect()))
}

fn follow(mut hooks: Hooks, stop: stop::Latch) -> Result<JoinHandle<Hooks>, Failure> {
    let thread = thread::Builder::new().name("hooks".to_owned()).spawn(move || {
        if let Err(error) = hooks.follow(stop.fd(), tell) {
            warn!("new libraries are not hooked any more: {error}");
        }
        hooks
    })?;
    Ok(thread)
}

fn tell(report: Report) {
    match report {
        Report::Hooked(hooked) => {
            let user = hooked.pid.map_or_else(
                || "named by --libssl".to_owned(),
                |pid| format!("first seen in {}[{pid}]", comm(pid)),
            );
            let symbols: Vec<_> =
                hooked.functions.iter().flat_map(|f| &f.symbols).copied().collect();
            info!("hooked {}: {} ({user})", hooked.path, symbols.join(" "));
            for function in &hooked.functions {
                debug!("{}: {function}", hooked.path);
            }
            for (symbol, reason) in hooked.failed {
                warn!("not hooked: {symbol} in {}: {reason}", hooked.path);
            }
        }
        Report::Passed(passed) => {
            let name = comm(passed.pid);
            info!("not hooked {} ({name}[{}]): {}", passed.path, passed.pid, passed.reason);
        }
    }
}

fn balance(books: &[shard::Books], counters: &probe::Counters) -> Summary {
    let mut totals = Totals::default();
    for shard in books {
        totals.merge(&shard.totals);
    }
    let told = totals.captured.iter().chain(&totals.missing).sum::<u64>();
    let moved = counters.of(probe::Counter::Moved);
    Summary {
        time: Clock::now().wall_ns(),
        totals,
        lost_events: counters.of(probe::Counter::RingFull) + counters.of(probe::Counter::CtrlLost),
        unaccounted: moved.saturating_sub(told) + counters.of(probe::Counter::OrphanBytes),
    }
}

/// What the summary's figures don't name.
fn tell_loss(counters: &probe::Counters, summary: &Summary) {
    let causes = [
        (probe::Counter::CallsFull, "calls were not followed: too many at once"),
        (probe::Counter::ConnsFull, "connections were not followed: too many at once"),
        (probe::Counter::LenUnreadable, "calls moved bytes whose number could not be read"),
    ];
    for (counter, what) in causes {
        let count = counters.of(counter);
        if count > 0 {
            warn!("{count} {what}");
        }
    }
    if summary.unaccounted > 0 {
        warn!("{} bytes moved that no connection accounts for", summary.unaccounted);
    }
}

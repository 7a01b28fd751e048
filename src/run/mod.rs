//! A capture from start to summary: probes, readers, outputs, and the order in which they end.

mod aside;
mod budget;
mod clock;
mod context;
mod keyless;
mod keylog;
mod keys;
pub(crate) mod lines;
mod listener;
mod lost;
mod older;
mod outlet;
mod output;
pub(crate) mod pcap;
mod shard;
mod stages;
mod stop;
mod synthesis;
mod unhooked;

use std::fmt::Display;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use probe::{
    Counter, Counters, Features, Hooks, Kernel, LoadError, Names, Pause, Report, Rights, Ring,
    Scout, Watch, comm,
};
use sink::{Keyless, Left, LeftOut, Reduced, Summary, Unhooked};
use stream::{Limits, Totals};
use tracing::{debug, info, warn};

use crate::config::Config;
use crate::exit::Failure;
use clock::Clock;
use context::KernelContext;
use keyless::Missed;
use keylog::Keylog;
use listener::Listener;
use older::Older;
use outlet::Outlet;
use output::Output;
use shard::Shard;
use stop::{End, Stop};

/// Runs until a signal, the end of every process named by `-p`, or the end of the reader.
pub(crate) fn run(config: &Config) -> Result<(), Failure> {
    for remark in &config.remarks {
        info!("{remark}");
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
    hooks: JoinHandle<(Hooks, unhooked::Ones)>,
    hooking: stop::Latch,
    books: probe::Books,
    /// Files that were hooked at the start; `None`: none are to be.
    hooked: Option<usize>,
    text: Option<Text>,
    packets: Option<pcap::Capture>,
    keylog: Option<Arc<Outlet>>,
    news: Option<News>,
}

/// Plaintext on its way.
struct Text {
    shards: Vec<JoinHandle<shard::Books>>,
    reading: stop::Latch,
    output: Arc<Output>,
    pause: Option<Pause>,
    budget: Option<JoinHandle<Reduced>>,
}

/// Who listens to what is told beside payload.
struct News {
    listener: JoinHandle<Listener>,
    listening: stop::Latch,
}

impl Capture {
    fn start(config: &Config, stop: &Stop) -> Result<Self, Failure> {
        let settings = &config.settings;
        let features = ready_to_run("tls")?;
        let watch = config.hooking().then(|| Watch::start(&settings.pids)).transpose()?;
        let scout = config.hooking().then(|| Scout::start(settings)).transpose()?;
        // Packets are kept from here on, and read when it is known whose they are.
        let sources = config.packets.as_ref().map(|packets| pcap::open(packets, settings.choosy()));
        let sources = sources.transpose()?;
        let kernel = Kernel::load(settings.clone(), features)?;
        let pause = kernel.pause().map_err(cannot_pause)?;
        let (rings, news) = (kernel.readers()?, kernel.news()?);
        let mut listener = Listener::default();
        let packets = config.packets.as_ref().zip(sources).map(|(packets, sources)| {
            let capture = pcap::Prepared::new(packets, sources, settings.choosy())?;
            listener.claims = Some(capture.claims()?);
            listener.keys.packets = Some(capture.keys()?);
            kernel.list_sockets(|record| listener.take(record))?;
            Ok::<_, Failure>(capture)
        });
        let packets = packets.transpose()?;
        let names = Arc::new(Names::default());
        listener.keys.missed = settings.secrets.then(|| Missed::new(&names));
        let mut hooks = Hooks::new(kernel, Arc::clone(&names), watch, scout);
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
        let output = config.text.then(|| Output::open(config, &stop.broken_output()?));
        let output = output.transpose()?.map(Arc::new);
        let packets = packets.map(|packets| packets.start(stop.broken_output()?)).transpose()?;
        let keylog = config.keylog.as_ref();
        let keylog = keylog.map(|file| keylog::open(file, stop.broken_output()?)).transpose()?;
        listener.keys.keylog = keylog.as_ref().map(Keylog::new);
        listener.keys.older = match hooks.late().filter(|_| keylog.is_some()) {
            Some(late) => Some(Older::new(late, hooks.books()?)),
            None => None,
        };
        let news = news.map(|ring| {
            let listening = stop::Latch::new()?;
            let listener = listener.spawn(ring, &listening)?;
            Ok::<_, Failure>(News { listener, listening })
        });
        let news = news.transpose()?;
        let text = output
            .map(|output| Text::start(config, rings, &names, &hooks, pause, output))
            .transpose()?;
        if config.hooking() {
            hooks.begin(|report| {
                hooked += usize::from(matches!(report, Report::Hooked(_)));
                tell(report);
            });
        }
        let hooked = config.hooking().then_some(hooked);
        let hooking = stop::Latch::new()?;
        let books = hooks.books()?;
        let hooks = follow(hooks, hooking.clone())?;
        Ok(Self { hooks, hooking, books, hooked, text, packets, keylog, news })
    }

    fn description(&self) -> String {
        let hooked = self.hooked.map(|hooked| match hooked {
            0 => "no TLS library is in use yet; the first one to appear will be hooked".to_owned(),
            1 => "1 file hooked; others are hooked as they appear".to_owned(),
            n => format!("{n} files hooked; others are hooked as they appear"),
        });
        let packets = self.packets.as_ref().map(pcap::Capture::description);
        [packets, hooked].into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    /// Probes go first, so that nothing is added; then what waits is read and written.
    fn finish(self) -> Result<(), Failure> {
        self.hooking.set();
        let Ok((mut hooks, unhooked)) = self.hooks.join() else {
            return Err(Failure::failed("the capture is incomplete, see above"));
        };
        hooks.detach();
        if hooks.vanished() > 0 {
            info!("{} mappings ended before they could be looked at", hooks.vanished());
        }
        if hooks.unexamined() > 0 {
            warn!("{} mappings were not looked at before the end", hooks.unexamined());
        }
        let unhooked = unhooked.finish();
        // Packets that are there are read, then what the kernel half told of them and of keys.
        let packets = self.packets.map(pcap::Capture::drain);
        let mut keyless = None;
        if let Some(keys) = self.news.and_then(News::finish).map(|listener| listener.keys) {
            if let Some(keylog) = keys.keylog {
                keylog::tell(keylog.counts(), keys.undecoded, &self.books.counters());
            }
            keyless = keys.missed.map(Missed::finish);
        }
        keyless.iter().flatten().for_each(tell_in_summary);
        unhooked.iter().for_each(tell_in_summary);
        // The kernel half's tables are still needed for what was in flight.
        let text = self.text.map_or(Ok(()), |text| text.finish(&self.books, keyless, unhooked));
        // What is decided by then is written.
        let packets = packets.map_or(Ok(()), |packets| packets.finish());
        let keylog = self.keylog.map_or(Ok(()), |keylog| keylog.verdict());
        text.and(packets).and(keylog)
    }
}

impl Text {
    fn start(
        config: &Config,
        rings: Vec<Ring>,
        names: &Arc<Names>,
        hooks: &Hooks,
        pause: Option<Pause>,
        output: Arc<Output>,
    ) -> Result<Self, Failure> {
        let reading = stop::Latch::new()?;
        let lost = Arc::default();
        let limits = Limits::shared_by(rings.len() as u32);
        let shards = rings
            .into_iter()
            .map(|ring| {
                let books = hooks.books()?;
                let go_on = pause.as_ref().map(Pause::go_on);
                let context = KernelContext::new(Arc::clone(names), books, go_on);
                Shard::new(ring, context, &output, &lost, limits).spawn(&reading)
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        let budget = config.max_cpu.map(|limit| {
            let settings = &config.settings;
            let (truncate, sample, keep) =
                (settings.truncate(), settings.sample, settings.keep_bytes);
            let normal = budget::Normal { truncate, sample, keep };
            budget::spawn(limit, hooks.cost()?, hooks.control()?, normal, &reading)
        });
        Ok(Self { shards, reading, output, pause, budget: budget.transpose()? })
    }

    /// The rings are drained and every connection closed, then the books are balanced.
    fn finish(
        self,
        kernel: &probe::Books,
        keyless: Option<Vec<Keyless>>,
        unhooked: Vec<Unhooked>,
    ) -> Result<(), Failure> {
        self.reading.set();
        let books = self.shards.into_iter().filter_map(|shard| shard.join().ok());
        let books: Vec<_> = books.collect();
        let counters = kernel.counters();
        let mut summary = balance(&books, &counters);
        summary.reduced = self.budget.and_then(|budget| budget.join().ok());
        summary.keyless = keyless;
        summary.unhooked = unhooked;
        self.output.summary(&summary)?;
        tell_loss(&counters, &summary);
        if let Some(pause) = &self.pause {
            tell_paused(pause.paused());
        }
        let left_out: u64 = books.iter().map(|shard| shard.left_out).sum();
        if left_out > 0 {
            warn!("{left_out} SQL statements are not in the HAR file: the format is for HTTP");
        }
        let unasked: u64 = books.iter().map(|shard| shard.unasked).sum();
        if unasked > 0 {
            warn!(
                "{unasked} messages are shown although --where was not answered for them: too \
                 many waited for their responses"
            );
        }
        self.output.verdict()
    }
}

impl News {
    /// Listens to the end. A thread that panicked has said so.
    fn finish(self) -> Option<Listener> {
        self.listening.set();
        self.listener.join().ok()
    }
}

/// Checks everything that a capture needs, and reports all that is missing at once.
fn ready_to_run(command: &str) -> Result<Features, Failure> {
    let rights = Rights::own().missing();
    if !rights.is_empty() {
        return Err(Failure::failed(format!(
            "not permitted: {} missing; run it as root, such as `sudo ecapture {command}`",
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

/// Returns when whoever loads a library is held until that is hooked.
fn follow(
    mut hooks: Hooks,
    stop: stop::Latch,
) -> Result<JoinHandle<(Hooks, unhooked::Ones)>, Failure> {
    let (begun, begins) = mpsc::channel();
    let thread = thread::Builder::new().name("hooks".to_owned()).spawn(move || {
        let mut ones = unhooked::Ones::default();
        let tell = |report| match report {
            Report::Ran(ran) => ones.add(ran),
            // Nobody listens a second time.
            Report::Following => drop(begun.send(())),
            report => tell(report),
        };
        if let Err(error) = hooks.follow(stop.fd(), tell) {
            warn!("new libraries are not hooked any more: {error}");
        }
        (hooks, ones)
    })?;
    // If nothing can be followed, that was said, and there is nothing to wait for.
    let _ = begins.recv();
    Ok(thread)
}

fn tell(report: Report) {
    match report {
        Report::Hooked(hooked) => {
            let user = hooked.pid.map_or_else(
                || "named by hand".to_owned(),
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
        // Told where it is counted.
        Report::Ran(_) | Report::Following => {}
        Report::Older(path) => info!("looking into connections of {path} from before this run"),
        Report::Passed(passed) => {
            let name = comm(passed.pid);
            info!("not hooked {} ({name}[{}]): {}", passed.path, passed.pid, passed.reason);
        }
    }
}

fn balance(books: &[shard::Books], counters: &Counters) -> Summary {
    let mut totals = Totals::default();
    for shard in books {
        totals.merge(&shard.totals);
    }
    let told = totals.captured.iter().chain(&totals.missing).sum::<u64>();
    let moved = counters.of(Counter::Moved);
    Summary {
        time: Clock::now().wall_ns(),
        totals,
        lost_events: counters.of(Counter::RingFull) + counters.of(Counter::CtrlLost),
        unaccounted: moved.saturating_sub(told) + counters.of(Counter::OrphanBytes),
        left_out: LeftOut {
            sample: left(counters, Counter::SampleConns, Counter::SampleBytes),
            filter: left(counters, Counter::FilterConns, Counter::FilterBytes),
            unknown_address: left(counters, Counter::UnknownConns, Counter::UnknownBytes),
        },
        reduced: None,
        keyless: None,
        unhooked: Vec::new(),
    }
}

fn left(counters: &Counters, connections: Counter, bytes: Counter) -> Left {
    Left { connections: counters.of(connections), bytes: counters.of(bytes) }
}

fn cannot_pause(error: LoadError) -> Failure {
    Failure::failed(format!("--on-overload pause: {error}; --on-overload gap needs no such thing"))
}

fn tell_paused(paused: probe::Paused) {
    let (times, seconds) = (paused.times, paused.time.as_secs_f64());
    info!("paused {times} times, {seconds:.3} s in all, until what had moved was read");
}

/// A line of the summary.
fn tell_in_summary(line: &impl Display) {
    // Nothing is left to tell if standard error is gone.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{line}\n").as_bytes());
}

/// What the summary's figures don't name.
fn tell_loss(counters: &Counters, summary: &Summary) {
    let causes = [
        (Counter::CallsFull, "calls were not followed: too many at once"),
        (Counter::ConnsFull, "connections were not followed: too many at once"),
        (Counter::LenUnreadable, "calls moved bytes whose number could not be read"),
    ];
    for (counter, what) in causes {
        let count = counters.of(counter);
        if count > 0 {
            warn!("{count} {what}");
        }
    }
    let unknown = summary.left_out.unknown_address.connections;
    if unknown > 0 {
        warn!(
            "{unknown} connections were left out because --port or --net choose by addresses and \
             theirs never became known (memory BIOs, for one; -p, -u and --comm need no address)"
        );
    }
    if summary.unaccounted > 0 {
        warn!("{} bytes moved that no connection accounts for", summary.unaccounted);
    }
}

//! From the ring to the output, in a thread of its own.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use line::{Command, Commands, Record};
use probe::{Names, Ring, Woken};
use sink::{Place, TimeZone, Typed, TypedLines, TypedSummary};
use tracing::{debug, error};

use super::users::Users;
use crate::args::{Colour, TypedFormat};
use crate::config::LinesConfig;
use crate::exit::Failure;
use crate::log;
use crate::run::aside::Aside;
use crate::run::clock::Clock;
use crate::run::outlet::Outlet;
use crate::run::stop::Latch;

/// What was written, and what was not.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Written {
    pub(super) commands: u64,
    pub(super) processes: u64,
    pub(super) left_out: u64,
    pub(super) incomplete: u64,
}

/// Makes commands of records and writes them as they end.
pub(super) struct Reader {
    commands: Commands,
    writer: Writer,
    outlet: Outlet,
    aside: Option<Aside>,
    json: bool,
}

struct Writer {
    lines: TypedLines,
    out: Vec<u8>,
    names: Arc<Names>,
    users: Users,
    /// The only exit status that is shown.
    only: Option<i32>,
    offset_ns: i64,
    written: Written,
    processes: HashSet<u32>,
}

impl Reader {
    /// Opens the output. `broken` is set when it can't be written any more.
    pub(super) fn open(
        config: &LinesConfig,
        names: Arc<Names>,
        broken: Latch,
    ) -> Result<Self, Failure> {
        let place = match &config.output {
            Some(path) => Place::create(path),
            None => Place::stdout(),
        }?;
        let colour = match config.colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => place.is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        };
        let json = config.format == TypedFormat::Json;
        let lines = match config.format {
            TypedFormat::Json => TypedLines::json(),
            TypedFormat::Text => TypedLines::text(TimeZone::system(), config.precision, colour),
        };
        let aside = config.output.as_ref().filter(|_| config.rotation.is_on());
        let aside = aside.map(|name| Aside::new(name, config.rotation)).transpose()?;
        let writer = Writer {
            lines,
            out: Vec::new(),
            names,
            users: Users::default(),
            only: config.status,
            offset_ns: 0,
            written: Written::default(),
            processes: HashSet::new(),
        };
        let outlet = Outlet::new(place, broken);
        Ok(Self { commands: Commands::default(), writer, outlet, aside, json })
    }

    /// Reads until `stop` is set and the ring is empty, then tells what was not answered.
    pub(super) fn spawn(
        mut self,
        mut ring: Ring,
        stop: &Latch,
    ) -> Result<JoinHandle<Self>, Failure> {
        let stop = stop.clone();
        let thread = thread::Builder::new().name("reader".to_owned()).spawn(move || {
            loop {
                self.batch(&mut ring);
                match ring.wait(stop.fd(), None) {
                    Ok(Woken::Records) => {}
                    Ok(Woken::Stop) => break,
                    Err(error) => {
                        error!("{error}; new lines are not shown any more");
                        self.outlet.give_up();
                        break;
                    }
                }
            }
            self.batch(&mut ring);
            let Self { commands, writer, .. } = &mut self;
            commands.finish(|command| writer.write(&command));
            self.flush();
            self
        })?;
        Ok(thread)
    }

    fn batch(&mut self, ring: &mut Ring) {
        let Self { commands, writer, .. } = self;
        writer.offset_ns = Clock::now().offset_ns();
        ring.drain(|record| match Record::decode(record) {
            Ok(record) => commands.push(&record, |command| writer.write(&command)),
            Err(error) => debug!("{error}"),
        });
        self.flush();
    }

    fn flush(&mut self) {
        let len = self.writer.out.len();
        self.outlet.write(&mut self.writer.out);
        if let Some(aside) = &self.aside {
            aside.wrote(len, &self.outlet, Place::create);
        }
    }

    /// What was written.
    pub(super) fn written(&self) -> Written {
        Written { processes: self.writer.processes.len() as u64, ..self.writer.written }
    }

    /// The summary is part of JSON; beside text it is for the person who waits.
    pub(super) fn summary(mut self, summary: &TypedSummary) -> Result<(), Failure> {
        self.writer.lines.summary(&mut self.writer.out, summary);
        if self.json {
            self.flush();
        } else {
            log::summary(&self.writer.out);
        }
        self.outlet.verdict()
    }
}

impl Writer {
    fn write(&mut self, command: &Command) {
        if self.only.is_some() && command.status != self.only {
            self.written.left_out += 1;
            return;
        }
        self.written.commands += 1;
        self.written.incomplete += u64::from(command.missing.is_some());
        self.processes.insert(command.pid);
        let typed = Typed {
            command,
            time: command.time_ns.saturating_add_signed(self.offset_ns),
            user: self.users.name(command.uid),
            exe: &self.names.program(command.pid),
            lib: &self.names.file(command.file),
        };
        self.lines.command(&mut self.out, &typed);
    }
}

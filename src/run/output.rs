//! Where formatted batches of all shards meet.

use std::io::IsTerminal;

use sink::{Json, Place, Sink, Summary, Text, TextOptions};
use stream::Ids;

use super::outlet::Outlet;
use super::stop::Latch;
use crate::args::{Colour, Format};
use crate::config::Config;
use crate::exit::Failure;

/// The format, and the place that all shards write to.
pub(super) struct Output {
    format: Format,
    text: TextOptions,
    ids: Ids,
    outlet: Outlet,
}

impl Output {
    /// Opens the place. `broken` is set when it can't be written any more.
    pub(super) fn open(config: &Config, broken: Latch) -> Result<Self, Failure> {
        let place = match &config.output {
            Some(path) => Place::create(path),
            None => Place::stdout(),
        }?;
        let colour = match config.colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => place.is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        };
        let (precision, hex) = (config.precision, config.hex);
        Ok(Self {
            format: config.format,
            text: TextOptions { precision, colour, hex, ..TextOptions::default() },
            ids: Ids::default(),
            outlet: Outlet::new(place, broken),
        })
    }

    /// A formatter, one for each shard.
    pub(super) fn sink(&self) -> Box<dyn Sink + Send> {
        match self.format {
            Format::Text => Box::new(Text::new(self.text.clone())),
            Format::Json => Box::new(Json::new()),
        }
    }

    /// The connection numbers that all shards share.
    pub(super) fn ids(&self) -> Ids {
        self.ids.clone()
    }

    /// Writes a batch and empties it. After a failure batches are dropped, and the run ends.
    pub(super) fn write(&self, batch: &mut Vec<u8>) {
        self.outlet.write(batch);
    }

    /// Ends the run as failed: what comes after this is incomplete.
    pub(super) fn give_up(&self) {
        self.outlet.give_up();
    }

    /// The summary is part of JSON; beside text it is for the person who waits.
    pub(super) fn summary(&self, summary: &Summary) -> Result<(), Failure> {
        let mut out = Vec::new();
        match self.format {
            Format::Json => {
                self.sink().summary(&mut out, summary);
                self.write(&mut out);
            }
            Format::Text => {
                let colour = self.text.colour && std::io::stderr().is_terminal();
                Text::new(TextOptions { colour, ..self.text.clone() }).summary(&mut out, summary);
                // Nothing is left to tell if standard error is gone.
                let _ = std::io::Write::write_all(&mut std::io::stderr(), &out);
            }
        }
        Ok(())
    }

    /// How the run ended. A reader that went away has seen what it wanted.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        self.outlet.verdict()
    }
}

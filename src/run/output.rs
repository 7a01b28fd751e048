//! Where formatted batches of all shards meet.

use std::io::IsTerminal;

use sink::har::{self, Har};
use sink::{Json, Lines, Place, PlaceError, Sink, Summary, Text, TextOptions};
use stream::Ids;
use stream::proto::{Decoder, Held, Options};

use super::aside::Aside;
use super::outlet::Outlet;
use super::stages::Stages;
use super::stop::Latch;
use super::synthesis::{Streams, Synthesis};
use crate::args::{Colour, Format};
use crate::config::Config;
use crate::exit::Failure;
use crate::log;
use crate::shown::Selection;

/// The format, and the place that all shards write to.
pub(super) struct Output {
    format: Format,
    text: TextOptions,
    decoding: Option<Options>,
    selection: Selection,
    /// One line per exchange.
    lines: bool,
    /// Text on a terminal is for who sits there.
    private: bool,
    /// What the decoders of all shards hold.
    held: Held,
    ids: Ids,
    outlet: Outlet,
    /// When the file is put aside, if it is.
    aside: Option<Aside>,
    /// The same plaintext as synthetic packets.
    streams: Option<Streams>,
}

impl Output {
    /// Opens the place. `broken` is set when it can't be written any more.
    pub(super) fn open(config: &Config, broken: &Latch) -> Result<Self, Failure> {
        let streams = config.synthetic.as_ref();
        let streams = streams.map(|file| Streams::open(file, broken.clone())).transpose()?;
        let place = match &config.output {
            Some(path) => Place::create(path),
            None => Place::stdout(),
        }?;
        let colour = match config.colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => place.is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        };
        let (precision, hex, pretty) = (config.precision, config.hex, place.is_terminal());
        let place = begun(config.format, place)?;
        let aside = config.output.as_ref().filter(|_| config.rotation.is_on());
        let aside = aside.map(|name| Aside::new(name, config.rotation)).transpose()?;
        Ok(Self {
            format: config.format,
            text: TextOptions {
                precision,
                colour,
                hex,
                pretty,
                descriptors: config.descriptors.clone(),
                ..TextOptions::default()
            },
            decoding: config.decoding,
            lines: config.lines,
            selection: config.selection.clone(),
            private: pretty && config.format == Format::Text,
            held: Held::default(),
            ids: Ids::default(),
            outlet: Outlet::new(place, broken.clone()),
            aside,
            streams,
        })
    }

    /// A formatter, one for each shard.
    pub(super) fn sink(&self) -> Box<dyn Sink + Send> {
        match self.format {
            Format::Text if self.lines => {
                Box::new(Lines::new(self.text.zone.clone(), self.text.precision))
            }
            Format::Text => Box::new(Text::new(self.text.clone())),
            Format::Json => Box::new(Json::describing(self.text.descriptors.clone())),
            Format::Har => Box::new(Har::new()),
        }
    }

    /// What makes messages of bytes and chooses among them, one for each shard.
    pub(super) fn stages(&self) -> Stages {
        Stages {
            decoder: self.decoding.map(|options| Decoder::sharing(options, self.held.clone())),
            sieve: self.selection.sieve(),
            redaction: self
                .selection
                .redaction(self.private)
                .map(|redaction| redaction.describing(self.text.descriptors.clone())),
        }
    }

    /// What makes packets of bytes, one for each shard.
    pub(super) fn synthesis(&self) -> Option<Synthesis> {
        self.streams.as_ref().map(Streams::of_shard)
    }

    /// The connection numbers that all shards share.
    pub(super) fn ids(&self) -> Ids {
        self.ids.clone()
    }

    /// Writes a batch and empties it. After a failure batches are dropped, and the run ends.
    pub(super) fn write(&self, batch: &mut Vec<u8>) {
        let len = batch.len();
        self.outlet.write(batch);
        if let Some(aside) = &self.aside {
            aside.wrote(len, &self.outlet, |name| begun(self.format, Place::create(name)?));
        }
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
            Format::Text | Format::Har => {
                if self.format == Format::Har {
                    self.outlet.finish();
                }
                let colour = self.text.colour && std::io::stderr().is_terminal();
                Text::new(TextOptions { colour, ..self.text.clone() }).summary(&mut out, summary);
                log::summary(&out);
            }
        }
        Ok(())
    }

    /// How the run ended. A reader that went away has seen what it wanted.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        self.outlet.verdict().and(self.streams.as_ref().map_or(Ok(()), Streams::verdict))
    }
}

/// A place with what this format's files begin and end with.
fn begun(format: Format, place: Place) -> Result<Place, PlaceError> {
    match format {
        Format::Har => place.between(har::PROLOGUE.as_bytes(), har::EPILOGUE.as_bytes()),
        Format::Text | Format::Json => Ok(place),
    }
}

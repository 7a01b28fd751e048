//! Decides what a file carries: functions that are probed, a TLS library that is only known by
//! name, or nothing of interest.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::OnceLock;

use crate::elf::{ElfError, Function, Image};
use crate::plan::{Numbered, Placement, plan};
use crate::target::{self, KNOWN};

/// What a file carries.
pub(crate) enum Found {
    /// Probes that can be placed.
    Target(Vec<Placement>),
    /// A library that can't.
    Known(&'static str),
    /// No TLS that anything here knows.
    Nothing,
}

/// What is to be done about a file that was found in some process.
pub(crate) enum Look {
    /// Place these probes.
    Target(Vec<Placement>),
    /// Say why it is not probed.
    Passed(String),
    /// Nothing.
    NoTls,
}

/// Judges a file that goes by this name where it was found.
pub(crate) fn look(file: &File, path: &str) -> Look {
    match examine(file) {
        Ok(Found::Target(placements)) => Look::Target(placements),
        Ok(Found::Known(name)) => Look::Passed(format!("{name} is not supported yet")),
        Ok(Found::Nothing) => Look::NoTls,
        // Only a file that goes by a library's name is worth a word if it can't be read.
        Err(error) if looks_like_tls(path) => Look::Passed(error.to_string()),
        Err(_) => Look::NoTls,
    }
}

/// Whether a name is that of a TLS library.
pub(crate) fn looks_like_tls(path: &str) -> bool {
    let name = Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    ["libssl", "libgnutls", "libnss3", "libboringssl"].iter().any(|known| name.starts_with(known))
}

#[derive(Clone, Copy)]
enum Wanted {
    Row(Numbered),
    Known(&'static str),
}

static WANTED: OnceLock<HashMap<&'static [u8], Wanted>> = OnceLock::new();

/// Every symbol that means something, for one look at each symbol of a file.
fn wanted() -> HashMap<&'static [u8], Wanted> {
    let known = KNOWN.iter().map(|known| (known.symbol.as_bytes(), Wanted::Known(known.name)));
    let rows = target::rows()
        .filter(|(_, _, row)| row.behind.is_empty())
        .map(|(number, _, row)| (row.symbol.as_bytes(), Wanted::Row((number, row))));
    known.chain(rows).collect()
}

/// Reads what a file carries out of its symbols.
pub(crate) fn examine(file: &File) -> Result<Found, ElfError> {
    let image = Image::open(file)?;
    let wanted = WANTED.get_or_init(wanted);
    let found = image.functions(|name| wanted.get(name).copied())?;
    let mut functions: Vec<Function<Numbered>> = Vec::new();
    let mut known = None;
    for function in found {
        match function.what {
            Wanted::Known(name) => known = Some(name),
            // Two rows at one instruction would count its calls twice.
            Wanted::Row(what) if functions.iter().all(|f| f.offset != function.offset) => {
                functions.push(Function {
                    what,
                    offset: function.offset,
                    address: function.address,
                });
            }
            Wanted::Row(_) => {}
        }
    }
    // The end of connections alone is nothing to look at.
    if functions.iter().any(|function| function.what.1.returns()) {
        return Ok(Found::Target(plan(&image, &functions)));
    }
    Ok(known.map_or(Found::Nothing, Found::Known))
}

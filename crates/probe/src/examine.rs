//! Decides what a file carries: functions that are probed, a TLS library that is only known by
//! name, or nothing of interest.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::OnceLock;

use crate::elf::{ElfError, Function, Image};
use crate::golang;
use crate::keys::{self, Finder};
use crate::keyscan::KeySites;
use crate::lines::{self, Lines};
use crate::plan::{Numbered, Placement, Probed, plan};
use crate::target::{self, Call, Op, Row, TARGETS};

/// What a file carries.
pub(crate) enum Found {
    /// Probes that can be placed.
    Target(Carried),
    /// A library that can't.
    Known(Known),
    /// No TLS that anything here knows.
    Nothing,
}

/// What is to be done about a file that was found in some process.
#[derive(Debug)]
pub(crate) enum Look {
    /// Place probes.
    Target(Carried),
    /// Say why it is not probed.
    Passed(Known),
    /// Nothing.
    NoTls,
}

/// A file with TLS that is not probed.
#[derive(Debug)]
pub(crate) struct Known {
    /// The library, if that is known.
    pub(crate) name: Option<&'static str>,
    /// Why not, as a sentence that names it.
    pub(crate) reason: String,
}

/// What a run looks for in a file.
#[derive(Debug)]
pub(crate) struct Seek<'a> {
    /// Functions that move plaintext.
    pub(crate) plaintext: bool,
    /// Instructions at which keys can be read, and who finds them.
    pub(crate) keys: Option<&'a mut Finder>,
    /// Only of these libraries; empty: of all.
    pub(crate) libs: &'a [&'static str],
    /// Functions that read lines from people.
    pub(crate) lines: Option<Lines>,
}

impl Seek<'_> {
    fn wants(&self, library: Option<&str>) -> bool {
        self.libs.is_empty() || library.is_some_and(|name| self.libs.contains(&name))
    }
}

/// What there is to probe in a file.
#[derive(Debug, Default)]
pub(crate) struct Carried {
    /// The library, if its symbols say which.
    pub(crate) name: Option<&'static str>,
    /// Functions that move plaintext.
    pub(crate) placements: Vec<Placement>,
    /// Instructions in functions that move plaintext at which the connection is the first
    /// argument, if keys were asked for.
    pub(crate) calls: Vec<u64>,
    /// Where keys can be read, or why they can't; `None`: that was not asked.
    pub(crate) keys: Option<Result<KeySites, String>>,
    /// Where lines are read.
    pub(crate) lines: Vec<lines::Place>,
}

impl Carried {
    /// What there is to say of it.
    pub(crate) fn probed(&self) -> Vec<Probed> {
        let keys = self.keys.iter().flatten().flat_map(keys::probed);
        let lines = self.lines.iter().map(lines::probed);
        self.placements.iter().map(Placement::probed).chain(keys).chain(lines).collect()
    }
}

/// Judges a file that goes by this name where it was found.
pub(crate) fn look(file: &File, path: &str, seek: Seek<'_>) -> Look {
    let lines = seek.lines.is_some();
    match examine(file, seek) {
        Ok(Found::Target(carried)) => Look::Target(carried),
        Ok(Found::Known(known)) => Look::Passed(known),
        Ok(Found::Nothing) => Look::NoTls,
        // Only a file that goes by a library's name is worth a word if it can't be read.
        Err(error) if !lines && looks_like_tls(path) => {
            Look::Passed(Known { name: None, reason: error.to_string() })
        }
        Err(_) => Look::NoTls,
    }
}

/// Whether a name is that of a TLS library.
pub(crate) fn looks_like_tls(path: &str) -> bool {
    let name = Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    TARGETS.iter().flat_map(|target| target.files).any(|known| name.starts_with(known))
}

static WANTED: OnceLock<HashMap<&'static [u8], Numbered>> = OnceLock::new();

/// Every symbol that means something, for one look at each symbol of a file.
fn wanted() -> HashMap<&'static [u8], Numbered> {
    let rows = target::rows()
        .filter(|(_, _, row)| row.behind.is_empty() && !row.is_go())
        .map(|(number, _, row)| (row.symbol.as_bytes(), (number, row)));
    rows.collect()
}

/// Reads what a file carries out of its symbols, and for keys out of its code.
pub(crate) fn examine(file: &File, seek: Seek<'_>) -> Result<Found, ElfError> {
    let image = Image::open(file)?;
    if let Some(lines) = seek.lines {
        let lines = lines::find(&image, lines)?;
        let carried = Carried { lines, ..Carried::default() };
        return Ok(if carried.lines.is_empty() { Found::Nothing } else { Found::Target(carried) });
    }
    let wanted = WANTED.get_or_init(wanted);
    let found = image.functions(|name| wanted.get(name).copied())?;
    let mut functions: Vec<Function<Numbered>> = Vec::new();
    for function in found {
        // Two rows at one instruction would count its calls twice.
        if functions.iter().all(|known| known.offset != function.offset) {
            functions.push(function);
        }
    }
    let mut go = golang::placements(&image);
    // The end of connections alone is nothing to look at.
    let of = |function: &Function<Numbered>| target::of_row(function.what.0);
    let tells = |row: &Row| row.returns() && !row.is_marked();
    let target = functions.iter().find(|function| tells(function.what.1)).and_then(of);
    let name = target.or_else(|| go.first().and_then(|go| target::of_row(go.row.0)));
    functions.retain(|function| seek.wants(of(function)));
    go.retain(|go| seek.wants(target::of_row(go.row.0)));
    let moving = functions.iter().find(|function| function.what.1.returns());
    // What has no name may compute secrets for what has one.
    if name.is_some() && moving.is_none() && go.is_empty() && !seek.wants(name) {
        return Ok(Found::Nothing);
    }
    let wanted = moving.is_some() && (seek.plaintext || seek.keys.is_some());
    let mut placements = if wanted { plan(&image, &functions) } else { Vec::new() };
    let first =
        |placement: &&Placement| matches!(placement.row.1.op, Op::Call(Call { conn: 0, .. }));
    let mut calls: Vec<u64> = Vec::new();
    if seek.keys.is_some() {
        calls.extend(placements.iter().filter(first).map(|placement| placement.offset));
    }
    placements.extend(go);
    if !seek.plaintext {
        placements.clear();
    }
    let only_helps = !seek.wants(name);
    let keys = seek.keys.map(|finder| finder.find_parts(file));
    if only_helps && keys.as_ref().is_some_and(|keys| keys.as_ref().is_ok_and(KeySites::logs)) {
        return Ok(Found::Nothing);
    }
    if !placements.is_empty() || matches!(keys, Some(Ok(_))) {
        return Ok(Found::Target(Carried { name, placements, calls, keys, lines: Vec::new() }));
    }
    let Some(library) = name else { return Ok(Found::Nothing) };
    let reason = match keys {
        Some(Err(why)) => format!("{library}: {why}"),
        _ => format!("{library} is not supported yet"),
    };
    Ok(Found::Known(Known { name, reason }))
}

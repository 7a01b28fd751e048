//! Lines that people type: from what a file defines to the instructions at which they are read and
//! rows of the kernel half's table.
#![forbid(unsafe_code)]

mod rows;

use abi::LineVar;

use crate::attach::{At, Stand};
use crate::elf::{ElfError, FileCode, Image};
use crate::plan::{ARCH, Probed};
use crate::site::{self, Need};
use crate::table::Table;

pub use rows::Lines;
use rows::{Op, Row, Target};

/// An instruction at which a line is read.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    offset: u64,
    row: abi::LineSite,
    programs: &'static [At],
    probed: Probed,
}

impl Lines {
    /// Functions of which a file must define some.
    pub(crate) fn wanted(self) -> Vec<&'static str> {
        self.target().rows.iter().map(|row| row.symbol).take(2).collect()
    }
}

/// Where a file reads lines; nowhere, if it does not.
pub(crate) fn find(image: &Image<'_>, lines: Lines) -> Result<Vec<Place>, ElfError> {
    let target = lines.target();
    let row = |name: &[u8]| target.rows.iter().find(|row| row.symbol.as_bytes() == name);
    let functions = image.functions(row)?;
    if functions.is_empty() {
        return Ok(Vec::new());
    }
    let vars = Vars::of(image, target)?;
    let code = FileCode::open(image);
    let mut places: Vec<Place> = Vec::new();
    for function in functions.into_iter().filter(|function| vars.suffice(function.what)) {
        let site = site::choose(&code, ARCH, function.address, need(function.what.op));
        let Some(offset) = image.offset_of(site.va) else { continue };
        let probed = Probed { symbols: vec![function.what.symbol], site: site.to_string() };
        let row = vars.row(function.what, site.va);
        places.push(Place { offset, row, programs: programs(function.what.op), probed });
    }
    Ok(places)
}

/// The places as probes; and what has no room, and why.
pub(crate) fn stands(
    places: &[Place],
    table: &mut Table,
) -> (Vec<Stand>, Vec<(&'static str, String)>) {
    let (mut stands, mut failed) = (Vec::new(), Vec::new());
    for place in places {
        let Place { offset, row, programs, probed } = place.clone();
        match table.number(&row.to_bytes()) {
            Ok(number) => stands.push(Stand { offset, number, programs, probed }),
            Err(error) => failed.push((probed.symbols[0], error.to_string())),
        }
    }
    (stands, failed)
}

/// What there is to say of a place.
pub(crate) fn probed(place: &Place) -> Probed {
    place.probed.clone()
}

/// The variables that a file defines, by their addresses in it.
struct Vars(Vec<(LineVar, u64)>);

impl Vars {
    fn of(image: &Image<'_>, target: &Target) -> Result<Self, ElfError> {
        let var = |name: &[u8]| {
            let found = target.vars.iter().find(|(_, symbol)| symbol.as_bytes() == name);
            found.map(|(var, _)| *var)
        };
        Ok(Self(image.variables(var)?))
    }

    /// Whether there are those without which a row says nothing.
    fn suffice(&self, row: &Row) -> bool {
        let has = |wanted: LineVar| self.0.iter().any(|(var, _)| *var == wanted);
        match row.op {
            Op::Reads { .. } | Op::Returns | Op::Waits { .. } => true,
            Op::Replaces(_) => has(LineVar::Interactive) && has(LineVar::Status),
            Op::Shows => has(LineVar::Status),
            Op::Holds => has(LineVar::Begin) && has(LineVar::End),
        }
    }

    /// The row as the kernel half reads it at an instruction.
    fn row(&self, row: &Row, va: u64) -> abi::LineSite {
        let mut site = abi::LineSite::default();
        for (var, address) in &self.0 {
            site.vars[*var as usize] = address.wrapping_sub(va);
            site.known |= 1 << *var as u8;
        }
        (site.arg, site.flags) = match row.op {
            Op::Reads { prompt, shells: true } => (prompt, abi::LINE_SITE_SHELLS),
            Op::Reads { prompt, shells: false } => (prompt, 0),
            Op::Returns => (0, abi::LINE_SITE_INNER),
            Op::Waits { context } => (context, abi::LINE_SITE_CONTEXT),
            Op::Replaces(text) => (text, 0),
            Op::Holds => (0, abi::LINE_SITE_META),
            Op::Shows => (0, 0),
        };
        site
    }
}

fn need(op: Op) -> Need {
    match op {
        Op::Reads { prompt, .. } => Need { args: 1 << prompt, returns: true },
        Op::Replaces(text) => Need { args: 1 << text, returns: true },
        Op::Waits { context } => Need { args: 1 << context, returns: false },
        Op::Returns => Need { args: 0, returns: true },
        Op::Holds | Op::Shows => Need { args: 0, returns: false },
    }
}

fn programs(op: Op) -> &'static [At] {
    match op {
        Op::Reads { .. } => &[("line_waits", false), ("line_read", true)],
        Op::Returns => &[("line_read", true)],
        Op::Waits { .. } => &[("line_waits", false)],
        Op::Replaces(_) => &[("line_looked_at", false), ("line_replaced", true)],
        Op::Holds => &[("line_whole", false)],
        Op::Shows => &[("line_known", false)],
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn found(path: &str, lines: Lines) -> Vec<(&'static str, u8)> {
        let file = File::open(path).unwrap();
        let image = Image::open(&file).unwrap();
        let places = find(&image, lines).unwrap();
        places.iter().map(|place| (place.probed.symbols[0], place.row.known)).collect()
    }

    /// bash is part of every Debian system.
    #[test]
    fn a_shell_has_functions_and_variables() {
        let mut rows = found("/bin/bash", Lines::Bash);
        rows.sort_unstable();
        let all = 0b1111;
        let expected =
            [("decode_prompt_string", all), ("pre_process_line", all), ("readline", all)];
        assert_eq!(rows, expected);
        assert!(found("/bin/bash", Lines::Zsh).is_empty());
    }

    #[test]
    fn what_reads_no_lines_has_no_place() {
        for lines in [Lines::Bash, Lines::Zsh, Lines::Readline] {
            assert!(found("/proc/self/exe", lines).is_empty());
        }
    }
}

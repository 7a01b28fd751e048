//! Functions of Go programs: found in Go's own table, with symbols or without, and where to stand
//! in them.
#![forbid(unsafe_code)]

mod shape;
mod table;

use crate::elf::{FileCode, Image};
use crate::plan::{ARCH, Placement};
use crate::target;
use table::Table;

/// The rows of Go's that a program has, with their probes.
pub(crate) fn placements(image: &Image<'_>) -> Vec<Placement> {
    let Some((bytes, address)) = image.go_table() else { return Vec::new() };
    let Some(table) = Table::parse(&bytes) else { return Vec::new() };
    let text = match table.text {
        // If it is wrong, no function there begins as Go's do.
        0 => image.relocated(address + Table::TEXT_AT).or_else(|| image.text()).unwrap_or_default(),
        text => text,
    };
    let code = FileCode::open(image);
    let placed = target::rows().filter(|(.., row)| row.is_go()).map(|(number, _, row)| {
        let range = table.find(row.symbol)?;
        let range = range.start.checked_add(text)?..range.end.checked_add(text)?;
        let shape = shape::shape(&code, ARCH, &range)?;
        let returns = if row.returns() { shape.returns.as_slice() } else { &[] };
        let returns = returns.iter().map(|&va| image.offset_of(va)).collect::<Option<_>>()?;
        Some(Placement {
            row: (number, row),
            offset: image.offset_of(shape.entry.va)?,
            returns,
            serves: vec![row.symbol],
            site: shape.entry.to_string(),
        })
    });
    placed.flatten().collect()
}

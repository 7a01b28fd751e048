//! Probe sites: cases made by hand, random prologues run in simulators, and real libraries.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may fail, and shows its table"
)]

use std::ops::Range;

use ecapture_probe::site::Code;

mod arm64;
mod cases;
mod corpus;
mod elf;
mod emulated;
mod wide;
mod x86;

/// Functions laid out one after the other.
struct Bytes {
    base: u64,
    code: Vec<u8>,
    /// Where each function begins; empty where nothing is known about that.
    starts: Vec<u64>,
    /// Import slots and what they are bound to.
    slots: Vec<(u64, u64)>,
}

impl Bytes {
    /// One function at `base`.
    fn function(base: u64, code: Vec<u8>) -> Bytes {
        Bytes { base, code, starts: vec![base], slots: Vec::new() }
    }

    /// Functions at multiples of 256 bytes.
    fn functions(base: u64, functions: &[&[u8]]) -> Bytes {
        let mut code = Vec::new();
        let mut starts = Vec::new();
        for function in functions {
            starts.push(base + code.len() as u64);
            code.extend_from_slice(function);
            code.resize(code.len().next_multiple_of(0x100), 0x90);
        }
        Bytes { base, code, starts, slots: Vec::new() }
    }
}

impl Code for Bytes {
    fn at(&self, va: u64, max: usize) -> &[u8] {
        let rest = va.checked_sub(self.base).and_then(|at| self.code.get(at as usize..));
        rest.map_or(&[], |rest| &rest[..max.min(rest.len())])
    }

    fn extent(&self, va: u64) -> Option<Range<u64>> {
        let end = self.base + self.code.len() as u64;
        let after = self.starts.partition_point(|&start| start <= va);
        let start = *self.starts.get(after.checked_sub(1)?)?;
        Some(start..self.starts.get(after).copied().unwrap_or(end))
    }

    fn slot(&self, va: u64) -> Option<u64> {
        self.slots.iter().find(|(slot, _)| *slot == va).map(|(_, to)| *to)
    }
}

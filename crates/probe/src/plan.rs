//! From the functions that a file defines to the probes that stand in it: which function answers
//! for which, and at which instruction.
//!
//! Several exported functions may hand their calls to one inner function; a probe there serves
//! them all and stands cheaper. A function whose way to the inner one is not proved keeps a probe
//! of its own: the kernel half counts a call inside a call once.
#![forbid(unsafe_code)]

use std::collections::HashSet;
use std::fmt;

use crate::attach::{At, Stand};
use crate::elf::{FileCode, Function, Image};
use crate::site::{self, Arch, Inner, Need, Site, Value};
use crate::target::{self, Call, Len, Op, Row};

/// A row and its number.
pub(crate) type Numbered = (u16, &'static Row);

/// One function to probe, and where.
#[derive(Debug, Clone)]
pub(crate) struct Placement {
    /// The function, as its row reads it.
    pub(crate) row: Numbered,
    /// The instruction, as an offset into the file.
    pub(crate) offset: u64,
    /// Instructions at which such a function returns, where a return probe can't be.
    pub(crate) returns: Vec<u64>,
    /// The exported functions whose calls it sees.
    pub(crate) serves: Vec<&'static str>,
    /// Where the instruction stands and what a hit costs, for people.
    pub(crate) site: String,
}

impl Placement {
    /// The programs that run there.
    pub(crate) fn stands(&self) -> Vec<Stand> {
        let programs: &[At] = match self.row.1.op {
            Op::Call(_) if self.row.1.is_go() => &[("go_entry", false)],
            Op::Call(_) | Op::Again(_) => &[("buf_entry", false), ("buf_return", true)],
            Op::End(_) | Op::Reset(_) => &[("conn_end", false)],
            Op::Mark => &[("conn_mark", true)],
        };
        let stand =
            |offset, programs, probed| Stand { offset, number: self.row.0, programs, probed };
        let silent = || Probed { symbols: Vec::new(), site: self.site.clone() };
        let returns = self.returns.iter().map(|&at| stand(at, &[("go_return", false)], silent()));
        std::iter::once(stand(self.offset, programs, self.probed())).chain(returns).collect()
    }

    /// What there is to say of it.
    pub(crate) fn probed(&self) -> Probed {
        Probed { symbols: self.serves.clone(), site: self.site.clone() }
    }
}

/// Functions that are probed at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// Their symbols.
    pub symbols: Vec<&'static str>,
    /// Where the probe stands and what a hit costs: `inner+0, emulated`.
    pub site: String,
}

impl fmt::Display for Probed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (site: {})", self.symbols.join(" "), self.site)
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) const ARCH: Arch = Arch::X86_64;
#[cfg(target_arch = "aarch64")]
pub(crate) const ARCH: Arch = Arch::Arm64;

/// Chooses the probes for a file's functions.
pub(crate) fn plan(image: &Image<'_>, functions: &[Function<Numbered>]) -> Vec<Placement> {
    let code = FileCode::open(image);
    let mut left: Vec<&Function<Numbered>> = functions.iter().collect();
    let mut placements = Vec::new();
    for (number, _, row) in target::rows().filter(|(_, _, row)| !row.behind.is_empty()) {
        let Some(inner) = behind(&code, row, functions) else { continue };
        let need = Need { args: row.reads(), returns: row.returns() };
        let site = inner.site(&code, ARCH, need);
        let Some(offset) = image.offset_of(site.va) else { continue };
        let mut serves = Vec::new();
        left.retain(|function| {
            let served = row.behind.contains(&function.what.1.symbol)
                && is_covered(&code, function, row, &inner);
            if served {
                serves.push(function.what.1.symbol);
            }
            !served
        });
        if !serves.is_empty() {
            placements.push(Placement {
                row: (number, row),
                offset,
                returns: Vec::new(),
                serves,
                site: site.to_string(),
            });
        }
    }
    let others = left.clone();
    left.retain(|function| hands_over(&code, function, &others).is_none());
    for function in left {
        let handed = others.iter().filter(|other| {
            hands_over(&code, other, &others).is_some_and(|to| to.address == function.address)
        });
        let serves = std::iter::once(function).chain(handed.copied());
        let serves = serves.map(|function| function.what.1.symbol).collect();
        placements.extend(own(image, &code, function, serves));
    }
    placements.sort_by_key(|placement| placement.row.0);
    // Two rows at one instruction would count its calls twice.
    let mut taken = HashSet::new();
    placements.retain(|placement| taken.insert(placement.offset));
    placements
}

/// The function that the first of a row's wrappers hands its calls to, if it is the row's.
fn behind(code: &FileCode<'_>, row: &Row, functions: &[Function<Numbered>]) -> Option<Inner> {
    let wrapper = functions.iter().find(|function| function.what.1.symbol == row.behind[0])?;
    let inner = site::inner(code, ARCH, wrapper.address, 3)?;
    let passes = inner.args[0] == Value::Arg(0)
        && inner.args[1] == Value::Arg(1)
        && matches!(inner.args[2], Value::Arg(2) | Value::SignExtended(2) | Value::ZeroExtended(2));
    let Op::Call(Call { len: Len::Out(out), .. }) = row.op else { return None };
    // A function with a row of its own has its own meaning.
    let exported = functions.iter().any(|function| function.address == inner.va);
    (passes && inner.count == Some(out) && !exported).then_some(inner)
}

/// Whether every byte that a function moves goes through the inner one.
fn is_covered(
    code: &FileCode<'_>,
    function: &Function<Numbered>,
    row: &Row,
    inner: &Inner,
) -> bool {
    let symbol = function.what.1.symbol;
    if symbol == row.behind[0] {
        return true;
    }
    let (Op::Call(there), Op::Call(here)) = (&row.op, &function.what.1.op) else { return false };
    let (Len::Out(there), Len::Out(here)) = (there.len, here.len) else { return false };
    let same = [(0, 0), (1, 1), (2, 2), (usize::from(there), here)];
    site::covered(code, ARCH, function.address, usize::from(here) + 1, inner.va, &same)
}

/// The other function of the same meaning that a function hands every call to, as it came.
fn hands_over<'a>(
    code: &FileCode<'_>,
    function: &Function<Numbered>,
    all: &[&'a Function<Numbered>],
) -> Option<&'a Function<Numbered>> {
    let Op::Call(call) = function.what.1.op else { return None };
    let args = (0..6u8).filter(|n| function.what.1.reads() & (1 << n) != 0);
    let same: Vec<(usize, u8)> = args.map(|n| (usize::from(n), n)).collect();
    let count = same.last().map_or(0, |(last, _)| last + 1);
    let alike = |other: &&&Function<Numbered>| {
        matches!(other.what.1.op, Op::Call(there) if there == call)
            && other.address != function.address
    };
    let covers = |other: &&&Function<Numbered>| {
        site::covered(code, ARCH, function.address, count, other.address, &same)
    };
    all.iter().filter(alike).find(covers).copied()
}

/// A probe on a function itself.
fn own(
    image: &Image<'_>,
    code: &FileCode<'_>,
    function: &Function<Numbered>,
    serves: Vec<&'static str>,
) -> Option<Placement> {
    let row = function.what.1;
    let need = Need { args: row.reads(), returns: row.returns() };
    let site: Site = site::choose(code, ARCH, function.address, need);
    Some(Placement {
        row: function.what,
        offset: image.offset_of(site.va)?,
        returns: Vec::new(),
        serves,
        site: site.to_string(),
    })
}

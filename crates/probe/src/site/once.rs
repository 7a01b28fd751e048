//! The proof that a call passes a site exactly once.
//!
//! [`super::choose`] walks straight down from the entry, so a call passes the site at least once.
//! What is left to show is that nothing leads back to between the two. All branches of the
//! function and of the parts it branches to (a part that the compiler moved away, or the function
//! of a tail call) are looked at. A jump through a register or a table could lead anywhere, but
//! not back if the stack pointer differs: compilers keep it at one distance from the caller's
//! frame per instruction, or nothing could unwind.

use std::{collections::HashSet, ops::Range};

use super::{
    Arch, Code,
    insn::{self, Flow, Set, State},
};

/// Bytes that are looked through at most: of one part, and of all parts besides the function's own.
const LONGEST: u64 = 1 << 16;
const LONGEST_PARTS: u64 = 1 << 18;
/// How many such parts, and how many jumps through tables.
const MOST: usize = 64;

/// Answers with something if nothing branches to after `entry` up to and including `site`.
pub(super) fn proof<C: Code + ?Sized>(code: &C, arch: Arch, entry: u64, site: u64) -> Option<()> {
    if site == entry {
        return Some(());
    }
    let own = code.extent(entry).filter(|own| own.start == entry && own.contains(&site))?;
    let outside = |to: u64| (to <= entry || to > site).then_some(());
    let mut parts: Vec<Range<u64>> = Vec::new();
    let mut tables = Vec::new();
    branches(code, arch, &own, |from, leaves| {
        match leaves {
            Leaves::To(to) if own.contains(&to) => outside(to)?,
            Leaves::To(to) if parts.iter().any(|part| part.contains(&to)) => {}
            Leaves::To(to) if insn::stub(code, arch, to).is_some() => {}
            Leaves::To(to) => parts.push(code.extent(to)?),
            Leaves::Pointer => {}
            Leaves::Anywhere => tables.push(from),
        }
        let length: u64 = parts.iter().map(|part| part.end - part.start).sum();
        (length <= LONGEST_PARTS && parts.len() <= MOST && tables.len() <= MOST).then_some(())
    })?;
    for part in &parts {
        // A table in another part leads within that part: only its direct branches count.
        branches(code, arch, part, |_, leaves| match leaves {
            Leaves::To(to) => outside(to),
            Leaves::Pointer | Leaves::Anywhere => Some(()),
        })?;
    }
    let near = sp_deltas(code, arch, entry, site)?;
    let framed =
        |from: &u64| sp_delta_at(code, arch, &own, *from).is_some_and(|d| !near.contains(&d));
    tables.iter().all(framed).then_some(())
}

/// A way out of a straight line, other than a call.
enum Leaves {
    To(u64),
    /// Through a pointer kept in memory: a tail call.
    Pointer,
    Anywhere,
}

/// Hands every branch of a stretch of code to `see`, as long as that answers with something.
fn branches<C: Code + ?Sized>(
    code: &C,
    arch: Arch,
    part: &Range<u64>,
    mut see: impl FnMut(u64, Leaves) -> Option<()>,
) -> Option<()> {
    if part.end - part.start > LONGEST {
        return None;
    }
    // Registers loaded from a pointer in memory since the last change of control.
    let mut pointers = 0u32;
    let mut va = part.start;
    while va < part.end {
        let insn = insn::decode(code, arch, va)?;
        match insn.flow {
            Flow::Jump(to) | Flow::Branch(to, _) => see(va, Leaves::To(to))?,
            Flow::JumpReg(reg) if pointers & (1 << reg) != 0 => see(va, Leaves::Pointer)?,
            Flow::JumpMem { plain: true, .. } => see(va, Leaves::Pointer)?,
            Flow::JumpReg(_) | Flow::JumpMem { .. } => see(va, Leaves::Anywhere)?,
            Flow::Next | Flow::Call(_) | Flow::Return | Flow::Stop => {}
        }
        pointers &= !insn.writes;
        if let Some((reg, Set::Load { .. })) = insn.set {
            pointers |= 1 << reg;
        }
        if insn.flow != Flow::Next {
            pointers = 0;
        }
        va = va.checked_add(insn.len)?;
    }
    Some(())
}

/// Where the stack pointer stands, from that at entry, at each instruction after the entry up to
/// and including the site.
fn sp_deltas<C: Code + ?Sized>(code: &C, arch: Arch, entry: u64, site: u64) -> Option<Vec<i64>> {
    let mut state = State::at_entry(arch, 0);
    let (mut va, mut deltas) = (entry, Vec::new());
    while va < site {
        let insn = insn::decode(code, arch, va)?;
        state.apply(arch, &insn);
        deltas.push(state.sp_delta(arch)?);
        va = va.checked_add(insn.len)?;
    }
    Some(deltas)
}

/// Where it stands at the instruction `wanted` of a function, on the first way that leads there.
fn sp_delta_at<C: Code + ?Sized>(
    code: &C,
    arch: Arch,
    own: &Range<u64>,
    wanted: u64,
) -> Option<i64> {
    let mut seen = HashSet::new();
    let mut ways = vec![(own.start, State::at_entry(arch, 0))];
    while let Some((va, mut state)) = ways.pop() {
        if va == wanted {
            return state.sp_delta(arch);
        }
        if !own.contains(&va) || !seen.insert(va) {
            continue;
        }
        let insn = insn::decode(code, arch, va)?;
        let next = va.checked_add(insn.len)?;
        match insn.flow {
            Flow::Next => state.apply(arch, &insn),
            Flow::Call(_) => state.forget(arch.volatile()),
            Flow::Branch(to, _) => ways.push((to, state)),
            Flow::Jump(to) => {
                ways.push((to, state));
                continue;
            }
            Flow::JumpReg(_) | Flow::JumpMem { .. } | Flow::Return | Flow::Stop => continue,
        }
        ways.push((next, state));
    }
    None
}

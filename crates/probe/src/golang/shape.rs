//! Where to stand in a Go function: behind the check of its stack, and at every return.
//!
//! A return probe as C has it is out of the question: it replaces the return address, and a Go stack
//! is read, copied and unwound by the runtime. So the function's own returns are found by decoding
//! it from its first to its last instruction.

use std::ops::Range;

use crate::site::{Arch, Code, Cost, Flow, Place, Site, decode};

/// Bytes of one function, at most.
const LONGEST: u64 = 64 << 10;
/// Returns of one function, at most.
const RETURNS: usize = 64;

/// A function's probes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// At which the arguments and the stack pointer are as they came. A call whose stack was too
    /// small comes here twice.
    pub(super) entry: Site,
    /// At which the results are in their registers, and the stack pointer is as it was.
    pub(super) returns: Vec<u64>,
}

/// Looks at the function that these addresses hold; `None` if it is not built as expected.
pub(super) fn shape<C: Code + ?Sized>(code: &C, arch: Arch, at: &Range<u64>) -> Option<Shape> {
    if arch != Arch::X86_64 || at.end.checked_sub(at.start)? > LONGEST {
        return None;
    }
    Some(Shape { entry: entry(code, at.start)?, returns: returns(code, at)? })
}

/// `cmp rsp, [r14+16]`, of frames that are not small `lea r12, [rsp-N]` and `cmp r12, [r14+16]`;
/// then `jbe`. By `r14` it is told that arguments come in registers, too (Go 1.17).
fn entry<C: Code + ?Sized>(code: &C, start: u64) -> Option<Site> {
    const SMALL: [u8; 4] = [0x49, 0x3b, 0x66, 0x10];
    const LARGE: [u8; 4] = [0x4d, 0x3b, 0x66, 0x10];
    let mut at = start;
    if !code.at(at, 4).starts_with(&SMALL) {
        // lea r12, [rsp+disp8] or [rsp+disp32]
        at = at.checked_add(match *code.at(at, 4).first_chunk::<4>()? {
            [0x4c, 0x8d, 0x64, 0x24] => 5,
            [0x4c, 0x8d, 0xa4, 0x24] => 8,
            _ => return None,
        })?;
        if !code.at(at, 4).starts_with(&LARGE) {
            return None;
        }
    }
    at = at.checked_add(4)?;
    let branch = decode(code, Arch::X86_64, at)?;
    if !branch.cheap || !matches!(branch.flow, Flow::Branch(..)) {
        return None;
    }
    Some(Site { va: at, cost: Cost::Emulated, place: Place::Within(at - start), sp_delta: 0 })
}

fn returns<C: Code + ?Sized>(code: &C, at: &Range<u64>) -> Option<Vec<u64>> {
    let (mut va, mut found) = (at.start, Vec::new());
    while va < at.end {
        // Between and behind functions.
        if code.at(va, 1) == [0xcc] {
            va += 1;
            continue;
        }
        let insn = decode(code, Arch::X86_64, va)?;
        if insn.flow == Flow::Return {
            found.push(va);
        }
        va = va.checked_add(insn.len)?;
    }
    (va == at.end && (1..=RETURNS).contains(&found.len())).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes(&'static [u8]);

    impl Code for Bytes {
        fn at(&self, va: u64, max: usize) -> &[u8] {
            let rest = self.0.get(va as usize..).unwrap_or_default();
            &rest[..rest.len().min(max)]
        }
    }

    fn found(bytes: &'static [u8]) -> Option<(u64, Vec<u64>)> {
        let shape = shape(&Bytes(bytes), Arch::X86_64, &(0..bytes.len() as u64))?;
        Some((shape.entry.va, shape.returns))
    }

    /// cmp rsp, [r14+16]; jbe +4; ret; ret; xor eax, eax; int3
    const SMALL: &[u8] = &[0x49, 0x3b, 0x66, 0x10, 0x76, 0x02, 0xc3, 0xc3, 0x31, 0xc0, 0xcc];
    /// lea r12, [rsp-104]; cmp r12, [r14+16]; jbe (32-bit); ret
    const LARGE: &[u8] =
        &[0x4c, 0x8d, 0x64, 0x24, 0x98, 0x4d, 0x3b, 0x66, 0x10, 0x0f, 0x86, 0, 0, 0, 0, 0xc3];

    #[test]
    fn every_return_is_found() {
        assert_eq!(found(SMALL), Some((4, vec![6, 7])));
        assert_eq!(found(LARGE), Some((9, vec![15])));
    }

    #[test]
    fn what_is_not_built_so_is_left_alone() {
        // No check of the stack; one by another register; no return; an instruction cut in two.
        for bytes in
            [&SMALL[6..], &[0x48, 0x3b, 0x66, 0x10, 0x76, 0, 0xc3], &SMALL[..6], &LARGE[..12]]
        {
            assert_eq!(found(bytes), None, "{bytes:x?}");
        }
    }
}

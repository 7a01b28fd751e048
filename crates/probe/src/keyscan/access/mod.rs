//! What an instruction reads from memory or writes to it: the part that [`site`](crate::site)
//! leaves out, since a probe's place does not depend on it.

mod arm64;
mod x86;

use crate::site::{self, Arch, Code, Insn};

/// An instruction with its access.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) insn: Insn,
    pub(super) access: Option<Access>,
    /// A vector register that it changes in another way than by that access.
    pub(super) vector: Option<u8>,
    /// It moves one of two registers to a third, by a condition.
    pub(super) choice: Option<Choice>,
}

/// A conditional move between general registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) to: u8,
    pub(super) from: [u8; 2],
}

/// An access to memory, at `base + index + disp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Access {
    pub(super) writes: bool,
    /// Without it, `disp` is the address.
    pub(super) base: Option<u8>,
    /// A register, of which so many times its value is added.
    pub(super) index: Option<(u8, u8)>,
    pub(super) disp: i64,
    /// Bytes per register.
    pub(super) size: u8,
    /// What the bytes go to or come from, if they are moved as they are.
    pub(super) regs: [Option<Reg>; 2],
}

/// What bytes are moved to or from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reg {
    General(u8),
    Vector(u8),
    /// No register: a number that is stored.
    Number(i64),
}

/// Decodes the instruction at `va`.
pub(super) fn decode<C: Code + ?Sized>(code: &C, arch: Arch, va: u64) -> Option<Step> {
    let insn = site::decode(code, arch, va)?;
    let bytes = code.at(va, usize::try_from(insn.len).ok()?);
    let (access, vector, choice) = match arch {
        Arch::X86_64 => x86::access(bytes, va),
        Arch::Arm64 => arm64::access(bytes),
    };
    Some(Step { insn, access, vector, choice })
}

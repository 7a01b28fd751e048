//! Where a probe should stand in a function's machine code.
//!
//! Under a breakpoint the kernel emulates a few instructions and single-steps all others out of
//! line, which costs several times as much (about 18 times as much in a virtual machine). The
//! first instruction of a library function is often one of the slow ones, so [`choose`] looks for
//! the first emulated instruction that every call passes exactly once and at which the arguments,
//! and for a return probe the stack pointer too, still hold what they held at entry. Whatever it
//! can't prove sends it back to the function's entry, which is always right.
//!
//! [`inner`] looks through a thin wrapper (`SSL_read`) at the function that does the work, and
//! [`covered`] tells whether another wrapper (`SSL_read_ex`) ends up in the same place.
//!
//! Pure functions over bytes: nothing here reads a file, and hostile bytes only lead to the entry.
#![forbid(unsafe_code)]

use std::{fmt, ops::Range};

mod arm64;
mod extents;
mod inner;
mod insn;
mod once;
mod x86;

pub use extents::Extents;
pub use inner::{Inner, covered, inner};
use insn::State;
pub use insn::Value;
pub(crate) use insn::{Flow, Insn, Set, decode, stub};

/// How far into a function a site may lie, in instructions. Prologues are shorter.
const REACH: usize = 24;

/// The code of one ELF file, by its virtual addresses.
pub trait Code {
    /// Up to `max` bytes of an executable segment that begin at `va`; fewer or none at its end.
    fn at(&self, va: u64, max: usize) -> &[u8];

    /// The stretch of code that `va` lies in: a whole function, or one part of a function that the
    /// compiler split. [`Extents`] knows. Without it only sites at a function's entry are proved.
    fn extent(&self, _va: u64) -> Option<Range<u64>> {
        None
    }

    /// The function of this same file that the import slot (GOT entry) at `va` is bound to, if its
    /// relocation names a function that the file defines itself.
    fn slot(&self, _va: u64) -> Option<u64> {
        None
    }
}

/// Instruction sets whose probe costs are known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arch {
    /// x86-64, System V calling convention.
    X86_64,
    /// AArch64, little endian.
    Arm64,
}

/// What a probe reads at its site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Bit n: argument n, counted from 0, must be in its register.
    pub args: u8,
    /// A return probe stands here too: stack pointer and return address as they were at entry.
    pub returns: bool,
}

/// What the kernel does to get past a probed instruction.
///
/// `Emulated` counts only what every kernel since 5.8 emulates: on x86-64 push of a register, `nop`
/// in its one-byte form, and direct call, jmp and jcc; on AArch64 all branches, adr and adrp.
/// Longer nops are not among them: only newer kernels emulate them, and older than 6.2 refuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// Done by the kernel in place: cheap.
    Emulated,
    /// Executed out of line under single-step: dear.
    Stepped,
}

/// Where a site lies, seen from the symbol that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The symbol's first instruction.
    Entry,
    /// So many bytes past the symbol.
    Within(u64),
    /// In the function at `function` that the symbol hands its call to, `offset` bytes in.
    Inner {
        /// The inner function's first instruction.
        function: u64,
        /// Bytes past it.
        offset: u64,
    },
}

/// A chosen probe site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// The instruction to probe, for the entry and the return probe alike.
    pub va: u64,
    /// What a hit costs.
    pub cost: Cost,
    /// Where it lies.
    pub place: Place,
    /// Stack pointer at the site minus stack pointer at entry; 0 where a return probe may stand.
    pub sp_delta: i64,
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Entry => f.write_str("entry")?,
            Place::Within(offset) => write!(f, "entry+{offset}")?,
            Place::Inner { offset, .. } => write!(f, "inner+{offset}")?,
        }
        write!(f, ", {}", self.cost)
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cost::Emulated => "emulated",
            Cost::Stepped => "single-stepped",
        })
    }
}

/// Chooses the site for a probe on the function that begins at `function`.
pub fn choose<C: Code + ?Sized>(code: &C, arch: Arch, function: u64, need: Need) -> Site {
    let found = within(code, arch, function, |state| serves(state, arch, need).then_some(()));
    found.map_or_else(|| entry(code, arch, function), |(site, ())| site)
}

/// The same for an entry probe that can read an argument in any register that it was moved to: the
/// site, and the registers of the first six arguments there. Of those in `args` (bit n: argument
/// n) they are right; all at the function's entry.
pub fn choose_moved<C: Code + ?Sized>(
    code: &C,
    arch: Arch,
    function: u64,
    args: u8,
) -> (Site, [u8; 6]) {
    let own = |n: u8| arch.args().get(usize::from(n)).copied().unwrap_or(0);
    let at_entry = [0, 1, 2, 3, 4, 5].map(own);
    let found = within(code, arch, function, |state| {
        state.sp_delta(arch)?;
        let mut regs = at_entry;
        for (n, reg) in (0u8..).zip(&mut regs).filter(|(n, _)| args & (1 << n) != 0) {
            *reg = state.holder(*reg, n)?;
        }
        Some(regs)
    });
    found.unwrap_or_else(|| (entry(code, arch, function), at_entry))
}

/// The function's first instruction.
fn entry<C: Code + ?Sized>(code: &C, arch: Arch, function: u64) -> Site {
    let cost = cost(code, arch, function);
    Site { va: function, cost, place: Place::Entry, sp_delta: 0 }
}

/// What a probe at an instruction costs.
pub fn cost<C: Code + ?Sized>(code: &C, arch: Arch, va: u64) -> Cost {
    let cheap = decode(code, arch, va).is_some_and(|insn| insn.cheap);
    if cheap { Cost::Emulated } else { Cost::Stepped }
}

/// The first emulated instruction that serves, and what `serves` says of it; or nothing if none
/// is proved.
fn within<C: Code + ?Sized, T>(
    code: &C,
    arch: Arch,
    function: u64,
    serves: impl Fn(&State) -> Option<T>,
) -> Option<(Site, T)> {
    let mut state = State::at_entry(arch, arch.args().len());
    let mut va = function;
    for _ in 0..REACH {
        let insn = decode(code, arch, va)?;
        let served = serves(&state)?;
        if insn.cheap {
            // What leads back to this one leads back to before any later one.
            once::proof(code, arch, function, va)?;
            let place = if va == function { Place::Entry } else { Place::Within(va - function) };
            let sp_delta = state.sp_delta(arch)?;
            return Some((Site { va, cost: Cost::Emulated, place, sp_delta }, served));
        }
        if insn.flow != Flow::Next {
            return None;
        }
        state.apply(arch, &insn);
        va = va.checked_add(insn.len)?;
    }
    None
}

fn serves(state: &State, arch: Arch, need: Need) -> bool {
    let needed = (0..8u8).filter(|n| need.args & (1 << n) != 0);
    let intact = |n: u8| arch.args().get(usize::from(n)).is_some_and(|&r| state.holds_arg(r, n));
    let at_entry = || state.sp_delta(arch) == Some(0) && !state.link_used;
    state.sp_delta(arch).is_some() && needed.clone().all(intact) && (!need.returns || at_entry())
}

impl Arch {
    /// The registers that carry the first integer arguments, by machine number.
    pub(crate) fn args(self) -> &'static [u8] {
        match self {
            Arch::X86_64 => &[7, 6, 2, 1, 8, 9],
            Arch::Arm64 => &[0, 1, 2, 3, 4, 5, 6, 7],
        }
    }

    pub(crate) fn sp(self) -> u8 {
        match self {
            Arch::X86_64 => 4,
            Arch::Arm64 => 31,
        }
    }

    /// The register that holds the return address, where it is not on the stack. A return probe
    /// replaces it, so nothing may have read it (to save or sign it) before the site.
    fn link(self) -> Option<u8> {
        match self {
            Arch::X86_64 => None,
            Arch::Arm64 => Some(30),
        }
    }

    /// Registers whose value a call may destroy.
    pub(crate) fn volatile(self) -> u32 {
        match self {
            Arch::X86_64 => 0x0fc7,     // rax rcx rdx rsi rdi r8-r11
            Arch::Arm64 => 0x4007_ffff, // x0-x18, x30
        }
    }
}

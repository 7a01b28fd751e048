//! One machine instruction, reduced to what the choice of a site asks of it, and the registers'
//! contents as they follow from running such instructions from a function's entry.

use super::{Arch, Code, arm64, x86};

/// A decoded instruction. Registers are bits of a mask, by machine number; AArch64's stack pointer
/// is 31 and its zero register never appears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Insn {
    pub(crate) len: u64,
    pub(crate) flow: Flow,
    /// Every kernel since 5.8 emulates it under a uprobe.
    pub(crate) cheap: bool,
    pub(crate) reads: u32,
    pub(crate) writes: u32,
    /// A register that it writes in a way that can be followed.
    pub(crate) set: Option<(u8, Set)>,
    pub(crate) flags: Flags,
}

/// Where control goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Next,
    /// To a known address, or through a register or memory.
    Call(Option<u64>),
    Jump(u64),
    Branch(u64, When),
    /// Jumps to a register's value.
    JumpReg(u8),
    /// Jumps to an address in memory: at a fixed address (an import slot), at a register plus a
    /// constant (`plain`: a pointer in a structure), or else in a table.
    JumpMem {
        slot: Option<u64>,
        plain: bool,
    },
    Return,
    /// Traps, or is nothing known.
    Stop,
}

/// When a conditional branch is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// By the flags.
    Flags(Is),
    /// By a register's value itself; `wide`: by all 64 bits.
    Reg { reg: u8, wide: bool, is: Is },
    /// By something else.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Is {
    Negative,
    NotNegative,
    Zero,
    NotZero,
}

/// What becomes of the flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flags {
    Kept,
    /// They tell sign and zero of a register; `wide`: of all 64 bits.
    Of {
        reg: u8,
        wide: bool,
    },
    Lost,
}

/// A new value of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    Copy(u8),
    /// The low 32 bits of another register, zero- or sign-extended.
    Zext(u8),
    Sext(u8),
    Add(u8, i64),
    Const(i64),
    /// From memory at a register plus a constant, no index.
    Load {
        base: u8,
        disp: i64,
    },
}

/// What a register holds, in terms of the function's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// Argument n as it came, all 64 bits.
    Arg(u8),
    /// The low 32 bits of argument n, sign-extended (an `int` made `size_t`).
    SignExtended(u8),
    /// The low 32 bits of argument n, zero-extended.
    ZeroExtended(u8),
    /// An address in the stack, counted from the stack pointer at entry.
    Stack(i64),
    /// A number or a fixed address.
    Const(i64),
    /// Not followed.
    Unknown,
}

/// Decodes the instruction at `va`.
pub(crate) fn decode<C: Code + ?Sized>(code: &C, arch: Arch, va: u64) -> Option<Insn> {
    match arch {
        Arch::X86_64 => x86::decode(code.at(va, x86::MAX), va),
        Arch::Arm64 => arm64::decode(code.at(va, 4), va),
    }
}

/// The import slot that the stub at `va` jumps through, if a stub it is.
pub(crate) fn stub<C: Code + ?Sized>(code: &C, arch: Arch, va: u64) -> Option<u64> {
    let (mut va, mut state) = (va, State::at_entry(arch, 0));
    let mut loaded = None;
    for _ in 0..5 {
        let insn = decode(code, arch, va)?;
        match insn.flow {
            Flow::Next => {}
            Flow::JumpMem { slot, .. } => return slot,
            Flow::JumpReg(reg) => return loaded.and_then(|(r, slot)| (r == reg).then_some(slot)),
            _ => return None,
        }
        if let Some((reg, Set::Load { base, disp })) = insn.set
            && let Value::Const(page) = state.regs[usize::from(base)]
        {
            loaded = Some((reg, page.wrapping_add(disp) as u64));
        }
        state.apply(arch, &insn);
        va = va.checked_add(insn.len)?;
    }
    None
}

/// The registers after some instructions from a function's entry.
#[derive(Clone, Copy)]
pub(crate) struct State {
    pub(crate) regs: [Value; 32],
    /// The return address in its register was read or replaced.
    pub(crate) link_used: bool,
    /// What the flags tell sign and zero of.
    flags: Option<(Value, bool)>,
}

impl State {
    /// At a function's first instruction, of which the first `args` arguments are known.
    pub(crate) fn at_entry(arch: Arch, args: usize) -> State {
        let mut regs = [Value::Unknown; 32];
        for (n, &reg) in (0..).zip(arch.args()).take(args) {
            regs[usize::from(reg)] = Value::Arg(n);
        }
        regs[usize::from(arch.sp())] = Value::Stack(0);
        State { regs, link_used: false, flags: None }
    }

    pub(crate) fn holds_arg(&self, reg: u8, arg: u8) -> bool {
        self.regs[usize::from(reg)] == Value::Arg(arg)
    }

    /// A register that holds this argument: `own` if it still does.
    pub(crate) fn holder(&self, own: u8, arg: u8) -> Option<u8> {
        let mut all = std::iter::once(own).chain(0..32);
        all.find(|&reg| self.holds_arg(reg, arg))
    }

    pub(crate) fn sp_delta(&self, arch: Arch) -> Option<i64> {
        match self.regs[usize::from(arch.sp())] {
            Value::Stack(delta) => Some(delta),
            _ => None,
        }
    }

    /// Runs an instruction that falls through to the next.
    pub(crate) fn apply(&mut self, arch: Arch, insn: &Insn) {
        match insn.flags {
            Flags::Kept => {}
            Flags::Of { reg, wide } => self.flags = Some((self.regs[usize::from(reg)], wide)),
            Flags::Lost => self.flags = None,
        }
        self.link_used |= arch.link().is_some_and(|r| (insn.reads | insn.writes) & (1 << r) != 0);
        let set = insn.set.map(|(reg, set)| (reg, self.value(set)));
        self.forget(insn.writes);
        if let Some((reg, value)) = set {
            self.regs[usize::from(reg)] = value;
        }
    }

    pub(crate) fn forget(&mut self, regs: u32) {
        for (reg, value) in self.regs.iter_mut().enumerate() {
            if regs & (1 << reg) != 0 {
                *value = Value::Unknown;
            }
        }
    }

    /// Which value a branch looks at, with how many bits, and what makes it taken.
    pub(crate) fn asks(&self, when: When) -> Option<(Value, bool, Is)> {
        match when {
            When::Flags(is) => self.flags.map(|(value, wide)| (value, wide, is)),
            When::Reg { reg, wide, is } => Some((self.regs[usize::from(reg)], wide, is)),
            When::Other => None,
        }
    }

    fn value(&self, set: Set) -> Value {
        let old = |reg: u8| self.regs[usize::from(reg)];
        match set {
            Set::Copy(reg) | Set::Add(reg, 0) => old(reg),
            Set::Zext(reg) => match old(reg) {
                Value::Arg(n) | Value::SignExtended(n) | Value::ZeroExtended(n) => {
                    Value::ZeroExtended(n)
                }
                Value::Const(c) => Value::Const(c & 0xffff_ffff),
                _ => Value::Unknown,
            },
            Set::Sext(reg) => match old(reg) {
                Value::Arg(n) | Value::SignExtended(n) | Value::ZeroExtended(n) => {
                    Value::SignExtended(n)
                }
                Value::Const(c) => Value::Const(i64::from(c as i32)),
                _ => Value::Unknown,
            },
            Set::Add(reg, by) => match old(reg) {
                Value::Stack(at) => at.checked_add(by).map_or(Value::Unknown, Value::Stack),
                Value::Const(c) => Value::Const(c.wrapping_add(by)),
                _ => Value::Unknown,
            },
            Set::Const(c) => Value::Const(c),
            Set::Load { .. } => Value::Unknown,
        }
    }
}

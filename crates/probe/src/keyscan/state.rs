//! What registers and stack slots hold, in terms of a function's arguments.

use std::collections::BTreeMap;

use super::access::{Access, Reg, Step};
use super::chain::Chain;
use crate::site::{Arch, Set};

/// Roots of chains past the registers are what calls returned: this one the first.
pub(super) const RETURNED: u8 = 64;
/// Stack slots that are followed.
const SLOTS: usize = 256;

/// A register's contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Unknown,
    Const(i64),
    /// An address in the stack, counted from the stack pointer at entry.
    Stack(i64),
    /// Reached from an argument, or from what a call returned.
    At(Chain),
}

/// The registers at one instruction.
#[derive(Clone, Debug)]
pub(super) struct State {
    arch: Arch,
    regs: [Value; 32],
    /// Where a vector register's bytes were loaded from.
    vectors: [Option<Chain>; 32],
    slots: BTreeMap<i64, Value>,
    /// What is not known of the stack is named too: by the stack pointer at the start.
    framed: bool,
}

/// An access with its address as a value, and what is written there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touched {
    pub(super) writes: bool,
    pub(super) at: Value,
    pub(super) index: Index,
    pub(super) size: u8,
    /// Of a write: the value, or the bytes of memory at a chain.
    pub(super) value: Value,
    pub(super) bytes: Option<Chain>,
}

/// Whether another register takes part in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Index {
    None,
    /// One that holds a number, which is counted in: a loop's first turn, as a rule.
    Number,
    /// One that can hold anything, and is not counted in.
    Any,
}

impl State {
    /// At a function's first instruction.
    pub(super) fn at_entry(arch: Arch) -> State {
        let mut state = State::empty(arch);
        for &reg in arch.args() {
            state.set(reg, Value::At(Chain::reg(reg)));
        }
        state.set(arch.sp(), Value::Stack(0));
        state
    }

    /// Somewhere in a function.
    pub(super) fn empty(arch: Arch) -> State {
        State {
            arch,
            regs: [Value::Unknown; 32],
            vectors: [None; 32],
            slots: BTreeMap::new(),
            framed: false,
        }
    }

    /// Somewhere in a function whose registers and stack slots are all called by their names.
    pub(super) fn in_frame(arch: Arch) -> State {
        let mut state = State { framed: true, ..State::empty(arch) };
        for reg in 0..32 {
            state.set(reg, Value::At(Chain::reg(reg)));
        }
        state.set(arch.sp(), Value::Stack(0));
        state
    }

    /// A value as a chain from the registers at the start.
    pub(super) fn chain(&self, value: Value) -> Option<Chain> {
        match value {
            Value::At(chain) => (chain.reg < RETURNED).then_some(chain),
            Value::Stack(at) => Chain::reg(self.arch.sp()).plus(i32::try_from(at).ok()?),
            _ => None,
        }
    }

    /// The seventh argument, where a call is made.
    pub(super) fn seventh(&self) -> Value {
        match self.arch.args().get(6) {
            Some(&reg) => self.reg(reg),
            None => self.slot(self.reg(self.arch.sp())),
        }
    }

    /// What is at an address in the stack.
    fn slot(&self, at: Value) -> Value {
        let Value::Stack(slot) = at else { return Value::Unknown };
        match self.slots.get(&slot) {
            Some(&value) => value,
            None if self.framed => {
                let loaded = self.chain(at).and_then(Chain::load);
                loaded.map_or(Value::Unknown, Value::At)
            }
            None => Value::Unknown,
        }
    }

    pub(super) fn reg(&self, reg: u8) -> Value {
        self.regs.get(usize::from(reg)).copied().unwrap_or(Value::Unknown)
    }

    pub(super) fn set(&mut self, reg: u8, value: Value) {
        if let Some(old) = self.regs.get_mut(usize::from(reg)) {
            *old = value;
        }
    }

    /// What is in the registers of the first arguments.
    pub(super) fn args(&self) -> [Value; 6] {
        let mut args = [Value::Unknown; 6];
        for (value, &reg) in args.iter_mut().zip(self.arch.args()) {
            *value = self.reg(reg);
        }
        args
    }

    /// After a call that returned `value`.
    pub(super) fn called(&mut self, value: Value) {
        self.forget(self.arch.volatile());
        self.vectors = [None; 32];
        self.set(0, value);
    }

    /// Runs an instruction, and tells what it accesses.
    pub(super) fn run(&mut self, step: &Step) -> Option<Touched> {
        let touched = step.access.map(|access| self.touch(&access));
        let set = match step.insn.set {
            // Loads come with their access.
            Some((_, Set::Load { .. })) | None => None,
            Some((reg, set)) => Some((reg, self.value(set))),
        };
        let chosen = step.choice.map(|choice| {
            let [first, second] = choice.from.map(|reg| self.reg(reg));
            (choice.to, first.or(second))
        });
        let loaded = step.access.filter(|access| !access.writes).map(|access| self.load(&access));
        self.forget(step.insn.writes);
        if let Some(vector) = step.vector.and_then(|reg| self.vectors.get_mut(usize::from(reg))) {
            *vector = None;
        }
        for (reg, value) in set.into_iter().chain(chosen) {
            self.set(reg, value);
        }
        for (reg, value, bytes) in loaded.into_iter().flatten().flatten() {
            match reg {
                Reg::General(reg) => self.set(reg, value),
                Reg::Number(_) => {}
                Reg::Vector(reg) => {
                    if let Some(vector) = self.vectors.get_mut(usize::from(reg)) {
                        *vector = bytes;
                    }
                }
            }
        }
        touched
    }

    /// An access's address, and the writes to the stack done.
    fn touch(&mut self, access: &Access) -> Touched {
        let (at, index) = self.address(access);
        let (value, bytes) = self.held(access.regs[0]);
        if access.writes
            && let Value::Stack(slot) = at
            && index == Index::None
        {
            for (n, reg) in (0..).zip(access.regs) {
                let slot = slot.wrapping_add(n * i64::from(access.size));
                if n > 0 && reg.is_none() {
                    break;
                }
                self.slots.remove(&slot);
                if self.slots.len() < SLOTS {
                    self.slots.insert(slot, self.held(reg).0);
                }
            }
        }
        Touched { writes: access.writes, at, index, size: access.size, value, bytes }
    }

    fn held(&self, reg: Option<Reg>) -> (Value, Option<Chain>) {
        match reg {
            Some(Reg::General(reg)) => (self.reg(reg), None),
            Some(Reg::Vector(reg)) => {
                (Value::Unknown, self.vectors.get(usize::from(reg)).copied().flatten())
            }
            Some(Reg::Number(number)) => (Value::Const(number), None),
            None => (Value::Unknown, None),
        }
    }

    /// What the registers of a load get.
    fn load(&self, access: &Access) -> [Option<(Reg, Value, Option<Chain>)>; 2] {
        let (at, index) = self.address(access);
        let mut parts = [None; 2];
        for ((n, part), reg) in (0..).zip(&mut parts).zip(access.regs) {
            let Some(reg) = reg else { continue };
            let at = match index {
                Index::None => at.plus(n * i64::from(access.size)),
                Index::Number | Index::Any => Value::Unknown,
            };
            *part = Some(match at {
                Value::Stack(_) => (reg, self.slot(at), None),
                Value::At(chain) => {
                    (reg, chain.load().map_or(Value::Unknown, Value::At), Some(chain))
                }
                _ => (reg, Value::Unknown, None),
            });
        }
        parts
    }

    /// The address of an access.
    fn address(&self, access: &Access) -> (Value, Index) {
        let base = access.base.map_or(Value::Const(0), |reg| self.reg(reg));
        let Some((index, times)) = access.index else {
            return (base.plus(access.disp), Index::None);
        };
        // Which of the two registers is the pointer shows by what it holds.
        let (at, index) = match (base, self.reg(index)) {
            (base @ Value::At(_), Value::Const(number)) => {
                (base.plus(number.wrapping_mul(i64::from(times))), Index::Number)
            }
            (base @ Value::At(_), _) => (base, Index::Any),
            (Value::Const(number), index @ Value::At(_)) if times == 1 => {
                (index.plus(number), Index::Number)
            }
            (_, index @ Value::At(_)) if times == 1 => (index, Index::Any),
            _ => (Value::Unknown, Index::Any),
        };
        (at.plus(access.disp), index)
    }

    fn value(&self, set: Set) -> Value {
        match set {
            Set::Copy(reg) => self.reg(reg),
            // A number that a chain leads to stays one; pointers are not moved in halves.
            Set::Zext(reg) => match self.reg(reg) {
                Value::Const(number) => Value::Const(number & 0xffff_ffff),
                value => value,
            },
            Set::Sext(reg) => match self.reg(reg) {
                Value::Const(number) => Value::Const(i64::from(number as i32)),
                value => value,
            },
            Set::Add(reg, by) => self.reg(reg).plus(by),
            Set::Const(number) => Value::Const(number),
            Set::Load { .. } => Value::Unknown,
        }
    }

    fn forget(&mut self, regs: u32) {
        for (reg, value) in self.regs.iter_mut().enumerate() {
            if regs & (1 << reg) != 0 {
                *value = Value::Unknown;
            }
        }
    }
}

impl Value {
    pub(super) fn plus(self, by: i64) -> Value {
        match self {
            Value::Const(number) => Value::Const(number.wrapping_add(by)),
            Value::Stack(at) => at.checked_add(by).map_or(Value::Unknown, Value::Stack),
            Value::At(chain) => {
                let by = i32::try_from(by).ok();
                by.and_then(|by| chain.plus(by)).map_or(Value::Unknown, Value::At)
            }
            Value::Unknown => Value::Unknown,
        }
    }

    /// Of two values that are possible, the one that leads somewhere.
    fn or(self, other: Value) -> Value {
        let rank = |value| match value {
            Value::Unknown => 0,
            Value::Const(0) => 1,
            Value::Const(_) => 2,
            Value::Stack(_) | Value::At(_) => 3,
        };
        if rank(other) > rank(self) { other } else { self }
    }

    /// The chain, if it begins in this register or root.
    pub(super) fn from(self, root: u8) -> Option<Chain> {
        match self {
            Value::At(chain) if chain.reg == root => Some(chain),
            _ => None,
        }
    }
}

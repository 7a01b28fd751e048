//! Looks through a thin wrapper at the function that does its work.
//!
//! `SSL_read(ssl, buf, int num)` checks `num`, calls `ssl_read_internal(ssl, buf, size_t num,
//! &count)` and returns `count`; `SSL_read_ex` calls the same function with its own arguments. A
//! probe on the inner function serves both and stands on a cheap instruction more often.
//!
//! This holds only if no byte can move without passing the inner function. So the wrapper's way to
//! its first call must be straight but for two branches past it: one taken if an `int` argument is
//! negative, one if the connection is null. And unless the wrapper ends in a jump, it must not
//! keep any argument anywhere, so that after the call it has nothing to move bytes with.

use super::{
    Arch, Code, Need, Place, REACH, Site, choose,
    insn::{self, Flags, Flow, Insn, Is, Set, State, Value},
};

/// How many arguments are followed.
const ARGS: usize = 6;

/// The function that a wrapper hands its call to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inner {
    /// Its first instruction.
    pub va: u64,
    /// What its argument registers hold, in terms of the wrapper's arguments.
    pub args: [Value; ARGS],
    /// The wrapper jumps there and doesn't come back.
    pub tail: bool,
    /// The argument that points to where the inner function leaves the number of bytes: a place in
    /// the wrapper's stack that the wrapper reads right after the call. Nothing else tells how
    /// many arguments the inner function really takes.
    pub count: Option<u8>,
}

impl Inner {
    /// The site for a probe on the inner function.
    pub fn site<C: Code + ?Sized>(&self, code: &C, arch: Arch, need: Need) -> Site {
        let site = choose(code, arch, self.va, need);
        let place = Place::Inner { function: self.va, offset: site.va - self.va };
        Site { place, ..site }
    }
}

/// The function that the wrapper at `wrapper`, which takes `args` arguments, hands its call to.
///
/// Its first argument is the connection. The caller decides by [`Inner::args`] and
/// [`Inner::count`] whether the inner function is one that it has a row for, and must not take
/// one that is itself exported with a row of its own and another meaning.
pub fn inner<C: Code + ?Sized>(code: &C, arch: Arch, wrapper: u64, args: usize) -> Option<Inner> {
    let mut walk =
        Walk { code, arch, state: State::at_entry(arch, args), va: wrapper, kept: false };
    let (to, tail) = walk.first_call()?;
    // A jump out of the function leaves no frame behind; a call comes back to what was kept.
    let (unframed, kept) = (walk.state.sp_delta(arch) == Some(0), walk.kept);
    if (tail && !unframed) || (!tail && kept) {
        return None;
    }
    let va = match insn::stub(code, arch, to) {
        Some(slot) => code.slot(slot)?,
        None => to,
    };
    code.extent(va).filter(|extent| extent.start == va)?;
    let mut values = [Value::Unknown; ARGS];
    for (value, &reg) in values.iter_mut().zip(arch.args()) {
        *value = walk.state.regs[usize::from(reg)];
    }
    let count = if tail { None } else { walk.count(&values) };
    Some(Inner { va, args: values, tail, count })
}

/// Whether the wrapper at `wrapper`, which takes `args` arguments, moves bytes only through the
/// function at `by`, so that a probe there sees all that a probe on the wrapper would.
///
/// `same` lists the arguments that have to arrive as they came: number at `by`, number at the
/// wrapper.
pub fn covered<C: Code + ?Sized>(
    code: &C,
    arch: Arch,
    wrapper: u64,
    args: usize,
    by: u64,
    same: &[(usize, u8)],
) -> bool {
    let Some(first) = inner(code, arch, wrapper, args) else { return false };
    let arrives = |values: [Value; ARGS]| {
        same.iter().all(|&(there, here)| values.get(there) == Some(&Value::Arg(here)))
    };
    if first.va == by {
        return arrives(first.args);
    }
    // Through one more wrapper: SSL_write_ex, SSL_write_ex2, the function itself.
    let Some(second) = inner(code, arch, first.va, ARGS) else { return false };
    second.va == by && arrives(second.args.map(|value| through(value, &first.args)))
}

/// A value in terms of a function's arguments, put in terms of its caller's.
fn through(value: Value, outer: &[Value; ARGS]) -> Value {
    match value {
        Value::Arg(n) => outer.get(usize::from(n)).copied().unwrap_or(Value::Unknown),
        Value::Const(_) => value,
        _ => Value::Unknown,
    }
}

struct Walk<'a, C: ?Sized> {
    code: &'a C,
    arch: Arch,
    state: State,
    va: u64,
    /// An argument was read but to pass it on, so that something derived from it may be kept.
    kept: bool,
}

impl<C: Code + ?Sized> Walk<'_, C> {
    /// Where the wrapper calls or jumps to first, and whether it jumps. Stays at that instruction.
    fn first_call(&mut self) -> Option<(u64, bool)> {
        let own = self.code.extent(self.va)?;
        for _ in 0..REACH {
            let insn = insn::decode(self.code, self.arch, self.va)?;
            match insn.flow {
                Flow::Next => self.step(&insn)?,
                Flow::Branch(to, when) => {
                    let (value, wide, is) = self.state.asks(when)?;
                    match (value, wide, is) {
                        (Value::Arg(1..), false, Is::Negative)
                        | (Value::Arg(0), true, Is::Zero) => {
                            self.va = self.va.checked_add(insn.len)?;
                        }
                        (Value::Arg(1..), false, Is::NotNegative)
                        | (Value::Arg(0), true, Is::NotZero) => self.va = to,
                        _ => return None,
                    }
                }
                Flow::Jump(to) if own.contains(&to) => self.va = to,
                Flow::Jump(to) => return Some((to, true)),
                Flow::Call(Some(to)) => return Some((to, false)),
                _ => return None,
            }
        }
        None
    }

    fn step(&mut self, insn: &Insn) -> Option<()> {
        let read = (0..32u8).any(|reg| {
            insn.reads & (1 << reg) != 0
                && !matches!(
                    self.state.regs[usize::from(reg)],
                    Value::Unknown | Value::Stack(_) | Value::Const(_)
                )
        });
        let tested = insn.writes == 0 && matches!(insn.flags, Flags::Of { .. });
        let passed_on = match insn.set {
            Some((to, Set::Copy(_) | Set::Sext(_) | Set::Zext(_))) => {
                self.arch.args().contains(&to)
            }
            _ => false,
        };
        self.kept |= read && !tested && !passed_on;
        self.state.apply(self.arch, insn);
        self.va = self.va.checked_add(insn.len)?;
        Some(())
    }

    /// After the call: the argument whose place in the stack is read before anything else happens.
    fn count(&mut self, args: &[Value; ARGS]) -> Option<u8> {
        let call = insn::decode(self.code, self.arch, self.va)?;
        self.va = self.va.checked_add(call.len)?;
        self.state.forget(self.arch.volatile());
        for _ in 0..REACH / 2 {
            let insn = insn::decode(self.code, self.arch, self.va)?;
            if !matches!(insn.flow, Flow::Next | Flow::Branch(..)) {
                return None;
            }
            if let Some((_, Set::Load { base, disp })) = insn.set
                && let Value::Stack(at) = self.state.regs[usize::from(base)]
                && let Some(n) =
                    args.iter().position(|arg| at.checked_add(disp).map(Value::Stack) == Some(*arg))
            {
                return u8::try_from(n).ok();
            }
            self.state.apply(self.arch, &insn);
            self.va = self.va.checked_add(insn.len)?;
        }
        None
    }
}

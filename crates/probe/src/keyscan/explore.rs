//! Runs a function on all its ways at once, with arguments that are only names.
//!
//! What is asked is which members of its first argument a function touches and passes on. So
//! branches are taken both ways without looking at the condition, calls are passed over, and a
//! loop is left after its first turn. Ways and instructions are bounded.

use std::collections::{HashMap, HashSet};

use super::access::{self, Step};
use super::chain::Chain;
use super::state::{RETURNED, State, Touched, Value};
use crate::site::{Arch, Code, Flow, Set};

/// Ways through one function, and instructions on each of them.
const WAYS: usize = 200;
const LENGTH: usize = 400;
/// Different calls whose outcomes are told apart.
const CALLS: usize = 64;

/// Something that a function does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// Calls a function, or jumps to one. `to` is unknown if a pointer leads there.
    Call { to: Option<u64>, args: [Value; 6] },
    /// Computes an address.
    Address(Chain),
    /// Reads or writes memory.
    Touch(Touched),
    /// Returns a value, or two.
    Return(Value, Value),
}

/// Explores the function at `start` and tells `see` what it does, with the instruction's address.
pub(super) fn explore<C: Code + ?Sized>(
    code: &C,
    arch: Arch,
    start: u64,
    mut see: impl FnMut(u64, Event),
) {
    let mut steps: HashMap<u64, Option<Step>> = HashMap::new();
    let mut taken: HashSet<(u64, u64)> = HashSet::new();
    // The outcome of a call, by where it is made.
    let mut outcomes: Vec<u64> = Vec::new();
    let mut waiting = vec![(start, State::at_entry(arch))];
    let mut ways = 0;
    while let Some((mut va, mut state)) = waiting.pop() {
        ways += 1;
        if ways > WAYS {
            return;
        }
        for _ in 0..LENGTH {
            let step = *steps.entry(va).or_insert_with(|| access::decode(code, arch, va));
            let Some(step) = step else { break };
            let next = va.wrapping_add(step.insn.len);
            match step.insn.flow {
                Flow::Next => {
                    if let Some(touched) = state.run(&step) {
                        see(va, Event::Touch(touched));
                    }
                    if let Some((reg, Set::Add(..))) = step.insn.set
                        && let Value::At(chain) = state.reg(reg)
                    {
                        see(va, Event::Address(chain));
                    }
                    va = next;
                }
                Flow::Branch(to, _) => {
                    if taken.insert((va, to)) {
                        waiting.push((to, state.clone()));
                    }
                    va = next;
                }
                Flow::Jump(to) => {
                    see(va, Event::Call { to: Some(to), args: state.args() });
                    va = to;
                }
                Flow::Call(to) => {
                    see(va, Event::Call { to, args: state.args() });
                    state.called(outcome(&mut outcomes, va));
                    va = next;
                }
                Flow::JumpReg(_) | Flow::JumpMem { .. } => {
                    see(va, Event::Call { to: None, args: state.args() });
                    break;
                }
                Flow::Return => {
                    let second = if arch == Arch::X86_64 { 2 } else { 1 };
                    see(va, Event::Return(state.reg(0), state.reg(second)));
                    break;
                }
                Flow::Stop => break,
            }
        }
    }
}

/// A name for what the call at `va` returns.
fn outcome(outcomes: &mut Vec<u64>, va: u64) -> Value {
    let known = outcomes.iter().position(|&known| known == va);
    let number = known.unwrap_or_else(|| {
        outcomes.push(va);
        outcomes.len() - 1
    });
    if number >= CALLS {
        outcomes.truncate(CALLS);
        return Value::Unknown;
    }
    Value::At(Chain::reg(RETURNED + number as u8))
}

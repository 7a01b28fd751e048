//! Follows a label from where it is loaded to the call that takes it, and counts which function
//! takes which labels in which argument.

use std::collections::BTreeMap;

use super::access;
use super::labels::Found;
use super::refs::Ref;
use super::state::{State, Value};
use crate::site::{Arch, Code, Flow, stub};

/// How far a label is followed, in instructions.
const REACH: usize = 40;
/// A jump that goes further leaves its function, where no table tells functions apart.
const FAR: u64 = 0x4000;

/// How a function takes a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Takes {
    /// C: the label is the second argument.
    Second,
    /// C: the label is the first argument, and the fourth is 32, the length of the random bytes
    /// in the third.
    First,
    /// Go: the label's address and length.
    Text,
}

/// What was found out about a function: which labels it takes, a bit each.
pub(super) type Votes = BTreeMap<(u64, Takes), u8>;

/// Counts the functions that take labels.
pub(super) fn count<C: Code + ?Sized>(
    code: &C,
    arch: Arch,
    refs: &[Ref],
    labels: &[Found],
) -> Votes {
    let mut votes = Votes::new();
    for found in refs {
        let Ok(at) = labels.binary_search_by_key(&found.to, |label| label.va) else { continue };
        // Labels that begin at one address differ in how long they are: the longest was meant.
        for label in labels.iter().skip(at).take_while(|label| label.va == found.to) {
            if let Some(taken) = follow(code, arch, found, label) {
                *votes.entry(taken).or_default() |= 1 << label.label;
            }
        }
    }
    votes
}

/// The function that takes this label, and how.
fn follow<C: Code + ?Sized>(
    code: &C,
    arch: Arch,
    from: &Ref,
    label: &Found,
) -> Option<(u64, Takes)> {
    let held = Value::Const(i64::try_from(from.to).ok()?);
    let mut state = State::empty(arch);
    state.set(from.reg, held);
    let mut va = from.next;
    for _ in 0..REACH {
        let step = access::decode(code, arch, va)?;
        let next = va.checked_add(step.insn.len)?;
        va = match step.insn.flow {
            Flow::Next => {
                state.run(&step);
                next
            }
            Flow::Branch(..) => next,
            Flow::Jump(to) => {
                if leaves(code, va, to)
                    && let Some(takes) = takes(arch, &state, held, label)
                {
                    return Some((function(code, arch, to)?, takes));
                }
                to
            }
            Flow::Call(to) => {
                if let Some(takes) = takes(arch, &state, held, label) {
                    return Some((function(code, arch, to?)?, takes));
                }
                state.called(Value::Unknown);
                next
            }
            _ => return None,
        };
    }
    None
}

/// How a function that is called now takes the label.
fn takes(arch: Arch, state: &State, held: Value, label: &Found) -> Option<Takes> {
    let length = Value::Const(label.len() as i64);
    let text = match arch {
        // rbx, rcx
        Arch::X86_64 => [3, 1],
        Arch::Arm64 => [1, 2],
    };
    if text.map(|reg| state.reg(reg)) == [held, length] {
        return Some(Takes::Text);
    }
    let args = state.args();
    if !label.ends {
        return None;
    }
    if args[1] == held {
        return Some(Takes::Second);
    }
    (args[0] == held && args[3] == Value::Const(32)).then_some(Takes::First)
}

/// Whether a jump leaves the function that it stands in.
fn leaves<C: Code + ?Sized>(code: &C, va: u64, to: u64) -> bool {
    match code.extent(va) {
        Some(own) => !own.contains(&to),
        None => va.abs_diff(to) > FAR,
    }
}

/// The function that is called, through its import slot or not. One of another file takes no
/// secrets of this one's: it compares or prints labels.
fn function<C: Code + ?Sized>(code: &C, arch: Arch, to: u64) -> Option<u64> {
    match stub(code, arch, to) {
        Some(slot) => code.slot(slot),
        None => Some(to),
    }
}

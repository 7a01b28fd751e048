//! rustls: it has no log function that is called without need, only calls through a trait object.
//!
//! For TLS 1.3 it takes the label from a table, asks `KeyLog::will_log(label)`, and only if the
//! answer is yes calls `log(label, client_random, secret)`. So the place to stand is the question,
//! and the code behind it tells where random bytes and secret are. For TLS 1.2 it calls `log` at
//! once.

use std::collections::VecDeque;

use super::access;
use super::chain::Chain;
use super::explore::{Event, explore};
use super::labels::Found;
use super::refs::{self, Ref};
use super::relocs;
use super::state::{RETURNED, State, Value};
use super::{KeyKind, KeySite, Secret};
use crate::elf::{FileCode, Image};
use crate::site::{self, Arch, Code, Cost, Flow};

/// How far apart table, question and call lie, in instructions.
const REACH: usize = 64;
/// Labels in a row that make a table.
const ROW: usize = 4;
/// Uses of tables that are looked at.
const USES: usize = 64;
/// Sites in one file: for each version of TLS and each side, in each copy of rustls.
const MOST: usize = 16;
/// Ways from a question that are followed: the answer is tested next to it.
const WAYS: usize = 8;
/// The length of the random bytes.
const RANDOM: Value = Value::Const(32);

/// The places in a file.
pub(super) fn find(
    image: &Image<'_>,
    code: &FileCode<'_>,
    refs: &[Ref],
    labels: &[Found],
) -> Vec<KeySite> {
    let arch = image.arch();
    let mut sites: Vec<KeySite> = Vec::new();
    let direct = refs.iter().filter_map(|from| logged(code, arch, from, labels));
    let tables = tables(image, labels);
    let asked = refs::find(image, &tables);
    let asked = asked.iter().take(USES).filter_map(|from| question(code, arch, from));
    for (address, call) in direct.chain(asked) {
        let Some(offset) = image.offset_of(address) else { continue };
        if sites.len() < MOST && sites.iter().all(|site| site.address != address) {
            let cost = site::cost(code, image.arch(), address);
            sites.push(KeySite { address, offset, cost, ..call });
        }
    }
    sites
}

/// Tables of labels, and the addresses that code may count from to reach one: labels are numbered
/// from 0 or from 1.
fn tables(image: &Image<'_>, labels: &[Found]) -> Vec<u64> {
    let is_label = |target: u64| labels.binary_search_by_key(&target, |label| label.va).is_ok();
    // Rust's texts don't end with a zero byte, so without such labels there is no such table.
    if labels.iter().filter(|label| !label.ends).count() < ROW {
        return Vec::new();
    }
    let pointers = relocs::find(image, |_, target| is_label(target));
    let places: Vec<u64> = pointers.into_iter().map(|(place, _)| place).collect();
    let mut tables = Vec::new();
    // Bare addresses, or addresses with lengths.
    for step in [8, 16] {
        let near = |a: &u64, b: &u64| b.abs_diff(*a) == step;
        for row in places.chunk_by(near).filter(|row| row.len() >= ROW) {
            let first = row.first().copied().unwrap_or(0);
            tables.extend([first, first.wrapping_sub(step)]);
        }
    }
    tables.sort_unstable();
    tables
}

/// Where `will_log` is called after the label was taken from a table, and what is in reach there.
fn question<C: Code + ?Sized>(code: &C, arch: Arch, from: &Ref) -> Option<(u64, KeySite)> {
    let mut va = from.next;
    for _ in 0..REACH {
        let step = access::decode(code, arch, va)?;
        let next = va.checked_add(step.insn.len)?;
        va = match step.insn.flow {
            Flow::Call(None) => match answered(code, arch, next, None) {
                Some(site) => return Some((va, site)),
                None => next,
            },
            Flow::Jump(to) => to,
            Flow::Next | Flow::Branch(..) | Flow::Call(_) => next,
            _ => return None,
        };
    }
    None
}

/// A way on from the question.
#[derive(Clone)]
struct Way {
    va: u64,
    state: State,
    /// The function and the argument of each call, whose outcome may be the secret.
    calls: Vec<(Option<u64>, Value)>,
}

/// Follows the code after a call of `will_log` to the call of `log`, which the compiler may have
/// put next to it or far away. Chains begin at the registers as they are at the first of the two.
///
/// `label` is what both are called with, if that is known. No other function of a trait object may
/// be called on the way: that would be the next question, and what is logged another secret.
fn answered<C: Code + ?Sized>(
    code: &C,
    arch: Arch,
    start: u64,
    label: Option<Value>,
) -> Option<KeySite> {
    let mut state = State::in_frame(arch);
    state.called(Value::Unknown);
    // The branch next to the question is the likeliest, so it is followed before later ones.
    let mut waiting = VecDeque::from([Way { va: start, state, calls: Vec::new() }]);
    for _ in 0..WAYS {
        let way = waiting.pop_front()?;
        if let Some(site) = along(code, arch, way, label, &mut waiting) {
            return Some(site);
        }
    }
    None
}

/// Follows one way, and leaves those that branch off it for later.
fn along<C: Code + ?Sized>(
    code: &C,
    arch: Arch,
    mut way: Way,
    label: Option<Value>,
    waiting: &mut VecDeque<Way>,
) -> Option<KeySite> {
    for _ in 0..REACH {
        let step = access::decode(code, arch, way.va)?;
        let next = way.va.checked_add(step.insn.len)?;
        way.va = match step.insn.flow {
            Flow::Next => {
                way.state.run(&step);
                next
            }
            Flow::Branch(to, _) => {
                if waiting.len() < WAYS {
                    waiting.push_back(Way { va: to, ..way.clone() });
                }
                next
            }
            Flow::Jump(to) => to,
            Flow::Call(None) => {
                let [_, second, _, random, length, _] = way.state.args();
                if length != RANDOM || label.is_some_and(|label| label != second) {
                    return None;
                }
                let client_random = way.state.chain(random)?;
                let secret = secret(code, arch, &way.state, &way.calls)?;
                return Some(site(arch, secret, client_random));
            }
            Flow::Call(to) => {
                way.calls.push((to, way.state.args()[0]));
                let name = u8::try_from(way.calls.len() - 1).ok()?.checked_add(RETURNED)?;
                way.state.called(Value::At(Chain::reg(name)));
                next
            }
            _ => return None,
        };
    }
    None
}

/// The secret that `log` is given: a slice of something in reach, or what `as_ref` returned.
fn secret<C: Code + ?Sized>(
    code: &C,
    arch: Arch,
    state: &State,
    calls: &[(Option<u64>, Value)],
) -> Option<Secret> {
    let [.., pointer] = state.args();
    if let Value::At(chain) = pointer
        && let Some(number) = chain.reg.checked_sub(RETURNED)
        && chain == Chain::reg(chain.reg)
    {
        let (function, argument) = *calls.get(usize::from(number))?;
        return slice(code, arch, function?, state.chain(argument)?);
    }
    Some(Secret { at: state.chain(pointer)?, len: state.chain(state.seventh())? })
}

/// What a function that returns a slice of its argument returns for an argument at `block`.
fn slice<C: Code + ?Sized>(code: &C, arch: Arch, function: u64, block: Chain) -> Option<Secret> {
    let argument = *arch.args().first()?;
    let mut found = None;
    explore(code, arch, function, |_, event| {
        if let Event::Return(at, len) = event
            && let (Some(at), Some(len)) = (at.from(argument), len.from(argument))
            && (at.loads, len.loads) == (0, 1)
        {
            let [from, ..] = len.offsets;
            let at = block.plus(at.last());
            let len = block.plus(from).and_then(Chain::load);
            found = found.or(at.zip(len).map(|(at, len)| Secret { at, len }));
        }
    });
    found
}

/// A call with a label that is no table's: of `log` for TLS 1.2, of `will_log` where the compiler
/// knows which secret it is about.
fn logged<C: Code + ?Sized>(
    code: &C,
    arch: Arch,
    from: &Ref,
    labels: &[Found],
) -> Option<(u64, KeySite)> {
    let at = labels.binary_search_by_key(&from.to, |label| label.va).ok()?;
    let label = labels.get(at)?;
    let length = Value::Const(label.len() as i64);
    let held = Value::Const(i64::try_from(from.to).ok()?);
    let mut state = State::empty(arch);
    state.set(from.reg, held);
    state.set(arch.sp(), Value::Stack(0));
    let mut va = from.next;
    for _ in 0..REACH {
        let step = access::decode(code, arch, va)?;
        let next = va.checked_add(step.insn.len)?;
        let args = state.args();
        va = match step.insn.flow {
            Flow::Next => {
                state.run(&step);
                next
            }
            Flow::Branch(..) => next,
            Flow::Jump(to) => to,
            Flow::Call(None) if args[1] == held && args[2] == length => {
                if args[4] != RANDOM {
                    return answered(code, arch, next, Some(held)).map(|site| (va, site));
                }
                // Not called unless the answer was yes: there the question is the place.
                (label.label == 0).then_some(())?;
                let &[.., random, _, pointer] = arch.args().first_chunk::<6>()?;
                let at = Chain::reg(pointer);
                let len = match arch.args().get(6) {
                    Some(&reg) => Chain::reg(reg),
                    None => Chain::reg(arch.sp()).load()?,
                };
                return Some((va, site(arch, Secret { at, len }, Chain::reg(random))));
            }
            Flow::Call(_) => {
                state.called(Value::Unknown);
                next
            }
            _ => return None,
        };
    }
    None
}

/// A site at which the label is where `(self, label)` put it.
fn site(arch: Arch, secret: Secret, client_random: Chain) -> KeySite {
    let label = |n: usize| Chain::reg(arch.args().get(n).copied().unwrap_or(0));
    KeySite {
        kind: KeyKind::Rustls,
        offset: 0,
        cost: Cost::Stepped,
        regs: None,
        address: 0,
        label: label(1),
        label_len: Some(label(2)),
        secret: Some(secret),
        client_random: Some(client_random),
        votes: 1,
    }
}

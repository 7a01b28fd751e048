//! AArch64 instructions, told apart by fixed masks.
//!
//! The groups that compilers use in prologues are read exactly; in others the effect on registers
//! is overstated, which can only send a probe back to the entry. What is no known group is not
//! decoded.

use super::insn::{Flags, Flow, Insn, Is, Set, When};

const SP: u8 = 31;
const LR: u8 = 30;

/// Decodes the instruction that `bytes` begin with.
pub(super) fn decode(bytes: &[u8], va: u64) -> Option<Insn> {
    let w = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
    match (w >> 25) & 15 {
        0b1000 | 0b1001 => immediate(w, va),
        0b1010 | 0b1011 => Some(branch_or_system(w, va)),
        0b0100 | 0b0110 | 0b1100 | 0b1110 => load_store(w),
        0b0101 | 0b1101 => register(w),
        // Scalar and vector arithmetic: some of it moves to or from a general register.
        0b0111 | 0b1111 => Some(plain(x(w, 5) | x(w, 16), x(w, 0), None, Flags::Lost)),
        _ => None,
    }
}

fn plain(reads: u32, writes: u32, set: Option<(u8, Set)>, flags: Flags) -> Insn {
    Insn { len: 4, flow: Flow::Next, cheap: false, reads, writes, set, flags }
}

/// Control flow, all of which the kernel simulates.
fn jump(flow: Flow, reads: u32, writes: u32) -> Insn {
    Insn { len: 4, flow, cheap: true, reads, writes, set: None, flags: Flags::Kept }
}

fn stop() -> Insn {
    Insn { flow: Flow::Stop, ..plain(0, 0, None, Flags::Lost) }
}

fn bits(w: u32, low: u32, count: u32) -> u32 {
    (w >> low) & ((1 << count) - 1)
}

fn signed(w: u32, low: u32, count: u32) -> i64 {
    let shift = 64 - count;
    (i64::from(bits(w, low, count)) << shift) >> shift
}

fn reg(w: u32, low: u32) -> u8 {
    bits(w, low, 5) as u8
}

/// The register in a field as a mask, where 31 is the zero register.
fn x(w: u32, low: u32) -> u32 {
    (1 << reg(w, low)) & !(1 << SP)
}

/// The register in a field as a mask, where 31 is the stack pointer.
fn xsp(w: u32, low: u32) -> u32 {
    1 << reg(w, low)
}

fn wide(w: u32) -> bool {
    w >> 31 != 0
}

fn at(va: u64, words: i64) -> u64 {
    va.wrapping_add_signed(words * 4)
}

fn immediate(w: u32, va: u64) -> Option<Insn> {
    let rd = reg(w, 0);
    match bits(w, 23, 6) {
        // adr, adrp
        0b100000 | 0b100001 => {
            let by = signed(w, 5, 19) << 2 | i64::from(bits(w, 29, 2));
            let to = if wide(w) {
                (va & !0xfff).wrapping_add_signed(by << 12)
            } else {
                va.wrapping_add_signed(by)
            };
            let set = (rd != SP).then_some((rd, Set::Const(to as i64)));
            Some(Insn { cheap: true, ..plain(0, x(w, 0), set, Flags::Kept) })
        }
        0b100010 => Some(add_sub_immediate(w)),
        // and, orr, eor; ands
        0b100100 if bits(w, 29, 2) != 3 => Some(plain(x(w, 5), xsp(w, 0), None, Flags::Kept)),
        0b100100 => Some(plain(x(w, 5), x(w, 0), None, Flags::Lost)),
        // movn, movz, movk
        0b100101 => {
            let value = u64::from(bits(w, 5, 16)) << (16 * bits(w, 21, 2));
            let value = match bits(w, 29, 2) {
                0 if wide(w) => Some(!value),
                0 => Some(u64::from(!(value as u32))),
                2 => Some(value),
                _ => None,
            };
            let set = value.filter(|_| rd != SP).map(|v| (rd, Set::Const(v as i64)));
            let reads = if bits(w, 29, 2) == 3 { x(w, 0) } else { 0 };
            Some(plain(reads, x(w, 0), set, Flags::Kept))
        }
        // sbfm, bfm, ubfm; sxtw and uxtw among them
        0b100110 => {
            let set = match w & 0xffff_fc00 {
                0x9340_7c00 => Some(Set::Sext(reg(w, 5))),
                0xd340_7c00 => Some(Set::Zext(reg(w, 5))),
                _ => None,
            };
            let set = set.filter(|_| rd != SP && reg(w, 5) != SP).map(|set| (rd, set));
            let reads = if bits(w, 29, 2) == 1 { x(w, 0) } else { 0 };
            Some(plain(x(w, 5) | reads, x(w, 0), set, Flags::Kept))
        }
        // extr
        0b100111 => Some(plain(x(w, 5) | x(w, 16), x(w, 0), None, Flags::Kept)),
        _ => None,
    }
}

fn add_sub_immediate(w: u32) -> Insn {
    let by = i64::from(bits(w, 10, 12)) << (12 * bits(w, 22, 1));
    let (minus, sets_flags) = (bits(w, 30, 1) != 0, bits(w, 29, 1) != 0);
    if sets_flags {
        // cmp with 0
        let flags = if minus && by == 0 && reg(w, 0) == SP && reg(w, 5) != SP {
            Flags::Of { reg: reg(w, 5), wide: wide(w) }
        } else {
            Flags::Lost
        };
        return plain(xsp(w, 5), x(w, 0), None, flags);
    }
    let set = Set::Add(reg(w, 5), if minus { -by } else { by });
    plain(xsp(w, 5), xsp(w, 0), wide(w).then_some((reg(w, 0), set)), Flags::Kept)
}

fn branch_or_system(w: u32, va: u64) -> Insn {
    let link = 1 << LR;
    if w & 0x7c00_0000 == 0x1400_0000 {
        let to = at(va, signed(w, 0, 26));
        return if wide(w) {
            jump(Flow::Call(Some(to)), 0, link)
        } else {
            jump(Flow::Jump(to), 0, 0)
        };
    }
    if w & 0xff00_0010 == 0x5400_0000 {
        let when = match bits(w, 0, 4) {
            0 => When::Flags(Is::Zero),
            1 => When::Flags(Is::NotZero),
            // After a compare with 0, mi and lt are one, and so are pl and ge.
            4 | 11 => When::Flags(Is::Negative),
            5 | 10 => When::Flags(Is::NotNegative),
            _ => When::Other,
        };
        return jump(Flow::Branch(at(va, signed(w, 5, 19)), when), 0, 0);
    }
    if w & 0x7e00_0000 == 0x3400_0000 {
        let is = if bits(w, 24, 1) == 0 { Is::Zero } else { Is::NotZero };
        let when = When::Reg { reg: reg(w, 0), wide: wide(w), is };
        let when = if reg(w, 0) == SP { When::Other } else { when };
        return jump(Flow::Branch(at(va, signed(w, 5, 19)), when), x(w, 0), 0);
    }
    if w & 0x7e00_0000 == 0x3600_0000 {
        let is = if bits(w, 24, 1) == 0 { Is::NotNegative } else { Is::Negative };
        let sign = bits(w, 19, 5) == 31 && reg(w, 0) != SP;
        let when = When::Reg { reg: reg(w, 0), wide: wide(w), is };
        let when = if sign { when } else { When::Other };
        return jump(Flow::Branch(at(va, signed(w, 5, 14)), when), x(w, 0), 0);
    }
    match (w & 0xffff_fc1f, reg(w, 5)) {
        (0xd61f_0000, rn) if rn != SP => return jump(Flow::JumpReg(rn), x(w, 5), 0),
        (0xd63f_0000, _) => return jump(Flow::Call(None), x(w, 5), link),
        (0xd65f_0000, _) => return jump(Flow::Return, x(w, 5), 0),
        _ => {}
    }
    if w == 0xd65f_0bff || w == 0xd65f_0fff {
        return Insn { flow: Flow::Return, ..plain(link, 0, None, Flags::Kept) };
    }
    // Hints: those that sign, check or strip the return address; the rest does nothing.
    if w & 0xffff_f01f == 0xd503_201f {
        return match bits(w, 5, 7) {
            7 | 24..=31 => plain(link, link, None, Flags::Kept),
            8 | 10 | 12 | 14 => plain(3 << 16, 1 << 17, None, Flags::Kept),
            _ => plain(0, 0, None, Flags::Kept),
        };
    }
    match w & 0xfff0_0000 {
        // Barriers.
        0xd500_0000 if w & 0xffff_f01f == 0xd503_301f => plain(0, 0, None, Flags::Kept),
        // msr, mrs
        0xd510_0000 => plain(x(w, 0), 0, None, Flags::Lost),
        0xd530_0000 => plain(0, x(w, 0), None, Flags::Kept),
        _ => stop(),
    }
}

fn load_store(w: u32) -> Option<Insn> {
    let vector = bits(w, 26, 1) != 0;
    let general = |mask: u32| if vector { 0 } else { mask };
    match bits(w, 27, 3) {
        // Pairs.
        0b101 => {
            let (load, mode) = (bits(w, 22, 1) != 0, bits(w, 23, 2));
            if bits(w, 30, 2) == 3 && !vector {
                return None;
            }
            let pair = general(x(w, 0) | x(w, 10));
            let by =
                signed(w, 15, 7) << if vector { 2 + bits(w, 30, 2) } else { 2 + bits(w, 31, 1) };
            let (reads, writes) = if load { (0, pair) } else { (pair, 0) };
            Some(based(w, reads, writes, mode & 1 != 0, by))
        }
        // ldr from a literal, prfm
        0b011 if bits(w, 24, 2) == 0 => {
            let writes = if bits(w, 30, 2) == 3 { 0 } else { general(x(w, 0)) };
            Some(plain(0, writes, None, Flags::Kept))
        }
        0b111 => Some(single(w, vector)),
        // Exclusive and ordered accesses; vector structures. Overstated.
        0b001 => {
            let regs = general(x(w, 0) | x(w, 10) | x(w, 16));
            let base = if vector && bits(w, 23, 1) != 0 { xsp(w, 5) } else { 0 };
            Some(plain(regs | x(w, 16) | xsp(w, 5), regs | base, None, Flags::Kept))
        }
        // ldapr, stlr with offset; memory tags and copies, which this also would catch, are not
        // told apart.
        _ => None,
    }
}

/// One register: with an unsigned offset, an index, or before or after moving the base.
fn single(w: u32, vector: bool) -> Insn {
    let (size, opc) = (bits(w, 30, 2), bits(w, 22, 2));
    let loads = if vector { opc & 1 != 0 } else { opc != 0 };
    let prefetch = !vector && size == 3 && opc == 2;
    let rt = if vector || prefetch { 0 } else { x(w, 0) };
    let (reads, writes) = if loads { (0, rt) } else { (rt, 0) };
    let follow = |disp: i64| {
        let set = Set::Load { base: reg(w, 5), disp };
        (loads && rt != 0).then_some((reg(w, 0), set))
    };
    if bits(w, 24, 2) == 1 {
        let shift = if vector && opc & 2 != 0 { 4 } else { size };
        let disp = i64::from(bits(w, 10, 12)) << shift;
        return plain(reads | xsp(w, 5), writes, follow(disp), Flags::Kept);
    }
    match (bits(w, 21, 1), bits(w, 10, 2)) {
        (0, 0) => plain(reads | xsp(w, 5), writes, follow(signed(w, 12, 9)), Flags::Kept),
        (0, 2) => plain(reads | xsp(w, 5), writes, None, Flags::Kept),
        (0, _) => based(w, reads, writes, true, signed(w, 12, 9)),
        (1, 2) => plain(reads | xsp(w, 5) | x(w, 16), writes, None, Flags::Kept),
        // Atomics, and loads through signed pointers, which may move the base.
        _ => plain(x(w, 0) | x(w, 16) | xsp(w, 5), x(w, 0) | xsp(w, 5), None, Flags::Kept),
    }
}

/// An access whose base register may move.
fn based(w: u32, reads: u32, writes: u32, moves: bool, by: i64) -> Insn {
    let base = reg(w, 5);
    let set = moves.then_some((base, Set::Add(base, by)));
    let moved = if moves { 1 << base } else { 0 };
    plain(reads | 1 << base, writes | moved, set, Flags::Kept)
}

fn register(w: u32) -> Option<Insn> {
    let (rn, rm) = (x(w, 5), x(w, 16));
    match bits(w, 24, 5) {
        // and, orr, eor, ands with a shift; mov among them
        0b01010 => {
            let mov = w & 0x7fe0_ffe0 == 0x2a00_03e0 && reg(w, 0) != SP;
            let set = match (mov, reg(w, 16), wide(w)) {
                (false, ..) => None,
                (true, SP, _) => Some(Set::Const(0)),
                (true, from, true) => Some(Set::Copy(from)),
                (true, from, false) => Some(Set::Zext(from)),
            };
            let flags = if bits(w, 29, 2) == 3 { Flags::Lost } else { Flags::Kept };
            Some(plain(rn | rm, x(w, 0), set.map(|set| (reg(w, 0), set)), flags))
        }
        // add, sub, with a shifted or an extended register; the latter can mean the stack pointer
        0b01011 => {
            let sets_flags = bits(w, 29, 1) != 0;
            let extended = bits(w, 21, 1) != 0;
            let rd = if extended && !sets_flags { xsp(w, 0) } else { x(w, 0) };
            let rn = if extended { xsp(w, 5) } else { rn };
            Some(plain(rn | rm, rd, None, if sets_flags { Flags::Lost } else { Flags::Kept }))
        }
        // carry, conditional compare and select, one and two sources
        0b11010 => {
            let compare = bits(w, 21, 3) == 0b010;
            let flags =
                if matches!(bits(w, 21, 3), 0b100 | 0b110) { Flags::Kept } else { Flags::Lost };
            Some(plain(rn | rm, if compare { 0 } else { x(w, 0) }, None, flags))
        }
        // multiply and add
        0b11011 => Some(plain(rn | rm | x(w, 10), x(w, 0), None, Flags::Kept)),
        _ => None,
    }
}

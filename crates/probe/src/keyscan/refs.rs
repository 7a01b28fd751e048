//! Instructions that put a given address into a register.

use memchr::memchr_iter;

use super::sweep::sweep;
use crate::elf::Image;
use crate::site::Arch;

/// Places in one file, at most. A library has some thirty.
const MOST: usize = 4096;
/// How far behind `adrp` its `add` is looked for, in instructions.
const REACH: usize = 64;

/// An instruction that makes an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ref {
    /// The first instruction behind it.
    pub(super) next: u64,
    /// The register that holds the address then.
    pub(super) reg: u8,
    /// The address.
    pub(super) to: u64,
}

/// All references to `targets`, which are sorted, by address. In code that is looked at byte by
/// byte some are none; whoever follows them finds out.
pub(super) fn find(image: &Image<'_>, targets: &[u64]) -> Vec<Ref> {
    let Some((&first, &last)) = targets.first().zip(targets.last()) else { return Vec::new() };
    let wanted = |to: u64| first <= to && to <= last && targets.binary_search(&to).is_ok();
    let (arch, fixed) = (image.arch(), image.fixed());
    let margin = REACH * 4;
    let mut found =
        sweep(image.source(), image.code(), margin, MOST, |va, bytes, found| match arch {
            Arch::X86_64 => {
                relative(va, bytes, wanted, found);
                if fixed {
                    immediate(va, bytes, wanted, found);
                }
            }
            Arch::Arm64 => paged(va, bytes, (first, last), wanted, found),
        });
    found.sort_unstable();
    found.dedup();
    found
}

/// `lea r64, [rip + disp32]`: REX.W 8D /r with mod 0 and rm 5.
fn relative(va: u64, bytes: &[u8], wanted: impl Fn(u64) -> bool, found: &mut Vec<Ref>) {
    for at in memchr_iter(0x8d, bytes) {
        let Some(&[rex, _, modrm, a, b, c, d]) =
            at.checked_sub(1).and_then(|start| bytes.get(start..)?.first_chunk::<7>())
        else {
            continue;
        };
        if rex & 0xfb != 0x48 || modrm & 0xc7 != 5 {
            continue;
        }
        let next = va.wrapping_add(at as u64 + 6);
        let to = next.wrapping_add_signed(i64::from(i32::from_le_bytes([a, b, c, d])));
        if wanted(to) {
            found.push(Ref { next, reg: modrm >> 3 & 7 | (rex & 4) << 1, to });
        }
    }
}

/// `mov r32, imm32`, which compilers write for addresses that are fixed and low: B8+r.
fn immediate(va: u64, bytes: &[u8], wanted: impl Fn(u64) -> bool, found: &mut Vec<Ref>) {
    for (at, window) in bytes.windows(5).enumerate() {
        let &[op, a, b, c, d] = window else { continue };
        if op & 0xf8 != 0xb8 {
            continue;
        }
        let to = u64::from(u32::from_le_bytes([a, b, c, d]));
        if wanted(to) {
            let before = at.checked_sub(1).and_then(|before| bytes.get(before));
            let high = if before == Some(&0x41) { 8 } else { 0 };
            let next = va.wrapping_add(at as u64 + 5);
            found.push(Ref { next, reg: op & 7 | high, to });
        }
    }
}

/// `adr`, or `adrp` with an `add` of the page's low bits.
fn paged(
    va: u64,
    bytes: &[u8],
    (first, last): (u64, u64),
    wanted: impl Fn(u64) -> bool,
    found: &mut Vec<Ref>,
) {
    // Segments begin on a page, pieces and margins are whole instructions.
    let words = bytes.as_chunks::<4>().0;
    for (at, word) in words.iter().enumerate() {
        let word = u32::from_le_bytes(*word);
        if word & 0x1f00_0000 != 0x1000_0000 {
            continue;
        }
        let pc = va.wrapping_add(at as u64 * 4);
        let by = i64::from((word as i32) << 8 >> 13 << 2 | (word >> 29 & 3) as i32);
        let reg = (word & 31) as u8;
        if word >> 31 == 0 {
            let to = pc.wrapping_add_signed(by);
            if wanted(to) {
                found.push(Ref { next: pc.wrapping_add(4), reg, to });
            }
            continue;
        }
        let page = (pc & !0xfff).wrapping_add_signed(by << 12);
        if page < first & !0xfff || page > last {
            continue;
        }
        let rest = words.get(at + 1..).unwrap_or_default();
        for (pc, reg, to) in additions(pc, page, reg, rest) {
            if wanted(to) {
                found.push(Ref { next: pc.wrapping_add(4), reg, to });
            }
        }
    }
}

/// The sums of a page's address and a number, until the register is used for something else.
fn additions(
    pc: u64,
    page: u64,
    base: u8,
    words: &[[u8; 4]],
) -> impl Iterator<Item = (u64, u8, u64)> {
    let mut live = true;
    (1..).zip(words.iter().take(REACH)).filter_map(move |(n, word)| {
        let word = u32::from_le_bytes(*word);
        let reg = (word & 31) as u8;
        let was = live;
        // adrp, adr, add immediate: any of them that writes the register ends its use.
        let writes = word & 0x1f00_0000 == 0x1000_0000 || word & 0x7f80_0000 == 0x1100_0000;
        live &= !(writes && reg == base);
        let adds = word & 0xffc0_0000 == 0x9100_0000 && (word >> 5 & 31) as u8 == base;
        let to = page.wrapping_add(u64::from(word >> 10 & 0xfff));
        (was && adds).then_some((pc.wrapping_add(n * 4), reg, to))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x86_forms() {
        let mut found = Vec::new();
        // lea rsi, [rip+0x10]; lea r9, [rip-7]
        let code = [0x48, 0x8d, 0x35, 0x10, 0, 0, 0, 0x4c, 0x8d, 0x0d, 0xf9, 0xff, 0xff, 0xff];
        relative(0x1000, &code, |_| true, &mut found);
        assert_eq!(found[0], Ref { next: 0x1007, reg: 6, to: 0x1017 });
        assert_eq!(found[1], Ref { next: 0x100e, reg: 9, to: 0x1007 });
        // mov esi, 0x401234; mov r8d, 0x401234
        let code = [0xbe, 0x34, 0x12, 0x40, 0, 0x41, 0xb8, 0x34, 0x12, 0x40, 0];
        found.clear();
        immediate(0x400000, &code, |to| to == 0x401234, &mut found);
        assert_eq!(found[0], Ref { next: 0x400005, reg: 6, to: 0x401234 });
        assert_eq!(found[1], Ref { next: 0x40000b, reg: 8, to: 0x401234 });
    }

    #[test]
    fn arm64_forms() {
        let code: Vec<u8> = [
            0xb0000001u32, // adrp x1, +1 page
            0xd503201f,    // nop
            0x91048c21,    // add x1, x1, #0x123
            0x91048c22,    // add x2, x1, #0x123: x1 is no page any more
            0x10000063,    // adr x3, +12
            0x70ffffe4,    // adr x4, -1
        ]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
        let mut found = Vec::new();
        paged(0x4000, &code, (0, u64::MAX), |_| true, &mut found);
        assert_eq!(found[0], Ref { next: 0x400c, reg: 1, to: 0x5123 });
        assert_eq!(found[1], Ref { next: 0x4014, reg: 3, to: 0x401c });
        assert_eq!(found[2], Ref { next: 0x4018, reg: 4, to: 0x4013 });
        assert_eq!(found.len(), 3);
    }
}

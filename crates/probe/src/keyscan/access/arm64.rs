//! AArch64: the accesses that compilers write, told apart by fixed bits (Arm ARM, C4.1.94).

use super::{Access, Choice, Reg};

/// The access, a vector register that is changed otherwise, and a conditional move.
pub(super) fn access(bytes: &[u8]) -> (Option<Access>, Option<u8>, Option<Choice>) {
    let Some(&word) = bytes.first_chunk::<4>() else { return (None, None, None) };
    let w = u32::from_le_bytes(word);
    match bits(w, 25, 4) {
        0b0100 | 0b0110 | 0b1100 | 0b1110 if bits(w, 27, 3) == 0b101 => (Some(pair(w)), None, None),
        0b0100 | 0b0110 | 0b1100 | 0b1110 => (single(w), None, None),
        // Vector arithmetic.
        0b0111 | 0b1111 => (None, Some(bits(w, 0, 5) as u8), None),
        0b0101 | 0b1101 => (None, None, choice(w)),
        _ => (None, None, None),
    }
}

/// csel with no zero register in it.
fn choice(w: u32) -> Option<Choice> {
    let [to, first, second] = [0, 5, 16].map(|low| bits(w, low, 5) as u8);
    let plain = w & 0x7fe0_0c00 == 0x1a80_0000 && ![to, first, second].contains(&31);
    plain.then_some(Choice { to, from: [first, second] })
}

fn bits(w: u32, low: u32, count: u32) -> u32 {
    (w >> low) & ((1 << count) - 1)
}

fn signed(w: u32, low: u32, count: u32) -> i64 {
    let shift = 64 - count;
    (i64::from(bits(w, low, count)) << shift) >> shift
}

/// A register field; 31 is the zero register, which holds nothing.
fn reg(w: u32, low: u32, vector: bool) -> Option<Reg> {
    let number = bits(w, low, 5) as u8;
    if vector { Some(Reg::Vector(number)) } else { (number != 31).then_some(Reg::General(number)) }
}

fn base(w: u32) -> Option<u8> {
    Some(bits(w, 5, 5) as u8)
}

/// ldp, stp, and ldpsw.
fn pair(w: u32) -> Access {
    let vector = bits(w, 26, 1) != 0;
    let size = if vector { 4 << bits(w, 30, 2).min(2) } else { 4 << bits(w, 31, 1) };
    // Only the form that moves the base afterwards leaves the number out of the address.
    let disp = if bits(w, 23, 2) == 1 { 0 } else { signed(w, 15, 7) * i64::from(size) };
    Access {
        writes: bits(w, 22, 1) == 0,
        base: base(w),
        index: None,
        disp,
        size,
        regs: [reg(w, 0, vector), reg(w, 10, vector)],
    }
}

/// ldr, str and their kin.
fn single(w: u32) -> Option<Access> {
    if bits(w, 27, 3) != 0b111 {
        return None;
    }
    let vector = bits(w, 26, 1) != 0;
    let (size, opc) = (bits(w, 30, 2), bits(w, 22, 2));
    if !vector && size == 3 && opc == 2 {
        // A hint.
        return None;
    }
    let scale = if vector && opc & 2 != 0 { 4 } else { size };
    let mut access = Access {
        writes: if vector { opc & 1 == 0 } else { opc == 0 },
        base: base(w),
        index: None,
        disp: 0,
        size: 1 << scale,
        // Bytes and halves are no values that lead anywhere.
        regs: [reg(w, 0, vector).filter(|_| scale >= 2), None],
    };
    match (bits(w, 24, 1), bits(w, 21, 1), bits(w, 10, 2)) {
        (1, ..) => access.disp = i64::from(bits(w, 10, 12)) << scale,
        (0, 0, 0 | 3) => access.disp = signed(w, 12, 9),
        (0, 0, 1) => {}
        (0, 1, 2) => {
            access.index = Some((bits(w, 16, 5) as u8, 1 << (scale * bits(w, 12, 1))));
        }
        _ => return None,
    }
    Some(access)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(word: u32) -> Access {
        access(&word.to_le_bytes()).0.unwrap()
    }

    #[test]
    fn forms() {
        let load = one(0xf9401808); // ldr x8, [x0, #0x30]
        assert!(!load.writes);
        assert_eq!((load.base, load.disp, load.size), (Some(0), 0x30, 8));
        assert_eq!(load.regs[0], Some(Reg::General(8)));
        let pair = one(0xa9bd7bfd); // stp x29, x30, [sp, #-48]!
        assert!(pair.writes);
        assert_eq!((pair.base, pair.disp, pair.size), (Some(31), -48, 8));
        assert_eq!(pair.regs, [Some(Reg::General(29)), Some(Reg::General(30))]);
        let post = one(0xa8c37bfd); // ldp x29, x30, [sp], #48
        assert_eq!((post.writes, post.disp), (false, 0));
        let vectors = one(0xad400400); // ldp q0, q1, [x0]
        assert_eq!((vectors.size, vectors.regs[1]), (16, Some(Reg::Vector(1))));
        let byte = one(0x38616803); // ldrb w3, [x0, x1]
        assert_eq!((byte.index, byte.size, byte.regs[0]), (Some((1, 1)), 1, None));
        assert_eq!(access(&0xf9800000u32.to_le_bytes()), (None, None, None)); // prfm
        assert_eq!(access(&0x4e221c20u32.to_le_bytes()), (None, Some(0), None)); // and v0, v1, v2
        let choice = access(&0x9a820020u32.to_le_bytes()).2; // csel x0, x1, x2, eq
        assert_eq!(choice, Some(Choice { to: 0, from: [1, 2] }));
    }
}

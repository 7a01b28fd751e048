//! x86-64.

use iced_x86::{ConditionCode, Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};

use super::{Access, Choice, Reg};

const RSP: u8 = 4;

/// The access, a vector register that is changed otherwise, and a conditional move.
pub(super) fn access(bytes: &[u8], va: u64) -> (Option<Access>, Option<u8>, Option<Choice>) {
    let i = Decoder::with_ip(64, bytes, va, DecoderOptions::NONE).decode();
    let access = match i.mnemonic() {
        Mnemonic::Push if i.op0_kind() != OpKind::Memory => stack(true, -8, operand(&i, 0)),
        Mnemonic::Pop if i.op0_kind() != OpKind::Memory => stack(false, 0, operand(&i, 0)),
        Mnemonic::Lea | Mnemonic::Nop | Mnemonic::Endbr64 => None,
        _ => (0..i.op_count()).find_map(|n| memory(&i, n)),
    };
    let vector = i.op0_register().is_vector_register().then(|| i.op0_register().number() as u8);
    let loaded = access.is_some_and(|a| !a.writes && a.regs[0].is_some());
    (access, vector.filter(|_| !loaded), choice(&i))
}

fn choice(i: &Instruction) -> Option<Choice> {
    let cmov = i.condition_code() != ConditionCode::None && i.op_count() == 2;
    match [i.op0_register(), i.op1_register()].map(reg) {
        [Some(Reg::General(to)), Some(Reg::General(from))] if cmov => {
            Some(Choice { to, from: [to, from] })
        }
        _ => None,
    }
}

fn stack(writes: bool, disp: i64, moved: Option<Reg>) -> Option<Access> {
    let regs = [moved, None];
    Some(Access { writes, base: Some(RSP), index: None, disp, size: 8, regs })
}

/// Operand `n` as an access, if it is memory.
fn memory(i: &Instruction, n: u32) -> Option<Access> {
    // Thread-local storage is no part of what is followed.
    if i.op_kind(n) != OpKind::Memory || i.segment_prefix() != Register::None {
        return None;
    }
    let general = |register: Register| register.is_gpr64().then(|| register.number() as u8);
    let absolute = i.is_ip_rel_memory_operand() || i.memory_base() == Register::None;
    let base = if absolute { None } else { Some(general(i.memory_base())?) };
    let index = match i.memory_index() {
        Register::None => None,
        index => Some((general(index)?, i.memory_index_scale() as u8)),
    };
    let writes = n == 0 && !matches!(i.mnemonic(), Mnemonic::Cmp | Mnemonic::Test | Mnemonic::Bt);
    let other = u32::from(n == 0);
    Some(Access {
        writes,
        base,
        index,
        disp: i.memory_displacement64() as i64,
        size: u8::try_from(i.memory_size().size()).unwrap_or(u8::MAX),
        regs: [operand(i, other).filter(|_| moves(i.mnemonic())), None],
    })
}

fn operand(i: &Instruction, n: u32) -> Option<Reg> {
    match i.op_kind(n) {
        OpKind::Register => reg(i.op_register(n)),
        _ => i.try_immediate(n).ok().map(|number| Reg::Number(number as i64)),
    }
}

fn reg(register: Register) -> Option<Reg> {
    match register {
        register if register.is_gpr64() || register.is_gpr32() => {
            Some(Reg::General(register.full_register().number() as u8))
        }
        register if register.is_vector_register() => Some(Reg::Vector(register.number() as u8)),
        _ => None,
    }
}

/// Whole values between a register and memory, nothing computed.
fn moves(mnemonic: Mnemonic) -> bool {
    use Mnemonic as M;
    matches!(
        mnemonic,
        M::Mov
            | M::Cmove
            | M::Cmovne
            | M::Movq
            | M::Movups
            | M::Movaps
            | M::Movupd
            | M::Movapd
            | M::Movdqu
            | M::Movdqa
            | M::Vmovups
            | M::Vmovaps
            | M::Vmovdqu
            | M::Vmovdqa
            | M::Vmovdqu8
            | M::Vmovdqu64
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(bytes: &[u8]) -> Access {
        access(bytes, 0x1000).0.unwrap()
    }

    #[test]
    fn forms() {
        let load = one(&[0x48, 0x8b, 0x47, 0x30]); // mov rax, [rdi+0x30]
        assert!(!load.writes);
        assert_eq!((load.base, load.disp, load.size), (Some(7), 0x30, 8));
        assert_eq!(load.regs[0], Some(Reg::General(0)));
        let store = one(&[0x4c, 0x89, 0x44, 0x24, 0x08]); // mov [rsp+8], r8
        assert!(store.writes);
        assert_eq!((store.base, store.disp), (Some(4), 8));
        assert_eq!(store.regs[0], Some(Reg::General(8)));
        let byte = one(&[0x0f, 0xb6, 0x44, 0x17, 0x30]); // movzx eax, byte [rdi+rdx+0x30]
        assert_eq!((byte.index, byte.size, byte.regs[0]), (Some((2, 1)), 1, None));
        let vector = one(&[0xf3, 0x0f, 0x6f, 0x4e, 0x10]); // movdqu xmm1, [rsi+0x10]
        assert_eq!((vector.size, vector.regs[0]), (16, Some(Reg::Vector(1))));
        let compare = one(&[0x48, 0x83, 0x7f, 0x08, 0]); // cmp qword [rdi+8], 0
        assert!(!compare.writes && compare.regs[0].is_none());
        assert!(one(&[0x41, 0x54]).writes); // push r12
        // endbr64; mov rax, fs:[0x28]; xorps xmm0, xmm0
        assert_eq!(access(&[0xf3, 0x0f, 0x1e, 0xfa], 0), (None, None, None));
        assert_eq!(access(&[0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0], 0), (None, None, None));
        assert_eq!(access(&[0x0f, 0x57, 0xc0], 0), (None, Some(0), None));
        let cmove = access(&[0x48, 0x0f, 0x44, 0xc8], 0); // cmove rcx, rax
        assert_eq!(cmove, (None, None, Some(Choice { to: 1, from: [1, 0] })));
    }
}

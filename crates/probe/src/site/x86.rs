//! x86-64 instructions.

use iced_x86::{
    ConditionCode, Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory,
    Mnemonic, OpAccess, OpKind, Register,
};

use super::insn::{Flags, Flow, Insn, Is, Set, When};

/// The longest instruction.
pub(super) const MAX: usize = 15;

const RSP: u8 = 4;

/// Decodes the instruction that `bytes` begin with.
pub(super) fn decode(bytes: &[u8], va: u64) -> Option<Insn> {
    let i = Decoder::with_ip(64, bytes, va, DecoderOptions::NONE).decode();
    if i.is_invalid() {
        return None;
    }
    let (reads, writes) = registers(&i);
    Some(Insn {
        len: i.len() as u64,
        flow: flow(&i),
        cheap: bytes.get(..i.len()).is_some_and(emulated),
        reads,
        writes,
        set: set(&i),
        flags: flags(&i),
    })
}

/// What `branch_setup_xol_ops` and `push_setup_xol_ops` take in every kernel since 5.8. Forms with
/// prefixes are left out: some were refused, and compilers have no use for them in a prologue.
fn emulated(insn: &[u8]) -> bool {
    matches!(
        insn,
        [0x90]                                        // nop
            | [0x50..=0x57] | [0x41, 0x50..=0x57]     // push
            | [0xe8, ..] | [0xe9, ..] | [0xeb, _]     // call, jmp
            | [0x70..=0x7f, _] | [0x0f, 0x80..=0x8f, ..] // jcc
    )
}

fn flow(i: &Instruction) -> Flow {
    match i.flow_control() {
        FlowControl::Next => Flow::Next,
        FlowControl::UnconditionalBranch if i.is_jmp_short_or_near() => {
            Flow::Jump(i.near_branch_target())
        }
        FlowControl::IndirectBranch => match i.op0_kind() {
            OpKind::Register => gpr(i.op0_register()).map_or(Flow::Stop, Flow::JumpReg),
            OpKind::Memory => Flow::JumpMem {
                slot: i.is_ip_rel_memory_operand().then(|| i.ip_rel_memory_address()),
                plain: i.memory_index() == Register::None,
            },
            _ => Flow::Stop,
        },
        FlowControl::ConditionalBranch if i.is_jcc_short_or_near() => {
            Flow::Branch(i.near_branch_target(), when(i.condition_code()))
        }
        FlowControl::ConditionalBranch => Flow::Branch(i.near_branch_target(), When::Other),
        FlowControl::Call if i.is_call_near() => Flow::Call(Some(i.near_branch_target())),
        FlowControl::Call | FlowControl::IndirectCall => Flow::Call(None),
        FlowControl::Return => Flow::Return,
        _ => Flow::Stop,
    }
}

/// `test` clears the overflow flag, so after it "less" and "negative" are one.
fn when(condition: ConditionCode) -> When {
    match condition {
        ConditionCode::s | ConditionCode::l => When::Flags(Is::Negative),
        ConditionCode::ns | ConditionCode::ge => When::Flags(Is::NotNegative),
        ConditionCode::e => When::Flags(Is::Zero),
        ConditionCode::ne => When::Flags(Is::NotZero),
        _ => When::Other,
    }
}

fn flags(i: &Instruction) -> Flags {
    if i.mnemonic() == Mnemonic::Test
        && i.op1_kind() == OpKind::Register
        && i.op0_register() == i.op1_register()
        && let Some(reg) = gpr(i.op0_register())
        && matches!(i.op0_register().size(), 4 | 8)
    {
        return Flags::Of { reg, wide: i.op0_register().size() == 8 };
    }
    if i.rflags_modified() == 0 { Flags::Kept } else { Flags::Lost }
}

/// The general registers that an instruction reads and writes, also as part of an address.
fn registers(i: &Instruction) -> (u32, u32) {
    let (mut reads, mut writes) = (0, 0);
    let mut factory = InstructionInfoFactory::new();
    for used in factory.info(i).used_registers() {
        let Some(reg) = gpr(used.register()) else { continue };
        let (read, written) = match used.access() {
            OpAccess::None | OpAccess::NoMemAccess => (false, false),
            OpAccess::Read | OpAccess::CondRead => (true, false),
            OpAccess::Write | OpAccess::CondWrite => (false, true),
            OpAccess::ReadWrite | OpAccess::ReadCondWrite => (true, true),
        };
        reads |= u32::from(read) << reg;
        writes |= u32::from(written) << reg;
    }
    (reads, writes)
}

fn gpr(register: Register) -> Option<u8> {
    register.is_gpr().then(|| register.full_register().number() as u8)
}

fn set(i: &Instruction) -> Option<(u8, Set)> {
    match i.mnemonic() {
        Mnemonic::Push => {
            return Some((RSP, Set::Add(RSP, i64::from(i.stack_pointer_increment()))));
        }
        Mnemonic::Pop if i.op0_register() != Register::RSP => {
            return Some((RSP, Set::Add(RSP, i64::from(i.stack_pointer_increment()))));
        }
        _ => {}
    }
    // Narrower writes leave the rest of the register: those are not followed.
    let size = if i.op0_kind() == OpKind::Register { i.op0_register().size() } else { 0 };
    let wide = match size {
        8 => true,
        4 => false,
        _ => return None,
    };
    let reg = gpr(i.op0_register())?;
    let from = || gpr(i.op1_register());
    let set = match (i.mnemonic(), i.op1_kind()) {
        (Mnemonic::Mov, OpKind::Register) if wide => Set::Copy(from()?),
        (Mnemonic::Mov, OpKind::Register) => Set::Zext(from()?),
        (Mnemonic::Movsxd, OpKind::Register) if wide => Set::Sext(from()?),
        (Mnemonic::Xor, OpKind::Register) if i.op0_register() == i.op1_register() => Set::Const(0),
        (Mnemonic::Lea, OpKind::Memory) if wide => address(i)?,
        (_, OpKind::Memory) if loads(i) => match address(i)? {
            Set::Add(base, disp) => Set::Load { base, disp },
            _ => return None,
        },
        (Mnemonic::Mov, kind) if immediate(kind) && wide => Set::Const(i.immediate(1) as i64),
        (Mnemonic::Mov, kind) if immediate(kind) => Set::Const(i64::from(i.immediate(1) as u32)),
        (Mnemonic::Add, kind) if immediate(kind) && wide => Set::Add(reg, i.immediate(1) as i64),
        (Mnemonic::Sub, kind) if immediate(kind) && wide => {
            Set::Add(reg, (i.immediate(1) as i64).checked_neg()?)
        }
        _ => return None,
    };
    Some((reg, set))
}

/// `mov`, or `cmov`, which is the one conditional instruction that reads memory into a register.
fn loads(i: &Instruction) -> bool {
    i.mnemonic() == Mnemonic::Mov || i.condition_code() != ConditionCode::None
}

/// A memory operand as register plus constant, or as a fixed address.
fn address(i: &Instruction) -> Option<Set> {
    if i.memory_index() != Register::None || i.segment_prefix() != Register::None {
        return None;
    }
    if i.is_ip_rel_memory_operand() {
        return Some(Set::Const(i.ip_rel_memory_address() as i64));
    }
    let base = gpr(i.memory_base()).filter(|_| i.memory_base().size() == 8)?;
    Some(Set::Add(base, i.memory_displacement64() as i64))
}

fn immediate(kind: OpKind) -> bool {
    matches!(
        kind,
        OpKind::Immediate32
            | OpKind::Immediate64
            | OpKind::Immediate8to32
            | OpKind::Immediate8to64
            | OpKind::Immediate32to64
    )
}

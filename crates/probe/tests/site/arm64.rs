//! Random AArch64 prologues, run in a simulator up to the chosen site.

use std::collections::HashMap;

use ecapture_probe::site::{Arch, Cost, Need, Place, choose};
use proptest::prelude::*;

use super::Bytes;

const BASE: u64 = 0x40_0000;
const SP: u32 = 31;
const LR: u32 = 30;
const ENTRY_SP: u64 = 0x7fff_0000_1000;

/// An instruction that compilers put in prologues, or that one could fear there. Register 31 is
/// the stack pointer in bases and in what adds a number, the zero register elsewhere.
#[derive(Clone, Copy, Debug)]
enum Op {
    Nop,
    Bti,
    Paciasp,
    StorePair { pre: bool, rt: u32, rt2: u32, rn: u32, by: i32 },
    LoadPair { post: bool, rt: u32, rt2: u32, rn: u32, by: i32 },
    Store { rt: u32, rn: u32 },
    StorePost { rt: u32, rn: u32, by: i32 },
    Load { rt: u32, rn: u32 },
    LoadLiteral { rt: u32 },
    StoreVectors { rn: u32, by: i32 },
    Add { rd: u32, rn: u32, by: i32 },
    Mov { rd: u32, rm: u32 },
    Mov32 { rd: u32, rm: u32 },
    Sxtw { rd: u32, rn: u32 },
    Movz { rd: u32, n: u32 },
    Movk { rd: u32, n: u32 },
    Adrp { rd: u32 },
    And { rd: u32, rn: u32 },
    Compare { rn: u32 },
    Select { rd: u32, rn: u32, rm: u32 },
    MultiplyAdd { rd: u32, rn: u32, rm: u32, ra: u32 },
    AddExtended { rd: u32, rn: u32, rm: u32 },
    AtomicAdd { rs: u32, rt: u32, rn: u32 },
    LoadExclusive { rt: u32, rn: u32 },
    FromVector { rd: u32 },
    System { rt: u32 },
}

/// The instruction that ends the straight line.
#[derive(Clone, Copy, Debug)]
enum End {
    Call,
    Jump,
    IfZero(u32),
    IfBit(u32),
    Branch,
    Trap,
}

struct Machine {
    regs: [u64; 32],
    memory: HashMap<u64, u64>,
    random: u64,
    /// The return address was saved or signed.
    link_used: bool,
}

impl Machine {
    fn at_entry() -> Machine {
        let mut machine = Machine {
            regs: [0; 32],
            memory: HashMap::new(),
            random: 0x1234_5678,
            link_used: false,
        };
        for reg in 0..31 {
            machine.regs[reg] = machine.noise();
        }
        machine.regs[SP as usize] = ENTRY_SP;
        machine
    }

    /// Numbers that never come twice, none of them 32 bits wide.
    fn noise(&mut self) -> u64 {
        self.random =
            self.random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767);
        self.random | 1 << 63
    }

    /// A register, 31 being zero.
    fn x(&mut self, reg: u32) -> u64 {
        self.link_used |= reg == LR;
        if reg == 31 { 0 } else { self.regs[reg as usize] }
    }

    fn set_x(&mut self, reg: u32, value: u64) {
        self.link_used |= reg == LR;
        if reg != 31 {
            self.regs[reg as usize] = value;
        }
    }

    /// A register, 31 being the stack pointer.
    fn sp(&mut self, reg: u32) -> u64 {
        self.link_used |= reg == LR;
        self.regs[reg as usize]
    }

    fn set_sp(&mut self, reg: u32, value: u64) {
        self.link_used |= reg == LR;
        self.regs[reg as usize] = value;
    }

    fn load(&mut self, at: u64) -> u64 {
        let noise = self.noise();
        *self.memory.entry(at).or_insert(noise)
    }

    fn run(&mut self, op: Op) {
        match op {
            Op::Nop | Op::Bti => {}
            Op::Paciasp => {
                let signed = self.x(LR) ^ self.noise();
                self.set_x(LR, signed);
            }
            Op::StorePair { pre, rt, rt2, rn, by } => {
                let at = self.sp(rn).wrapping_add_signed(by.into());
                let (first, second) = (self.x(rt), self.x(rt2));
                self.memory.insert(at, first);
                self.memory.insert(at.wrapping_add(8), second);
                if pre {
                    self.set_sp(rn, at);
                }
            }
            Op::LoadPair { post, rt, rt2, rn, by } => {
                let base = self.sp(rn);
                let at = if post { base } else { base.wrapping_add_signed(by.into()) };
                let (first, second) = (self.load(at), self.load(at.wrapping_add(8)));
                self.set_x(rt, first);
                self.set_x(rt2, second);
                if post {
                    self.set_sp(rn, base.wrapping_add_signed(by.into()));
                }
            }
            Op::Store { rt, rn } => {
                let (at, value) = (self.sp(rn), self.x(rt));
                self.memory.insert(at, value);
            }
            Op::StorePost { rt, rn, by } => {
                let (at, value) = (self.sp(rn), self.x(rt));
                self.memory.insert(at, value);
                self.set_sp(rn, at.wrapping_add_signed(by.into()));
            }
            Op::Load { rt, rn } => {
                let at = self.sp(rn);
                let value = self.load(at);
                self.set_x(rt, value);
            }
            Op::LoadLiteral { rt } | Op::FromVector { rd: rt } | Op::System { rt } => {
                let value = self.noise();
                self.set_x(rt, value);
            }
            Op::StoreVectors { rn, by } => {
                let at = self.sp(rn).wrapping_add_signed(by.into());
                self.set_sp(rn, at);
            }
            Op::Add { rd, rn, by } => {
                let sum = self.sp(rn).wrapping_add_signed(by.into());
                self.set_sp(rd, sum);
            }
            Op::Mov { rd, rm } => {
                let value = self.x(rm);
                self.set_x(rd, value);
            }
            Op::Mov32 { rd, rm } => {
                let value = self.x(rm) & 0xffff_ffff;
                self.set_x(rd, value);
            }
            Op::Sxtw { rd, rn } => {
                let value = self.x(rn) as i32 as u64;
                self.set_x(rd, value);
            }
            Op::Movz { rd, n } => self.set_x(rd, n.into()),
            Op::Movk { rd, n } => {
                let value = self.x(rd) & !0xffff | u64::from(n);
                self.set_x(rd, value);
            }
            Op::Adrp { rd } => self.set_x(rd, BASE),
            Op::And { rd, rn } => {
                let value = self.x(rn) & 1;
                self.set_sp(rd, value);
            }
            Op::Compare { rn } => {
                self.sp(rn);
            }
            // Whether the condition holds can't be told: the worst is that it doesn't.
            Op::Select { rd, rn, rm } => {
                let (_, other) = (self.x(rn), self.x(rm));
                self.set_x(rd, other);
            }
            Op::MultiplyAdd { rd, rn, rm, ra } => {
                let product = self.x(rn).wrapping_mul(self.x(rm));
                let sum = product.wrapping_add(self.x(ra));
                self.set_x(rd, sum);
            }
            Op::AddExtended { rd, rn, rm } => {
                let sum = self.sp(rn).wrapping_add(self.x(rm));
                self.set_sp(rd, sum);
            }
            Op::AtomicAdd { rs, rt, rn } => {
                let at = self.sp(rn);
                let old = self.load(at);
                let sum = old.wrapping_add(self.x(rs));
                self.memory.insert(at, sum);
                self.set_x(rt, old);
            }
            Op::LoadExclusive { rt, rn } => {
                let at = self.sp(rn);
                let value = self.load(at);
                self.set_x(rt, value);
            }
        }
    }
}

fn field(value: i32, bits: u32) -> u32 {
    value as u32 & ((1 << bits) - 1)
}

fn encode(op: Op) -> u32 {
    let pair =
        |rt: u32, rt2: u32, rn: u32, by: i32| field(by / 8, 7) << 15 | rt2 << 10 | rn << 5 | rt;
    match op {
        Op::Nop => 0xd503_201f,
        Op::Bti => 0xd503_245f,
        Op::Paciasp => 0xd503_233f,
        Op::StorePair { pre, rt, rt2, rn, by } => {
            (if pre { 0xa980_0000 } else { 0xa900_0000 }) | pair(rt, rt2, rn, by)
        }
        Op::LoadPair { post, rt, rt2, rn, by } => {
            (if post { 0xa8c0_0000 } else { 0xa940_0000 }) | pair(rt, rt2, rn, by)
        }
        Op::Store { rt, rn } => 0xf900_0000 | rn << 5 | rt,
        Op::StorePost { rt, rn, by } => 0xf800_0400 | field(by, 9) << 12 | rn << 5 | rt,
        Op::Load { rt, rn } => 0xf940_0000 | rn << 5 | rt,
        Op::LoadLiteral { rt } => 0x5800_0040 | rt,
        // stp d8, d9, [rn, #by]!
        Op::StoreVectors { rn, by } => 0x6d80_0000 | pair(8, 9, rn, by),
        Op::Add { rd, rn, by } if by < 0 => 0xd100_0000 | (-by as u32) << 10 | rn << 5 | rd,
        Op::Add { rd, rn, by } => 0x9100_0000 | (by as u32) << 10 | rn << 5 | rd,
        Op::Mov { rd, rm } => 0xaa00_03e0 | rm << 16 | rd,
        Op::Mov32 { rd, rm } => 0x2a00_03e0 | rm << 16 | rd,
        Op::Sxtw { rd, rn } => 0x9340_7c00 | rn << 5 | rd,
        Op::Movz { rd, n } => 0xd280_0000 | n << 5 | rd,
        Op::Movk { rd, n } => 0xf280_0000 | n << 5 | rd,
        Op::Adrp { rd } => 0x9000_0000 | rd,
        // and rd, rn, #1
        Op::And { rd, rn } => 0x9240_0000 | rn << 5 | rd,
        Op::Compare { rn } => 0xf100_041f | rn << 5,
        Op::Select { rd, rn, rm } => 0x9a80_0000 | rm << 16 | rn << 5 | rd,
        Op::MultiplyAdd { rd, rn, rm, ra } => 0x9b00_0000 | rm << 16 | ra << 10 | rn << 5 | rd,
        Op::AddExtended { rd, rn, rm } => 0x8b20_6000 | rm << 16 | rn << 5 | rd,
        Op::AtomicAdd { rs, rt, rn } => 0xf820_0000 | rs << 16 | rn << 5 | rt,
        Op::LoadExclusive { rt, rn } => 0xc85f_7c00 | rn << 5 | rt,
        // fmov rd, d8
        Op::FromVector { rd } => 0x9e66_0100 | rd,
        // mrs rt, tpidr_el0
        Op::System { rt } => 0xd53b_d040 | rt,
    }
}

fn op() -> impl Strategy<Value = Op> {
    let r = || 0..32u32;
    // The registers of a pair must not be the same, or the base if that moves.
    let by = || (-30..30i32).prop_map(|n| n * 8);
    let small = || -250..250i32;
    let base = || prop_oneof![3 => Just(SP), 1 => 9..20u32];
    prop_oneof![
        2 => Just(Op::Nop),
        3 => Just(Op::Bti),
        1 => Just(Op::Paciasp),
        2 => (any::<bool>(), 0..9u32, 20..32u32, base(), by())
            .prop_map(|(pre, rt, rt2, rn, by)| Op::StorePair { pre, rt, rt2, rn, by }),
        1 => (any::<bool>(), 0..9u32, 20..31u32, base(), by())
            .prop_map(|(post, rt, rt2, rn, by)| Op::LoadPair { post, rt, rt2, rn, by }),
        2 => (r(), r()).prop_map(|(rt, rn)| Op::Store { rt, rn }),
        1 => (20..32u32, 0..20u32, small()).prop_map(|(rt, rn, by)| Op::StorePost { rt, rn, by }),
        2 => (r(), r()).prop_map(|(rt, rn)| Op::Load { rt, rn }),
        1 => r().prop_map(|rt| Op::LoadLiteral { rt }),
        1 => (r(), by()).prop_map(|(rn, by)| Op::StoreVectors { rn, by }),
        3 => (r(), r(), small()).prop_map(|(rd, rn, by)| Op::Add { rd, rn, by }),
        2 => (r(), r()).prop_map(|(rd, rm)| Op::Mov { rd, rm }),
        1 => (r(), r()).prop_map(|(rd, rm)| Op::Mov32 { rd, rm }),
        1 => (r(), r()).prop_map(|(rd, rn)| Op::Sxtw { rd, rn }),
        1 => (r(), 0..0x1_0000u32).prop_map(|(rd, n)| Op::Movz { rd, n }),
        1 => (r(), 0..0x1_0000u32).prop_map(|(rd, n)| Op::Movk { rd, n }),
        2 => r().prop_map(|rd| Op::Adrp { rd }),
        1 => (r(), r()).prop_map(|(rd, rn)| Op::And { rd, rn }),
        1 => r().prop_map(|rn| Op::Compare { rn }),
        1 => (r(), r(), r()).prop_map(|(rd, rn, rm)| Op::Select { rd, rn, rm }),
        1 => (r(), r(), r(), r())
            .prop_map(|(rd, rn, rm, ra)| Op::MultiplyAdd { rd, rn, rm, ra }),
        1 => (r(), r(), r()).prop_map(|(rd, rn, rm)| Op::AddExtended { rd, rn, rm }),
        1 => (r(), r(), r()).prop_map(|(rs, rt, rn)| Op::AtomicAdd { rs, rt, rn }),
        1 => (r(), r()).prop_map(|(rt, rn)| Op::LoadExclusive { rt, rn }),
        1 => r().prop_map(|rd| Op::FromVector { rd }),
        1 => r().prop_map(|rt| Op::System { rt }),
    ]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        Just(End::Call),
        Just(End::Jump),
        (0..31u32).prop_map(End::IfZero),
        (0..31u32).prop_map(End::IfBit),
        Just(End::Branch),
        Just(End::Trap),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_site_sees_what_the_entry_saw(
        ops in prop::collection::vec(op(), 0..10),
        end in end(),
        back in prop::option::of(0..12usize),
        args: u8,
        returns: bool,
    ) {
        let mut code: Vec<u32> = ops.iter().map(|&op| encode(op)).collect();
        code.push(match end {
            End::Call => 0x9400_0100,
            End::Jump => 0x1400_0001,
            End::IfZero(rt) => 0xb400_0020 | rt,
            End::IfBit(rt) => 0x37f8_0020 | rt,
            End::Branch => 0x5400_0020,
            End::Trap => 0xd420_0020,
        });
        // A loop back to one of the instructions.
        let target = back.map(|n| n % code.len());
        if let Some(target) = target {
            let by = target as i32 - code.len() as i32;
            code.push(0x5400_0001 | field(by, 19) << 5);
        }
        code.push(0xd65f_03c0);
        let bytes = code.iter().flat_map(|word| word.to_le_bytes()).collect();

        let need = Need { args, returns };
        let site = choose(&Bytes::function(BASE, bytes), Arch::Arm64, BASE, need);
        prop_assert_eq!((site.va - BASE) % 4, 0);
        let chosen = ((site.va - BASE) / 4) as usize;
        prop_assert!(chosen <= ops.len());

        let mut machine = Machine::at_entry();
        let entry = Machine::at_entry().regs;
        for &op in &ops[..chosen] {
            machine.run(op);
        }
        for arg in (0..8).filter(|arg| args & 1 << arg != 0) {
            prop_assert_eq!(machine.regs[arg], entry[arg]);
        }
        if returns {
            prop_assert!(!machine.link_used);
            prop_assert_eq!(machine.regs[SP as usize], ENTRY_SP);
        }
        prop_assert_eq!(site.sp_delta, machine.regs[SP as usize].wrapping_sub(ENTRY_SP) as i64);
        let simulated = match ops.get(chosen) {
            Some(op) => matches!(op, Op::Adrp { .. }),
            None => !matches!(end, End::Trap),
        };
        prop_assert_eq!(site.cost == Cost::Emulated, simulated);
        if chosen != 0 {
            prop_assert_eq!(site.place, Place::Within(site.va - BASE));
            prop_assert_eq!(site.cost, Cost::Emulated);
            // A call passes it once.
            prop_assert!(target.is_none_or(|to| to == 0 || to > chosen));
        }
        // And an earlier one that a look at the instructions alone shows to serve was not missed.
        let harmless = |op: &Op| matches!(op, Op::Nop | Op::Bti);
        let first = ops.iter().position(|op| matches!(op, Op::Adrp { .. })).unwrap_or(ops.len());
        let served = ops[..first].iter().all(harmless)
            && (first < ops.len() || !matches!(end, End::Trap))
            && target.is_none_or(|to| to == 0 || to > first);
        if served {
            prop_assert_eq!(chosen, first);
        }
    }
}

//! Random x86-64 prologues, run in a simulator up to the chosen site.

use std::collections::HashMap;

use ecapture_probe::site::{Arch, Cost, Need, Place, choose};
use proptest::prelude::*;

use super::Bytes;

const BASE: u64 = 0x40_0000;
const ARGS: [usize; 6] = [7, 6, 2, 1, 8, 9];
const RSP: usize = 4;
const ENTRY_RSP: u64 = 0x7fff_0000_1008;
const RETURN: u64 = 0x1122_3344_5566;

/// An instruction that compilers put in prologues, or that one could fear there.
#[derive(Clone, Copy, Debug)]
enum Op {
    Endbr,
    Nop(u8),
    Push(usize),
    Pop(usize),
    PushNumber(i8),
    Mov(usize, usize),
    Mov32(usize, usize),
    Mov8(usize, u8),
    MovNumber(usize, i32),
    Movsxd(usize, usize),
    Zero(usize),
    Lea(usize, usize, i8),
    AddRsp(i8),
    AlignRsp,
    Store(i8, usize),
    Load(usize, i8),
    LoadFs(usize),
    Exchange(usize, usize),
    Test(usize, usize),
    Move0If(usize, usize),
    Increment(usize),
    Multiply(usize),
    SignRax,
    Lodsq,
    Stosq,
    Cpuid,
    Leave,
}

/// The instruction that ends the straight line.
#[derive(Clone, Copy, Debug)]
enum End {
    Call,
    Jump,
    Branch,
    Return,
}

struct Machine {
    regs: [u64; 16],
    memory: HashMap<u64, u64>,
    random: u64,
}

impl Machine {
    fn at_entry() -> Machine {
        let mut machine = Machine { regs: [0; 16], memory: HashMap::new(), random: 0x1234_5678 };
        for reg in 0..16 {
            machine.regs[reg] = machine.noise();
        }
        machine.regs[RSP] = ENTRY_RSP;
        machine.memory.insert(ENTRY_RSP, RETURN);
        machine
    }

    /// Numbers that never come twice, none of them 32 bits wide, and each with a last byte that no
    /// instruction here writes: what is overwritten is not what it was.
    fn noise(&mut self) -> u64 {
        self.random =
            self.random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767);
        self.random | 1 << 63 | 0x80
    }

    fn load(&mut self, at: u64) -> u64 {
        let noise = self.noise();
        *self.memory.entry(at).or_insert(noise)
    }

    fn push(&mut self, value: u64) {
        self.regs[RSP] = self.regs[RSP].wrapping_sub(8);
        self.memory.insert(self.regs[RSP], value);
    }

    fn pop(&mut self) -> u64 {
        let value = self.load(self.regs[RSP]);
        self.regs[RSP] = self.regs[RSP].wrapping_add(8);
        value
    }

    fn run(&mut self, op: Op) {
        match op {
            Op::Endbr | Op::Nop(_) | Op::Test(..) => {}
            Op::Push(r) => self.push(self.regs[r]),
            Op::Pop(r) => self.regs[r] = self.pop(),
            Op::PushNumber(n) => self.push(n as u64),
            Op::Mov(d, s) => self.regs[d] = self.regs[s],
            Op::Mov32(d, s) => self.regs[d] = self.regs[s] & 0xffff_ffff,
            Op::Mov8(d, n) => self.regs[d] = self.regs[d] & !0xff | u64::from(n),
            Op::MovNumber(d, n) => self.regs[d] = n as u64,
            Op::Movsxd(d, s) => self.regs[d] = self.regs[s] as i32 as u64,
            Op::Zero(d) => self.regs[d] = 0,
            Op::Lea(d, b, by) => self.regs[d] = self.regs[b].wrapping_add(by as u64),
            Op::AddRsp(by) => self.regs[RSP] = self.regs[RSP].wrapping_add(by as u64),
            Op::AlignRsp => self.regs[RSP] &= !15,
            Op::Store(at, s) => {
                self.memory.insert(self.regs[RSP].wrapping_add(at as u64), self.regs[s]);
            }
            Op::Load(d, at) => self.regs[d] = self.load(self.regs[RSP].wrapping_add(at as u64)),
            Op::LoadFs(d) => self.regs[d] = self.noise(),
            Op::Exchange(a, b) => self.regs.swap(a, b),
            // Whether the condition holds can't be told: the worst is that it does.
            Op::Move0If(d, s) => self.regs[d] = self.regs[s],
            Op::Increment(d) => self.regs[d] = self.regs[d].wrapping_add(1),
            Op::Multiply(s) => {
                let product = u128::from(self.regs[0]) * u128::from(self.regs[s]);
                (self.regs[0], self.regs[2]) = (product as u64, (product >> 64) as u64);
            }
            Op::SignRax => self.regs[2] = ((self.regs[0] as i64) >> 63) as u64,
            Op::Lodsq => {
                self.regs[0] = self.load(self.regs[6]);
                self.regs[6] = self.regs[6].wrapping_add(8);
            }
            Op::Stosq => self.regs[7] = self.regs[7].wrapping_add(8),
            Op::Cpuid => {
                for reg in 0..4 {
                    self.regs[reg] = self.noise() & 0xffff_ffff;
                }
            }
            Op::Leave => {
                self.regs[RSP] = self.regs[5];
                self.regs[5] = self.pop();
            }
        }
    }
}

/// Prefix, opcode and operands of an instruction on two 64- or 32-bit registers.
fn two(wide: bool, opcode: &[u8], rm: usize, reg: usize) -> Vec<u8> {
    let rex = 0x40 | u8::from(wide) << 3 | ((reg as u8 >> 3) << 2) | (rm as u8 >> 3);
    let modrm = 0xc0 | (reg as u8 & 7) << 3 | rm as u8 & 7;
    [&[rex], opcode, &[modrm]].concat()
}

/// The same with memory at a register plus a number.
fn memory(opcode: u8, reg: usize, base: usize, by: i8) -> Vec<u8> {
    let rex = 0x48 | ((reg as u8 >> 3) << 2) | (base as u8 >> 3);
    let modrm = 0x40 | (reg as u8 & 7) << 3 | base as u8 & 7;
    let sib: &[u8] = if base & 7 == RSP { &[0x24] } else { &[] };
    [&[rex, opcode, modrm], sib, &[by as u8]].concat()
}

fn encode(op: Op) -> Vec<u8> {
    match op {
        Op::Endbr => vec![0xf3, 0x0f, 0x1e, 0xfa],
        Op::Nop(1) => vec![0x90],
        Op::Nop(2) => vec![0x66, 0x90],
        Op::Nop(3) => vec![0x0f, 0x1f, 0x00],
        Op::Nop(_) => vec![0x0f, 0x1f, 0x44, 0x00, 0x00],
        Op::Push(r) if r < 8 => vec![0x50 + r as u8],
        Op::Push(r) => vec![0x41, 0x50 + (r & 7) as u8],
        Op::Pop(r) if r < 8 => vec![0x58 + r as u8],
        Op::Pop(r) => vec![0x41, 0x58 + (r & 7) as u8],
        Op::PushNumber(n) => vec![0x6a, n as u8],
        Op::Mov(d, s) => two(true, &[0x89], d, s),
        Op::Mov32(d, s) => two(false, &[0x89], d, s),
        Op::Mov8(d, n) => vec![0x40 | (d as u8 >> 3), 0xb0 | d as u8 & 7, n],
        Op::MovNumber(d, n) => [two(true, &[0xc7], d, 0), n.to_le_bytes().to_vec()].concat(),
        Op::Movsxd(d, s) => two(true, &[0x63], s, d),
        Op::Zero(d) => two(false, &[0x31], d, d),
        Op::Lea(d, b, by) => memory(0x8d, d, b, by),
        Op::AddRsp(by) => vec![0x48, 0x83, 0xc4, by as u8],
        Op::AlignRsp => vec![0x48, 0x83, 0xe4, 0xf0],
        Op::Store(at, s) => memory(0x89, s, RSP, at),
        Op::Load(d, at) => memory(0x8b, d, RSP, at),
        Op::LoadFs(d) => {
            let modrm = 0x04 | (d as u8 & 7) << 3;
            vec![0x64, 0x48 | ((d as u8 >> 3) << 2), 0x8b, modrm, 0x25, 0x28, 0, 0, 0]
        }
        Op::Exchange(a, b) => two(true, &[0x87], a, b),
        Op::Test(a, b) => two(true, &[0x85], a, b),
        Op::Move0If(d, s) => two(true, &[0x0f, 0x44], s, d),
        Op::Increment(d) => two(true, &[0xff], d, 0),
        Op::Multiply(s) => two(true, &[0xf7], s, 4),
        Op::SignRax => vec![0x48, 0x99],
        Op::Lodsq => vec![0x48, 0xad],
        Op::Stosq => vec![0x48, 0xab],
        Op::Cpuid => vec![0x0f, 0xa2],
        Op::Leave => vec![0xc9],
    }
}

fn cheap(op: Op) -> bool {
    matches!(op, Op::Nop(1) | Op::Push(_))
}

fn op() -> impl Strategy<Value = Op> {
    let reg = || 0..16usize;
    // All but the stack pointer.
    let other = || (0..15usize).prop_map(|r| if r < RSP { r } else { r + 1 });
    prop_oneof![
        3 => Just(Op::Endbr),
        1 => (1..5u8).prop_map(Op::Nop),
        2 => reg().prop_map(Op::Push),
        1 => other().prop_map(Op::Pop),
        1 => any::<i8>().prop_map(Op::PushNumber),
        3 => (reg(), reg()).prop_map(|(d, s)| Op::Mov(d, s)),
        1 => (other(), reg()).prop_map(|(d, s)| Op::Mov32(d, s)),
        1 => (other(), 0..0x80u8).prop_map(|(d, n)| Op::Mov8(d, n)),
        1 => (other(), any::<i32>()).prop_map(|(d, n)| Op::MovNumber(d, n)),
        1 => (other(), reg()).prop_map(|(d, s)| Op::Movsxd(d, s)),
        2 => other().prop_map(Op::Zero),
        2 => (reg(), reg(), any::<i8>()).prop_map(|(d, b, by)| Op::Lea(d, b, by)),
        2 => any::<i8>().prop_map(Op::AddRsp),
        1 => Just(Op::AlignRsp),
        2 => (8..100i8, reg()).prop_map(|(at, s)| Op::Store(at, s)),
        1 => (other(), any::<i8>()).prop_map(|(d, at)| Op::Load(d, at)),
        2 => other().prop_map(Op::LoadFs),
        1 => (reg(), reg()).prop_map(|(a, b)| Op::Exchange(a, b)),
        3 => (reg(), reg()).prop_map(|(a, b)| Op::Test(a, b)),
        1 => (other(), reg()).prop_map(|(d, s)| Op::Move0If(d, s)),
        1 => other().prop_map(Op::Increment),
        1 => reg().prop_map(Op::Multiply),
        1 => Just(Op::SignRax),
        1 => Just(Op::Lodsq),
        1 => Just(Op::Stosq),
        1 => Just(Op::Cpuid),
        1 => Just(Op::Leave),
    ]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Call), Just(End::Jump), Just(End::Branch), Just(End::Return)]
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
        args in 0..64u8,
        returns: bool,
    ) {
        let need = Need { args, returns };
        // The code, and where each instruction begins.
        let (mut code, mut starts) = (Vec::new(), Vec::new());
        for &op in &ops {
            starts.push(code.len() as u64);
            code.extend(encode(op));
        }
        let last = code.len() as u64;
        starts.push(last);
        match end {
            End::Call => code.extend([0xe8, 0, 1, 0, 0]),
            End::Jump => code.extend([0xeb, 0]),
            End::Branch => code.extend([0x74, 0]),
            End::Return => code.push(0xc3),
        }
        // A loop back to one of the instructions.
        let target = back.map(|n| starts[n % starts.len()]);
        if let Some(target) = target {
            let by = target as i64 - (code.len() as i64 + 6);
            code.extend([0x0f, 0x85]);
            code.extend((by as i32).to_le_bytes());
        }
        code.push(0xc3);

        let site = choose(&Bytes::function(BASE, code), Arch::X86_64, BASE, need);
        let offset = site.va - BASE;

        // The state before each instruction; one that is cheap, and at which all holds.
        let (mut machine, entry) = (Machine::at_entry(), Machine::at_entry().regs);
        let mut wanted = None;
        let mut holds_always = true;
        for (n, &start) in starts.iter().enumerate() {
            let args_hold = (0..6).all(|a| args & 1 << a == 0
                || machine.regs[ARGS[a]] == entry[ARGS[a]]);
            let sp_holds = machine.regs[RSP] == ENTRY_RSP
                && machine.memory.get(&ENTRY_RSP) == Some(&RETURN);
            let holds = args_hold && (!returns || sp_holds);
            let is_cheap = ops.get(n).map_or(!matches!(end, End::Return), |&op| cheap(op));
            if start == offset {
                prop_assert!(holds);
                let sp_delta = machine.regs[RSP].wrapping_sub(ENTRY_RSP) as i64;
                prop_assert_eq!(site.sp_delta, sp_delta);
                prop_assert_eq!(site.cost == Cost::Emulated, is_cheap);
            }
            if is_cheap && holds && holds_always && wanted.is_none() {
                wanted = Some(start);
            }
            // What came back after it was gone may be overlooked, and a lost stack pointer too.
            holds_always &= holds && ops.get(n).is_none_or(|op| !matches!(
                op, Op::AlignRsp | Op::Leave | Op::Exchange(..) | Op::Move0If(..) | Op::Mov(RSP, _)
                    | Op::Lea(RSP, ..)));
            if let Some(&op) = ops.get(n) {
                machine.run(op);
            }
        }
        prop_assert!(starts.contains(&offset));
        if offset != 0 {
            prop_assert_eq!(site.place, Place::Within(offset));
            prop_assert_eq!(site.cost, Cost::Emulated);
            // A call passes it once.
            prop_assert!(target.is_none_or(|to| to == 0 || to > offset));
        }
        // And the first that would have served is the one.
        let looped = |at: u64| target.is_some_and(|to| to != 0 && to <= at);
        if let Some(at) = wanted.filter(|&at| !looped(at)) {
            prop_assert_eq!(offset, at);
        }
    }
}

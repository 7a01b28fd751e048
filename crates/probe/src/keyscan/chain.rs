//! The way from a register to a value, as data that the kernel half follows.

use std::fmt;

use crate::site::Arch;

/// How many times a [`Chain`] reads memory, at most.
pub const LOADS: usize = 3;

/// A value that is reached from a register: read a pointer at `offsets[0]` past it, then one at
/// `offsets[1]` past that one, `loads` times in all, and add `offsets[loads]` to what the last
/// read gave. With no loads it is the register's value plus `offsets[0]`.
///
/// The outcome is an address or a number, as the field that holds the chain says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chain {
    /// The register, by machine number: on x86-64 rax 0, rcx 1, rdx 2, rbx 3, rsp 4, rbp 5, rsi 6,
    /// rdi 7, r8 to r15; on AArch64 x0 to x30, sp 31.
    pub reg: u8,
    /// How many pointers are read, at most [`LOADS`].
    pub loads: u8,
    /// What is added before each read, and to the last one's outcome. The rest is 0.
    pub offsets: [i32; LOADS + 1],
}

impl Chain {
    /// What the register holds.
    pub const fn reg(reg: u8) -> Chain {
        Chain { reg, loads: 0, offsets: [0; LOADS + 1] }
    }

    /// So many bytes further.
    pub fn plus(mut self, by: i32) -> Option<Chain> {
        let last = self.offsets.get_mut(usize::from(self.loads))?;
        *last = last.checked_add(by)?;
        Some(self)
    }

    /// What stands in memory there, if no more than [`LOADS`] reads lead to it.
    pub fn load(mut self) -> Option<Chain> {
        self.loads = self.loads.checked_add(1).filter(|&loads| usize::from(loads) <= LOADS)?;
        Some(self)
    }

    /// What is added last.
    pub(super) fn last(&self) -> i32 {
        self.offsets.get(usize::from(self.loads)).copied().unwrap_or(0)
    }

    /// The address that the last read was from.
    pub(super) fn unload(mut self) -> Option<Chain> {
        self.loads = self.loads.checked_sub(1).filter(|_| self.last() == 0)?;
        Some(self)
    }

    /// The chain in words, with the registers' names of this instruction set.
    pub fn show(&self, arch: Arch) -> impl fmt::Display {
        let mut text = register(arch, self.reg).to_string();
        for (n, offset) in self.offsets.iter().take(usize::from(self.loads) + 1).enumerate() {
            text += &match offset {
                0 => String::new(),
                1.. => format!("+{offset:#x}"),
                _ => format!("-{:#x}", offset.unsigned_abs()),
            };
            if n < usize::from(self.loads) {
                text = format!("*({text})");
            }
        }
        text
    }
}

/// A register's name.
pub(super) fn register(arch: Arch, reg: u8) -> String {
    const X86: [&str; 8] = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"];
    match (arch, X86.get(usize::from(reg))) {
        (Arch::X86_64, Some(name)) => (*name).into(),
        (Arch::X86_64, None) => format!("r{reg}"),
        (Arch::Arm64, _) if reg == 31 => "sp".into(),
        (Arch::Arm64, _) => format!("x{reg}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_read_like_c() {
        let chain = Chain::reg(7).plus(0x30).unwrap().load().unwrap().plus(0x30).unwrap();
        assert_eq!(chain.show(Arch::X86_64).to_string(), "*(rdi+0x30)+0x30");
        let chain = Chain::reg(31).plus(-8).unwrap().load().unwrap().load().unwrap();
        assert_eq!(chain.show(Arch::Arm64).to_string(), "*(*(sp-0x8))");
        assert_eq!(Chain::reg(14).show(Arch::X86_64).to_string(), "r14");
    }

    #[test]
    fn chains_are_bounded() {
        let mut chain = Chain::reg(0);
        for _ in 0..LOADS {
            chain = chain.load().unwrap();
        }
        assert_eq!(chain.load(), None);
        assert_eq!(chain.plus(i32::MAX).unwrap().plus(1), None);
    }
}

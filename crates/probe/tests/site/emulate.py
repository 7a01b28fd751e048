#!/usr/bin/python3
"""Runs functions of an ELF file in an emulator (unicorn) up to a probe's site and says whether the
site sees what the function's caller passed.

    emulate.py FILE < CASES

A case is a line of numbers: function, site, arguments as bits, 1 if a return probe is to stand
there, stack pointer at the site minus that at entry. Then, for a site behind a wrapper, the inner
function and which of its arguments is the place for the count; else two times -1. The answer is a
line, `ok` or what is wrong.
"""
import struct
import sys

import unicorn
from unicorn import arm64_const as arm
from unicorn import x86_const as x86

PAGE = 0x1000
STACK = 0x7FFF_0000_0000
STACK_SIZE = 0x10_0000
HEAP = 0x5000_0000_0000
TLS = 0x6000_0000_0000
RETURN = 0x1122_3344_5566
# More than any site is away from its function, and than a wrapper does before its call.
MOST = 400
PACIASP, PACIBSP = 0xD503233F, 0xD503237F


class Machine:
    """One processor with the file in its memory."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        self.x86 = struct.unpack_from("<H", data, 18)[0] == 62
        arch = unicorn.UC_ARCH_X86 if self.x86 else unicorn.UC_ARCH_ARM64
        mode = unicorn.UC_MODE_64 if self.x86 else unicorn.UC_MODE_ARM
        self.uc = unicorn.Uc(arch, mode)
        if self.x86:
            names = "RDI RSI RDX RCX R8 R9 RAX RBX RBP R10 R11 R12 R13 R14 R15"
            self.regs = [getattr(x86, f"UC_X86_REG_{name}") for name in names.split()]
            self.args, self.sp, self.pc = self.regs[:6], x86.UC_X86_REG_RSP, x86.UC_X86_REG_RIP
        else:
            self.regs = [getattr(arm, f"UC_ARM64_REG_X{number}") for number in range(30)]
            self.args, self.sp, self.pc = self.regs[:8], arm.UC_ARM64_REG_SP, arm.UC_ARM64_REG_PC
        self.load(data)
        self.uc.mem_map(STACK, STACK_SIZE)
        self.uc.hook_add(unicorn.UC_HOOK_MEM_UNMAPPED, self.absent)
        self.uc.hook_add(unicorn.UC_HOOK_MEM_WRITE, self.written)
        self.uc.hook_add(unicorn.UC_HOOK_CODE, self.step)

    def load(self, data):
        (offset,), (size, count) = struct.unpack_from("<Q", data, 32), struct.unpack_from("<HH", data, 54)
        loaded = []
        for number in range(count):
            kind, _, at, address, _, length, memory = struct.unpack_from(
                "<IIQQQQQ", data, offset + number * size
            )
            if kind == 1:
                loaded.append((address, data[at : at + length], max(length, memory)))
        pages = set()
        for address, _, memory in loaded:
            pages.update(range(address // PAGE, (address + memory - 1) // PAGE + 1))
        first = None
        for page in sorted(pages):
            if first is None or page != last + 1:
                if first is not None:
                    self.uc.mem_map(first * PAGE, (last + 1 - first) * PAGE)
                first = page
            last = page
        self.uc.mem_map(first * PAGE, (last + 1 - first) * PAGE)
        for address, content, _ in loaded:
            self.uc.mem_write(address, content)

    def absent(self, uc, _access, address, size, _value, _data):
        """What an argument leads to is there, and empty."""
        first = address // PAGE * PAGE
        uc.mem_map(first, PAGE * (1 if address + size <= first + PAGE else 2))
        return True

    def written(self, _uc, _access, address, _size, value, _data):
        self.saved |= not self.x86 and value == RETURN

    def step(self, uc, address, size, _data):
        if address == self.inner and self.inner_sp is None:
            self.inner_sp = uc.reg_read(self.sp)
        if not self.x86 and size == 4:
            word = int.from_bytes(uc.mem_read(address, 4), "little")
            self.saved |= word in (PACIASP, PACIBSP)

    def run(self, function, site, inner):
        """Registers as at a call, then up to the site. The stack pointer that it began with."""
        self.saved, self.inner, self.inner_sp = False, inner, None
        self.begin = {reg: HEAP + 0x10_0000 * n for n, reg in enumerate(self.regs, 1)}
        # A length, for the wrappers that refuse a negative one.
        if inner >= 0:
            self.begin[self.args[2]] = 0x1234
        for reg, value in self.begin.items():
            self.uc.reg_write(reg, value)
        sp = STACK + STACK_SIZE - 0x1000 - (8 if self.x86 else 0)
        self.uc.reg_write(self.sp, sp)
        if self.x86:
            self.uc.mem_write(sp, RETURN.to_bytes(8, "little"))
            self.uc.reg_write(x86.UC_X86_REG_FS_BASE, TLS)
        else:
            self.uc.reg_write(arm.UC_ARM64_REG_X30, RETURN)
            self.uc.reg_write(arm.UC_ARM64_REG_TPIDR_EL0, TLS)
        if function != site:
            self.uc.emu_start(function, site, count=MOST)
        else:
            self.uc.reg_write(self.pc, site)
            self.inner_sp = sp
        return sp

    def judge(self, function, site, args, returns, sp_delta, inner, count):
        try:
            began = self.run(function, site, inner)
        except unicorn.UcError as error:
            return f"stopped at {self.uc.reg_read(self.pc):#x}: {error}"
        if self.uc.reg_read(self.pc) != site:
            return f"came to {self.uc.reg_read(self.pc):#x} and not to the site"
        sp = self.uc.reg_read(self.sp)
        if inner >= 0:
            if site == inner:
                self.inner_sp = sp
            if self.inner_sp is None:
                return "the inner function was not entered"
            began = self.inner_sp
        if sp - began != sp_delta:
            return f"the stack pointer moved by {sp - began}"
        for number, reg in enumerate(self.args):
            value = self.uc.reg_read(reg)
            if inner >= 0 and number == count:
                # On x86-64 the return address is there.
                if not sp + (8 if self.x86 else 0) <= value < STACK + STACK_SIZE:
                    return f"argument {number} is {value:#x} and no place on the stack"
            elif args >> number & 1 and value != self.begin[reg]:
                return f"argument {number} is {value:#x}"
        if returns and self.x86:
            back = int.from_bytes(self.uc.mem_read(sp, 8), "little")
            if inner < 0 and back != RETURN:
                return f"the return address is {back:#x}"
        elif returns and inner < 0:
            link = self.uc.reg_read(arm.UC_ARM64_REG_X30)
            copies = [reg for reg in self.regs if self.uc.reg_read(reg) == RETURN]
            if link != RETURN or self.saved or copies:
                return "the return address was looked at"
        return "ok"


machine = Machine(sys.argv[1])
for line in sys.stdin:
    print(machine.judge(*map(int, line.split())))

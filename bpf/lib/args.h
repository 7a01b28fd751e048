/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The probed function's arguments, return value and stack pointer. */
#ifndef ECAPTURE_ARGS_H
#define ECAPTURE_ARGS_H

#if defined(__TARGET_ARCH_x86)
#define RETURN_POPS 8 /* `ret` took the return address off the stack */
/* Offsets in struct pt_regs, which is kernel ABI: rdi rsi rdx rcx r8 r9. */
#define ARG_OFFSETS(_) _(0, 112) _(1, 104) _(2, 96) _(3, 88) _(4, 72) _(5, 64)
/* Go's: rax rbx rcx rdi; and r14 leads to the goroutine. */
#define GO_ARG_OFFSETS(_) _(8, 80) _(9, 40) _(10, 88) _(11, 112)
#define GOROUTINE(ctx) (*(u64 *)((void *)(ctx) + 8))
#else
#define RETURN_POPS 0
#define ARG_OFFSETS(_) _(0, 0) _(1, 8) _(2, 16) _(3, 24) _(4, 32) _(5, 40)
/* Go's: x0 x1 x2 x3; and x28 leads to the goroutine. */
#define GO_ARG_OFFSETS(_) _(8, 0) _(9, 8) _(10, 16) _(11, 24)
#define GOROUTINE(ctx) (*(u64 *)((void *)(ctx) + 224))
#endif

/* In assembly, since the compiler would merge the loads into one at a computed offset, and the
 * verifier allows only constant offsets into the context. */
#define ARG_CASE(n, offset)                                                                        \
    case n:                                                                                        \
        asm volatile("%0 = *(u64 *)(%1 + " #offset ")" : "=r"(value) : "r"(ctx));                  \
        break;

static __always_inline u64 arg(struct pt_regs *ctx, u8 n) {
    u64 value = 0;

    switch (n) { ARG_OFFSETS(ARG_CASE) GO_ARG_OFFSETS(ARG_CASE) }
    return value;
}

/* The row number and the file number that the probe was attached with. */
static __always_inline u64 cookie_of(void *ctx) {
    if (config.fixed)
        return (u64)config.fixed_file << 16 | config.fixed_row;
    return bpf_get_attach_cookie(ctx);
}

/* The mask bounds it for the verifier; the numbers are our own. */
static __always_inline const struct abi_row *row_of(u64 cookie) {
    return (const struct abi_row *)&config.rows[cookie & (ABI_ROWS - 1)];
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The same for calls of goroutines, which go on in another thread than they began in, and whose
 * stacks move meanwhile. So a call goes by its goroutine and by how deep its frame lies below the
 * stack's top, which is kept when a stack is copied. Its returns are instructions of the function,
 * since a stack that is unwound bears no return address but its own.
 */

/* The stack's bounds come first in what the register points to: its lowest address, its top. */
static __always_inline u64 frame_of(struct pt_regs *ctx) {
    u64 goroutine = GOROUTINE(ctx), top;

    if (bpf_probe_read_user(&top, sizeof(top), (void *)(goroutine + 8)))
        return 0;
    return FRAME_MOVES | (goroutine << 15 ^ (top - PT_REGS_SP(ctx)));
}

SEC("uprobe")
int go_entry(struct pt_regs *ctx) {
    struct who who = whoami();
    u64 cookie, frame;

    if (!wanted_of(who.tgid))
        return 0;
    cookie = cookie_of(ctx);
    frame = frame_of(ctx);
    return frame ? call_begin(ctx, &who, row_of(cookie), cookie, frame, true) : 0;
}

SEC("uprobe")
int go_return(struct pt_regs *ctx) {
    struct who who = whoami();
    u64 frame = frame_of(ctx);

    return frame ? call_end(ctx, &who, frame, true) : 0;
}

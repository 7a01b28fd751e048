/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which sockets a thread uses while it is inside a watched call. One of the three is attached. */

static __always_inline int on_socket(void *ctx) {
    struct watch *watch = watch_of_thread();

    if (watch)
        watch_note(watch, (struct sock *)((struct bpf_raw_tracepoint_args *)ctx)->args[0]);
    return 0;
}

/* Linux 6.3 and later. */
SEC("raw_tp/sock_send_length")
int sock_sent(void *ctx) {
    return on_socket(ctx);
}

SEC("raw_tp/sock_recv_length")
int sock_received(void *ctx) {
    return on_socket(ctx);
}

static __always_inline bool is_socket_call(u64 nr) {
#if defined(__TARGET_ARCH_x86)
    /* read write readv writev sendfile sendto recvfrom sendmsg recvmsg recvmmsg sendmmsg */
    return nr <= 1 || nr == 19 || nr == 20 || nr == 40 || (nr >= 44 && nr <= 47) || nr == 299 ||
           nr == 307;
#else
    return (nr >= 63 && nr <= 66) || nr == 71 || nr == 206 || nr == 207 || nr == 211 || nr == 212 ||
           nr == 243 || nr == 269;
#endif
}

/* Before that: every system call passes here, so the thread is asked for first. */
SEC("raw_tp/sys_enter")
int syscall_entered(struct bpf_raw_tracepoint_args *ctx) {
    struct watch *watch = watch_of_thread();
    struct pt_regs *regs = (struct pt_regs *)ctx->args[0];
    struct sock *sk;

    if (!watch || !is_socket_call(ctx->args[1]))
        return 0;
    sk = sock_of_fd((u32)PT_REGS_PARM1_CORE_SYSCALL(regs));
    if (sk)
        watch_note(watch, sk);
    return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose sockets the machine's packets belong to: told once per socket, when it is first used, and
 * listed for the sockets that are there already. Loaded only when packets are captured.
 */

#define TCP_SYN_SENT 2

/* Linux 6.3 and later: what is remembered of a socket goes with it. */
struct {
    __uint(type, BPF_MAP_TYPE_SK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct flow_mark);
} flow_marks SEC(".maps");

/* Before that, by the socket's place in memory. Full: the socket idle for longest is told again. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 65536);
    __type(key, u64);
    __type(value, struct flow_mark);
} flow_marks_old SEC(".maps");

static __always_inline struct flow_mark *mark_of(struct sock *sk) {
    struct flow_mark *mark = bpf_sk_storage_get(&flow_marks, sk, NULL, 0);

    if (mark || !flow_protocol(sk))
        return mark;
    return bpf_sk_storage_get(&flow_marks, sk, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

static __always_inline struct flow_mark *old_mark_of(struct sock *sk) {
    u64 key = (u64)sk;
    struct flow_mark *mark = bpf_map_lookup_elem(&flow_marks_old, &key);
    struct flow_mark fresh = {};

    if (mark || !flow_protocol(sk))
        return mark;
    bpf_map_update_elem(&flow_marks_old, &key, &fresh, BPF_NOEXIST);
    return bpf_map_lookup_elem(&flow_marks_old, &key);
}

/* Keys are told with the socket that their thread used last before. */
static __always_inline void flow_note(struct sock *sk, const struct flow_mark *mark) {
    struct last_socket *last;

    if (config.sockets != SOCKETS_OF_TASK)
        return;
    last = bpf_task_storage_get(&last_sockets, bpf_get_current_task_btf(), NULL,
                                BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (last)
        socket_used(last, sk, mark);
}

static __always_inline void old_flow_note(struct sock *sk, const struct flow_mark *mark) {
    u64 thread = bpf_get_current_pid_tgid();
    struct last_socket last = {};

    if (config.sockets != SOCKETS_BY_NUMBER)
        return;
    socket_used(&last, sk, mark);
    bpf_map_update_elem(&last_sockets_old, &thread, &last, BPF_ANY);
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(flow_sent, struct sock *sk) {
    struct flow_mark *mark = mark_of(sk);

    if (mark) {
        flow_used(sk, mark);
        flow_note(sk, mark);
    }
    return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(flow_received, struct sock *sk) {
    struct flow_mark *mark = mark_of(sk);

    if (mark) {
        flow_used(sk, mark);
        flow_note(sk, mark);
    }
    return 0;
}

/* A client that waits, or is refused, never sends: its connect() says who it is. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(flow_state, struct sock *sk, int before, int after) {
    struct flow_mark *mark = NULL;

    if (after == TCP_SYN_SENT || before == TCP_SYN_SENT)
        mark = mark_of(sk);
    if (mark)
        flow_connects(sk, mark, after == TCP_SYN_SENT);
    return 0;
}

SEC("raw_tp/inet_sock_set_state")
int old_flow_state(struct bpf_raw_tracepoint_args *ctx) {
    struct flow_mark *mark = NULL;
    struct sock *sk = (void *)ctx->args[0];

    if (ctx->args[2] == TCP_SYN_SENT || ctx->args[1] == TCP_SYN_SENT)
        mark = old_mark_of(sk);
    if (mark)
        flow_connects(sk, mark, ctx->args[2] == TCP_SYN_SENT);
    return 0;
}

SEC("raw_tp/sys_enter")
int old_flow_call(struct bpf_raw_tracepoint_args *ctx) {
    struct pt_regs *regs = (struct pt_regs *)ctx->args[0];
    struct flow_mark *mark = NULL;
    struct sock *sk;

    if (!is_socket_call(ctx->args[1]))
        return 0;
    sk = sock_of_fd((u32)PT_REGS_PARM1_CORE_SYSCALL(regs));
    if (sk)
        mark = old_mark_of(sk);
    if (mark) {
        flow_used(sk, mark);
        old_flow_note(sk, mark);
    }
    return 0;
}

/* Every socket of every process, for the user half to read once. */
SEC("iter/task_file")
int flow_files(struct bpf_iter__task_file *ctx) {
    struct task_struct *task = ctx->task;
    struct file *file = ctx->file;
    struct flow_user user;
    struct abi_flow flow;
    struct sock *sk;

    if (!task || !file)
        return 0;
    sk = sock_of_file(file);
    if (!sk || !flow_protocol(sk))
        return 0;
    flow_user_of(&user, BPF_CORE_READ(task, group_leader));
    user.wanted = task_wanted(task);
    flow_fill(&flow, sk, &user, 0);
    if (flow.local_port)
        bpf_seq_write(ctx->meta->seq, &flow, sizeof(flow));
    return 0;
}

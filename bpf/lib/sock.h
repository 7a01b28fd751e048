/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A connection's addresses: the only TCP socket that a thread sent or received on between entering
 * and leaving the library for that connection. Nothing of the library's memory is read, so no
 * offset can be wrong; two sockets in one call are no answer.
 */
#ifndef ECAPTURE_SOCK_H
#define ECAPTURE_SOCK_H

#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define IPPROTO_TCP 6
#define S_IFMT 0170000
#define S_IFSOCK 0140000

/*
 * How many threads are watched. Never too small, so that 0 lets every socket call of the machine
 * pass at once; too large, after a thread was killed in a call, only costs it a failed lookup.
 */
u64 watching;

static __always_inline void watch_begin(u64 thread) {
    struct watch empty = {};

    __sync_fetch_and_add(&watching, 1);
    if (!bpf_map_update_elem(&watches, &thread, &empty, BPF_NOEXIST))
        return;
    __sync_fetch_and_add(&watching, -1);
    /* Left over from a call that never returned, or the call around this one's. */
    bpf_map_update_elem(&watches, &thread, &empty, BPF_EXIST);
}

static __always_inline struct watch *watch_of_thread(void) {
    u64 thread;

    if (!*(volatile u64 *)&watching)
        return NULL;
    thread = bpf_get_current_pid_tgid();
    return bpf_map_lookup_elem(&watches, &thread);
}

static __always_inline void watch_note(struct watch *watch, struct sock *sk) {
    u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

    if (watch->sk == (u64)sk)
        return;
    if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
        return;
    if (watch->sk) {
        watch->several = 1;
        return;
    }
    if (family == AF_INET) {
        BPF_CORE_READ_INTO((__be32 *)watch->local, sk, __sk_common.skc_rcv_saddr);
        BPF_CORE_READ_INTO((__be32 *)watch->remote, sk, __sk_common.skc_daddr);
        watch->family = 4;
    } else if (family == AF_INET6) {
        BPF_CORE_READ_INTO(&watch->local, sk, __sk_common.skc_v6_rcv_saddr);
        BPF_CORE_READ_INTO(&watch->remote, sk, __sk_common.skc_v6_daddr);
        watch->family = 6;
    } else {
        return;
    }
    watch->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
    watch->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
    watch->sk = (u64)sk;
}

/* Takes a socket's addresses over. Without a remote port it was never connected, or is not any
 * more. */
static __always_inline void conn_addresses(struct abi_conn_state *conn, const struct watch *watch,
                                           u8 source) {
    if (!watch->sk || watch->several || !watch->remote_port)
        return;
    __builtin_memcpy(conn->local, watch->local, sizeof(conn->local));
    __builtin_memcpy(conn->remote, watch->remote, sizeof(conn->remote));
    conn->local_port = watch->local_port;
    conn->remote_port = watch->remote_port;
    conn->family = watch->family;
    conn->source = source;
}

/* A call ended: takes the answer over, if there is one. */
static __always_inline void watch_end(u64 thread, struct abi_conn_state *conn) {
    struct watch *watch = bpf_map_lookup_elem(&watches, &thread);

    if (!watch)
        return;
    if (conn)
        conn_addresses(conn, watch, ADDR_CALL_SOCKET);
    if (!bpf_map_delete_elem(&watches, &thread))
        __sync_fetch_and_add(&watching, -1);
}

/* The socket behind an open file, or NULL. */
static __always_inline struct sock *sock_of_file(struct file *file) {
    struct socket *socket;

    if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
        return NULL;
    socket = BPF_CORE_READ(file, private_data);
    return BPF_CORE_READ(socket, sk);
}

/* The socket behind a descriptor of the current task, or NULL. */
static __always_inline struct sock *sock_of_fd(u32 fd) {
    struct task_struct *task = (void *)bpf_get_current_task();
    struct fdtable *table = BPF_CORE_READ(task, files, fdt);
    struct file *file = NULL;
    struct file **slot;

    if (fd >= BPF_CORE_READ(table, max_fds))
        return NULL;
    slot = BPF_CORE_READ(table, fd);
    if (bpf_probe_read_kernel(&file, sizeof(file), slot + fd) || !file)
        return NULL;
    return sock_of_file(file);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The socket of a connection whose object leads to its descriptor. */
#ifndef ECAPTURE_NETFD_H
#define ECAPTURE_NETFD_H

/* What a connection over TCP leads to: a network descriptor, in which the file's comes first. */
struct net_fd {
    u64 lock[2];
    s64 fd;
    u64 poll[4];
    s64 family;
    s64 type;
};

/*
 * The connection's socket: an interface (type, value) is its first field, and the value's first
 * field leads to the descriptor. Another kind of connection leads elsewhere, and is told by what
 * stands there. A function, so that its variables are not on the stack while bytes are copied.
 */
static __noinline int socket_of(struct abi_conn_state *conn, u64 ptr) {
    struct watch watch = {};
    struct net_fd net;
    struct sock *sk;
    u64 at;

    if (bpf_probe_read_user(&at, sizeof(at), (void *)(ptr + 8)) ||
        bpf_probe_read_user(&at, sizeof(at), (void *)at) ||
        bpf_probe_read_user(&net, sizeof(net), (void *)at))
        return 0;
    if (net.type != SOCK_STREAM || (net.family != AF_INET && net.family != AF_INET6))
        return 0;
    if (net.fd < 0 || net.fd > 1 << 20)
        return 0;
    sk = sock_of_fd(net.fd);
    if (!sk || BPF_CORE_READ(sk, __sk_common.skc_family) != net.family)
        return 0;
    watch_note(&watch, sk);
    conn_addresses(conn, &watch, ADDR_DESCRIPTOR);
    return 0;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is remembered of a socket, and what is told of it. */
#ifndef ECAPTURE_FLOW_H
#define ECAPTURE_FLOW_H

#define IPPROTO_UDP 17
#define IPPROTO_MPTCP 262

struct flow_user {
    u64 start_ns;
    u32 tgid;
    u32 tid;
    u32 uid;
    u32 wanted;
    u8 comm[ABI_COMM];
};

struct flow_mark {
    u64 born_ns;
    struct flow_user client; /* who called connect(), while that is not told */
    u32 ports;
    u32 peer;
    u32 tgid; /* who was looked at last */
    u8 connects;
    u8 told;
    u8 wanted;
    u8 udp;
};

/* TCP, UDP, or 0 for what is neither. */
static __always_inline u8 flow_protocol(struct sock *sk) {
    u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
    u16 protocol;

    if (family != AF_INET && family != AF_INET6)
        return 0;
    protocol = BPF_CORE_READ(sk, sk_protocol);
    /* Addressed as its first TCP connection is. */
    if (protocol == IPPROTO_MPTCP)
        return IPPROTO_TCP;
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP ? protocol : 0;
}

/* The process's name and number; the thread's are of no use to who reads packets. */
static __always_inline void flow_user_of(struct flow_user *user, struct task_struct *leader) {
    __builtin_memset(user, 0, sizeof(*user));
    user->tgid = BPF_CORE_READ(leader, tgid);
    user->tid = BPF_CORE_READ(leader, pid);
    user->start_ns = BPF_CORE_READ(leader, start_boottime);
    user->uid = BPF_CORE_READ(leader, cred, uid.val);
    BPF_CORE_READ_INTO(&user->comm, leader, comm);
}

static __always_inline void flow_user_now(struct flow_user *user) {
    struct task_struct *task = (void *)bpf_get_current_task();

    flow_user_of(user, BPF_CORE_READ(task, group_leader));
    user->tid = (u32)bpf_get_current_pid_tgid();
    user->wanted = wanted();
}

/* Both addresses in network order; their family, 4 or 6. */
static __always_inline u8 flow_addresses(struct sock *sk, u8 *local, u8 *remote) {
    if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET) {
        BPF_CORE_READ_INTO((__be32 *)local, sk, __sk_common.skc_rcv_saddr);
        BPF_CORE_READ_INTO((__be32 *)remote, sk, __sk_common.skc_daddr);
        return 4;
    }
    BPF_CORE_READ_INTO((struct in6_addr *)local, sk, __sk_common.skc_v6_rcv_saddr);
    BPF_CORE_READ_INTO((struct in6_addr *)remote, sk, __sk_common.skc_v6_daddr);
    return 6;
}

static __always_inline void flow_fill(struct abi_flow *flow, struct sock *sk,
                                      const struct flow_user *user, u64 born_ns) {
    __builtin_memset(flow, 0, sizeof(*flow));
    flow->head.time_ns = bpf_ktime_get_boot_ns();
    flow->head.start_ns = user->start_ns;
    flow->head.born_ns = born_ns;
    flow->head.tgid = user->tgid;
    flow->head.tid = user->tid;
    flow->head.uid = user->uid;
    flow->head.kind = REC_FLOW;
    __builtin_memcpy(flow->head.comm, user->comm, sizeof(user->comm));
    flow->family = flow_addresses(sk, flow->local, flow->remote);
    /* A refused connection has given its port back, and this copy of it stays. */
    flow->local_port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
    flow->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
    flow->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
    flow->protocol = flow_protocol(sk);
    flow->wanted = user->wanted;
    flow->reuseport = BPF_CORE_READ_BITFIELD_PROBED(sk, __sk_common.skc_reuseport);
}

static __always_inline void flow_tell(struct sock *sk, struct flow_mark *mark,
                                      const struct flow_user *user) {
    void *ring = ring_of(NEWS_RING);
    struct abi_flow *flow = ring ? bpf_ringbuf_reserve(ring, sizeof(*flow), 0) : NULL;

    if (!flow) {
        count(CNT_CTRL_LOST, 1);
        return;
    }
    flow_fill(flow, sk, user, mark->born_ns);
    bpf_ringbuf_submit(flow, BPF_RB_NO_WAKEUP);
    count(CNT_RECORDS, 1);
    mark->told = 1;
    mark->wanted = user->wanted;
    wake(ring, NEWS_RING, false);
}

/* A socket's other end, short: only to see that a UDP socket has another one now. */
static __always_inline u32 flow_peer(struct sock *sk) {
    if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET)
        return BPF_CORE_READ(sk, __sk_common.skc_daddr);
    return BPF_CORE_READ(sk, __sk_common.skc_v6_daddr.in6_u.u6_addr32[3]);
}

static __always_inline void flow_anew(struct sock *sk, struct flow_mark *mark, u32 ports) {
    mark->born_ns = bpf_ktime_get_boot_ns();
    mark->ports = ports;
    mark->udp = flow_protocol(sk) == IPPROTO_UDP;
    mark->peer = mark->udp ? flow_peer(sk) : 0;
    mark->connects = 0;
    mark->told = 0;
    mark->wanted = 0;
}

/* Somebody sent or received. All but the first call of a process leave after two comparisons. */
static __always_inline void flow_used(struct sock *sk, struct flow_mark *mark) {
    u32 ports = BPF_CORE_READ(sk, __sk_common.skc_portpair);
    u32 tgid = bpf_get_current_pid_tgid() >> 32;
    u32 peer = mark->udp ? flow_peer(sk) : mark->peer;
    struct flow_user user;

    if (mark->ports != ports || mark->peer != peer || !mark->born_ns)
        flow_anew(sk, mark, ports);
    else if (mark->told && (mark->wanted || mark->tgid == tgid))
        return;
    mark->tgid = tgid;
    /* Without a port it can't be told yet. */
    if (!(ports >> 16) || (mark->told && !wanted()))
        return;
    flow_user_now(&user);
    flow_tell(sk, mark, &user);
}

/* The port is chosen after the state is set, so the caller is told with the next state. */
static __always_inline void flow_connects(struct sock *sk, struct flow_mark *mark, bool begins) {
    if (begins) {
        flow_anew(sk, mark, 0);
        flow_user_now(&mark->client);
        mark->connects = 1;
        return;
    }
    if (!mark->connects)
        return;
    mark->connects = 0;
    mark->ports = BPF_CORE_READ(sk, __sk_common.skc_portpair);
    mark->tgid = mark->client.tgid;
    flow_tell(sk, mark, &mark->client);
}

#endif

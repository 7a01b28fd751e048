/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connections that are followed and not shown: those that a sample passes over, and those whose
 * addresses are not wanted. They are in no record. Their bytes are counted apart, so that what is
 * left out can be said, and so that their positions are right if they are shown after all.
 */
#ifndef ECAPTURE_LEFT_H
#define ECAPTURE_LEFT_H

/* Addresses may choose. If not, the verifier drops what asks. */
#define BY_ADDRESS (config.filter_port || config.filter_net)
/* Some connections may not be shown. */
#define LEAVES_OUT (BY_ADDRESS || config.steered)

static __always_inline bool net_wanted(u8 family, const u8 *addr) {
    const u32 *words = (const u32 *)addr;
    struct abi_net key = {.bits = 8 * 17, .family = family};

    __builtin_memcpy(key.addr, addr, sizeof(key.addr));
    /* An IPv4 peer of an IPv6 socket goes by its own address. */
    if (family == 6 && !words[0] && !words[1] && words[2] == bpf_htonl(0xffff)) {
        key.family = 4;
        __builtin_memset(key.addr, 0, sizeof(key.addr));
        __builtin_memcpy(key.addr, &words[3], 4);
    }
    return bpf_map_lookup_elem(&nets, &key);
}

/* Each filter is content with either end. */
static __always_inline bool ends_wanted(const struct abi_conn_state *conn) {
    u16 local = conn->local_port, remote = conn->remote_port;

    if (config.filter_port && !bpf_map_lookup_elem(&ports, &local) &&
        !bpf_map_lookup_elem(&ports, &remote))
        return false;
    return !config.filter_net || net_wanted(conn->family, conn->local) ||
           net_wanted(conn->family, conn->remote);
}

/*
 * Whether the sample takes a connection that the filters chose. By chance alone: neither the order
 * in which connections come nor the reuse of their places in memory can bias it.
 */
static __always_inline u8 draw(void) {
    const struct abi_control *now;
    u32 only = 0;

    if (!config.steered)
        return LEFT_NOT;
    now = bpf_map_lookup_elem(&control, &only);
    if (!now || now->sample < 2 || bpf_get_prandom_u32() % now->sample == 0)
        return LEFT_NOT;
    return LEFT_SAMPLE;
}

/* What a connection begins with. */
static __always_inline u8 left_at_first(void) {
    return BY_ADDRESS ? LEFT_UNKNOWN_ADDRESS : draw();
}

/* Whether its addresses are still of use: to show them, or to choose by them. */
static __always_inline bool lacks_address(const struct abi_conn_state *conn) {
    return !conn->family && !(LEAVES_OUT && conn->left == LEFT_SAMPLE);
}

static __always_inline void count_left(u8 left, u64 conns, u64 bytes) {
    count(CNT_SAMPLE_CONNS + left - LEFT_SAMPLE, conns);
    count(CNT_SAMPLE_BYTES + left - LEFT_SAMPLE, bytes);
}

/* Counts what a call moved, before the connection's position is moved on. */
static __always_inline void count_moved(const struct abi_conn_state *conn, u64 bytes) {
    if (LEAVES_OUT && conn->left) {
        count_left(conn->left, !(conn->pos[0] | conn->pos[1]) && bytes, bytes);
        return;
    }
    count(CNT_CALLS, 1);
    count(CNT_MOVED, bytes);
}

/*
 * Chooses by the addresses once they are known. True if the connection is shown from here on and
 * had moved bytes before.
 */
static __always_inline bool choose(struct abi_conn_state *conn) {
    u64 before = conn->pos[0] + conn->pos[1];
    u8 left;

    if (!BY_ADDRESS || conn->left != LEFT_UNKNOWN_ADDRESS || !conn->family)
        return false;
    left = ends_wanted(conn) ? draw() : LEFT_FILTER;
    conn->left = left;
    if (!before)
        return false;
    count_left(LEFT_UNKNOWN_ADDRESS, -1, -before);
    if (left)
        count_left(left, 1, before);
    else
        count(CNT_MOVED, before);
    return !left;
}

#endif

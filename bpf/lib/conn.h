/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Connections: who they are, how many bytes they moved, and what user space was told of them. */
#ifndef ECAPTURE_CONN_H
#define ECAPTURE_CONN_H

static __always_inline struct abi_conn_state *conn_find(const struct who *who, u64 ptr) {
    struct abi_conn_key key = {.ptr = ptr, .tgid = who->tgid};
    struct abi_conn_state *conn = bpf_map_lookup_elem(&conns, &key);

    if (conn && conn->start_ns == who->start_ns && conn->exec_id == who->exec_id)
        return conn;
    return NULL;
}

static __always_inline struct abi_conn_state *conn_open(const struct who *who, u64 ptr) {
    struct abi_conn_key key = {.ptr = ptr, .tgid = who->tgid};
    struct abi_conn_state *conn = conn_find(who, ptr);
    struct abi_conn_state fresh = {};
    u32 tgid = who->tgid;

    if (conn)
        return conn;
    fresh.born_ns = bpf_ktime_get_boot_ns();
    fresh.start_ns = who->start_ns;
    fresh.exec_id = who->exec_id;
    fresh.left = left_at_first();
    bpf_map_update_elem(&procs, &tgid, &fresh.start_ns, BPF_ANY);
    if (bpf_map_update_elem(&conns, &key, &fresh, BPF_ANY)) {
        count(CNT_CONNS_FULL, 1);
        return NULL;
    }
    return bpf_map_lookup_elem(&conns, &key);
}

/* Says what is known of a connection; said again when more is known or when it found no room. */
static __always_inline void conn_tell(const struct who *who, struct abi_conn_state *conn,
                                      const struct call *call, void *ring) {
    struct abi_conn *rec = bpf_ringbuf_reserve(ring, sizeof(*rec), 0);

    if (!rec) {
        count(CNT_CTRL_LOST, 1);
        return;
    }
    fill_head_of(&rec->head, who, REC_CONN, call->time_ns);
    rec->head.start_ns = conn->start_ns;
    rec->head.conn = call->ptr;
    rec->head.born_ns = conn->born_ns;
    rec->head.file = call->file;
    rec->head.row = call->row;
    rec->cgroup = bpf_get_current_cgroup_id();
    __builtin_memcpy(rec->local, conn->local, sizeof(rec->local));
    __builtin_memcpy(rec->remote, conn->remote, sizeof(rec->remote));
    rec->local_port = conn->local_port;
    rec->remote_port = conn->remote_port;
    rec->family = conn->family;
    rec->source = conn->source;
    __builtin_memset(rec->pad, 0, sizeof(rec->pad));
    conn->announced = 1;
    conn->told = conn->family;
    bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
    count(CNT_RECORDS, 1);
}

static __always_inline void conn_close(const struct who *who, u64 ptr, u64 cookie) {
    struct abi_conn_key key = {.ptr = ptr, .tgid = who->tgid};
    struct abi_conn_state *conn = conn_find(who, ptr);
    u32 shard = shard_of(ptr, who->tgid);
    struct abi_close *rec;
    void *ring;

    if (!conn)
        return;
    ring = conn->pos[DIR_READ] | conn->pos[DIR_WRITE] ? ring_of(shard) : NULL;
    if (ring && !(LEAVES_OUT && conn->left)) {
        rec = bpf_ringbuf_reserve(ring, sizeof(*rec), 0);
        if (rec) {
            fill_head_of(&rec->head, who, REC_CLOSE, bpf_ktime_get_boot_ns());
            rec->head.start_ns = conn->start_ns;
            rec->head.conn = ptr;
            rec->head.born_ns = conn->born_ns;
            rec->head.file = cookie >> 16;
            rec->head.row = (u16)cookie;
            rec->pos[DIR_READ] = conn->pos[DIR_READ];
            rec->pos[DIR_WRITE] = conn->pos[DIR_WRITE];
            bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
            count(CNT_RECORDS, 1);
            wake(ring, shard, false);
        } else {
            count(CNT_CTRL_LOST, 1);
        }
    }
    bpf_map_delete_elem(&conns, &key);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls that move bytes through a buffer of the caller's. On entry the arguments are kept; on
 * return, when the count is known, the bytes are copied into the ring as records of at most
 * ABI_CHUNK, in order. Which argument is what comes from the row, never from here.
 */

/* The call around this one on the same thread, for the same connection and direction. */
static __always_inline u64 outer_call(struct abi_conn_state *conn, u8 dir, u64 sp, u32 tid) {
    u64 outer = conn->active_sp[dir & 1];

    /* Stacks grow down; what is far away is another stack or a frame that was left by a jump. */
    if (outer > sp && outer - sp < 1 << 20 && conn->active_tid[dir & 1] == tid)
        return outer;
    return 0;
}

static __always_inline int call_begin(struct pt_regs *ctx, const struct abi_row *row, u64 cookie) {
    struct who who = whoami();
    struct abi_call_key key = {.sp = PT_REGS_SP(ctx), .tgid = who.tgid};
    struct abi_call call = {.tid = who.tid, .file = cookie >> 16, .row = (u16)cookie};
    struct abi_conn_state *conn;
    u8 dir = row->dir & 1;

    call.ptr = arg(ctx, row->conn);
    call.buf = arg(ctx, row->buf);
    call.num = arg(ctx, row->num);
    if (row->len == LEN_OUT)
        call.out = arg(ctx, row->out);
    conn = conn_open(&who, call.ptr);
    if (!conn)
        return 0;
    call.born_ns = conn->born_ns;
    call.outer_sp = outer_call(conn, dir, key.sp, who.tid);
    conn->calls++;
    if (!conn->family && (conn->calls <= ABI_ADDR_TRIES || conn->calls % ABI_ADDR_EVERY == 0)) {
        call.watched = 1;
        watch_begin(bpf_get_current_pid_tgid());
    }
    if (bpf_map_update_elem(&calls, &key, &call, BPF_ANY)) {
        count(CNT_CALLS_FULL, 1);
        return 0;
    }
    conn->active_sp[dir] = key.sp;
    conn->active_tid[dir] = who.tid;
    return 0;
}

/* How many bytes the call moved; 0 if it failed or must be tried again. */
static __always_inline u64 moved_by(struct pt_regs *ctx, const struct abi_row *row,
                                    const struct abi_call *call) {
    s64 ret = PT_REGS_RC(ctx);
    u64 moved = 0;

    if (row->len == LEN_RET) {
        moved = (s32)ret > 0 ? (u32)ret : 0;
    } else if (row->len == LEN_RET_LONG) {
        moved = ret > 0 ? ret : 0;
    } else if ((s32)ret == 1) {
        if (bpf_probe_read_user(&moved, sizeof(moved), (void *)call->out)) {
            count(CNT_LEN_UNREADABLE, 1);
            return 0;
        }
    }
    /* No call moves more than it was asked to: a larger figure is not the library's. */
    return moved < call->num ? moved : call->num;
}

static __always_inline void fill_data(struct abi_data *rec, const struct abi_call *call,
                                      const struct abi_conn_state *conn, const struct abi_row *row,
                                      u8 kind) {
    fill_head(&rec->head, kind, call->time_ns);
    rec->head.start_ns = conn->start_ns;
    rec->head.conn = call->ptr;
    rec->head.born_ns = call->born_ns;
    rec->head.file = call->file;
    rec->head.row = call->row;
    rec->head.dir = row->dir;
    rec->head.flags = row->flags;
    rec->pos = call->pos + (row->flags & ROW_PEEK ? 0 : call->done - call->nested);
    rec->call_len = call->moved;
    rec->call_off = call->done;
}

static __always_inline void lost(const struct abi_row *row, u64 bytes) {
    if (row->flags & ROW_PEEK)
        return;
    count(CNT_RING_FULL, 1);
    count(CNT_RING_BYTES, bytes);
}

/* Up to where in the call bytes are taken. */
static __always_inline u64 kept(const struct abi_call *call) {
    return call->moved < config.call_cap ? call->moved : config.call_cap;
}

/* Accounts for `bytes` of the call that are not shown, and moves past them. */
static __always_inline void emit_gap(struct abi_call *call, const struct abi_conn_state *conn,
                                     const struct abi_row *row, void *ring, u32 shard, u64 bytes,
                                     u8 reason) {
    bool half_full = false;
    struct abi_data *rec = NULL;

    if (has_room(ring, sizeof(*rec), &half_full))
        rec = bpf_ringbuf_reserve(ring, sizeof(*rec), 0);
    if (rec) {
        fill_data(rec, call, conn, row, REC_GAP);
        rec->head.reason = reason;
        rec->moved = bytes;
        bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
        count(CNT_RECORDS, 1);
        wake(ring, shard, half_full);
    } else {
        lost(row, bytes);
    }
    call->done += bytes;
}

/*
 * Reserves a record with room for `size` bytes of payload, a constant, and copies `bytes` of the
 * call into it. The bound is set in assembly, where the compiler can neither drop it nor join it
 * with another size's: the verifier must see each size beside its own copy. True if it copied.
 */
#define RESERVE_AND_COPY(rec, ring, call, bytes, size)                                             \
    ({                                                                                             \
        u64 bounded = (bytes);                                                                     \
        long failed = -1;                                                                          \
        asm volatile("if %0 <= %1 goto +1\n%0 = %1" : "+r"(bounded) : "i"(size));                  \
        (rec) = bpf_ringbuf_reserve(ring, sizeof(*(rec)) + (size), 0);                             \
        if (rec)                                                                                   \
            failed =                                                                               \
                bpf_probe_read_user((rec) + 1, bounded, (void *)((call)->buf + (call)->done));     \
        failed == 0;                                                                               \
    })

/* Hands over a record that holds the next `bytes` of the call, or that could not be read. */
static __always_inline void submit_chunk(struct abi_data *rec, bool copied,
                                         const struct abi_call *call,
                                         const struct abi_conn_state *conn,
                                         const struct abi_row *row, u32 bytes) {
    fill_data(rec, call, conn, row, copied ? REC_DATA : REC_GAP);
    rec->moved = bytes;
    rec->head.len = copied ? bytes : 0;
    rec->head.reason = copied ? GAP_NONE : GAP_UNREADABLE;
    bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
    count(CNT_RECORDS, 1);
}

/*
 * One whole chunk of the call at `sp`, if it has more than that; 1 if it had. The functions that
 * are not static are verified by themselves, once, and not for each turn of a loop around them.
 */
__noinline int copy_chunk(u64 sp) {
    struct abi_call_key key = {.sp = sp, .tgid = bpf_get_current_pid_tgid() >> 32};
    struct abi_call *call = bpf_map_lookup_elem(&calls, &key);
    struct abi_data *rec = NULL;
    const struct abi_row *row;
    struct abi_conn_key conn_key = {.tgid = key.tgid};
    struct abi_conn_state *conn;
    bool half_full = false, copied = false;
    void *ring;
    u32 shard;

    if (!call || call->done + ABI_CHUNK >= kept(call))
        return 0;
    conn_key.ptr = call->ptr;
    conn = bpf_map_lookup_elem(&conns, &conn_key);
    shard = shard_of(call->ptr, key.tgid);
    ring = ring_of(shard);
    if (!conn || !ring)
        return 0;
    row = row_of(call->row);
    if (has_room(ring, sizeof(*rec) + ABI_CHUNK, &half_full))
        copied = RESERVE_AND_COPY(rec, ring, call, ABI_CHUNK, ABI_CHUNK);
    if (rec) {
        submit_chunk(rec, copied, call, conn, row, ABI_CHUNK);
        wake(ring, shard, half_full);
    } else {
        lost(row, ABI_CHUNK);
    }
    call->done += ABI_CHUNK;
    return 1;
}

__noinline int copy_run(u64 sp) {
    for (int i = 0; i < ABI_CHUNKS_PER_RUN; i++) {
        if (!copy_chunk(sp))
            return 0;
    }
    return 1;
}

#define CLASS(size)                                                                                \
    if (bytes <= (size)) {                                                                         \
        copied = RESERVE_AND_COPY(rec, ring, call, bytes, size);                                   \
    } else

/* The last piece of a call, which is all of it for most, in the smallest class that holds it. */
static __always_inline void emit_rest(struct abi_call *call, const struct abi_conn_state *conn,
                                      const struct abi_row *row, void *ring, u32 shard, u32 bytes) {
    bool half_full = false, copied = false;
    struct abi_data *rec = NULL;

    if (has_room(ring, sizeof(*rec) + 2 * bytes, &half_full)) {
        // clang-format off
        CLASS(128) CLASS(256) CLASS(512) CLASS(1024) CLASS(2048) CLASS(4096) CLASS(8192) {
            copied = RESERVE_AND_COPY(rec, ring, call, bytes, ABI_CHUNK);
        }
        // clang-format on
    }
    if (rec) {
        submit_chunk(rec, copied, call, conn, row, bytes);
        wake(ring, shard, half_full);
    } else {
        lost(row, bytes);
    }
    call->done += bytes;
}

/* Settles the call's count with the connection and with the call around it. */
static __always_inline void call_settle(struct pt_regs *ctx, struct abi_call *call,
                                        struct abi_conn_state *conn, const struct abi_row *row) {
    struct abi_call_key outer_key = {.sp = call->outer_sp,
                                     .tgid = bpf_get_current_pid_tgid() >> 32};
    struct abi_call *outer;
    u8 dir = row->dir & 1;

    conn->active_sp[dir] = call->outer_sp;
    if (!call->outer_sp)
        conn->active_tid[dir] = 0;
    if (call->watched)
        watch_end(bpf_get_current_pid_tgid(), conn);
    call->moved = moved_by(ctx, row, call);
    /* A library may look before it takes: such a peek is an inner step, not a user's call. */
    if (row->flags & ROW_PEEK && call->outer_sp)
        call->moved = 0;
    if (call->nested > call->moved)
        call->nested = call->moved;
    call->done = call->nested;
    call->pos = conn->pos[dir];
    if (!call->moved)
        return;
    call->time_ns = bpf_ktime_get_boot_ns();
    if (row->flags & ROW_PEEK)
        return;
    count(CNT_CALLS, 1);
    count(CNT_MOVED, call->moved - call->nested);
    conn->pos[dir] += call->moved - call->nested;
    if (!call->outer_sp)
        return;
    outer = bpf_map_lookup_elem(&calls, &outer_key);
    if (outer && outer->ptr == call->ptr)
        outer->nested += call->moved;
}

/* Copies what there is to copy, and accounts for the rest. */
static __always_inline void call_copy(struct abi_call *call, struct abi_conn_state *conn,
                                      const struct abi_row *row, u32 shard, void *ring, u64 sp) {
    u8 reason = GAP_NO_BUFFER;

    if (!(row->flags & ROW_NO_BUFFER)) {
        u64 keep = kept(call);

        for (int i = 0; i < ABI_RUNS && call->done + ABI_CHUNK < keep; i++) {
            if (!copy_run(sp))
                break;
        }
        if (call->done < keep && keep - call->done <= ABI_CHUNK)
            emit_rest(call, conn, row, ring, shard, keep - call->done);
        reason = call->done < keep ? GAP_TOO_LONG : GAP_CAP;
    }
    if (call->done < call->moved && !(row->flags & ROW_PEEK))
        emit_gap(call, conn, row, ring, shard, call->moved - call->done, reason);
}

/* A return whose entry was not kept: its bytes belong to no connection, but they are counted. */
static __always_inline int call_orphan(struct pt_regs *ctx, const struct abi_row *row) {
    s32 ret = (s32)PT_REGS_RC(ctx);

    if (ret <= 0 || row->flags & ROW_PEEK || !wanted())
        return 0;
    if (row->len == LEN_OUT)
        count(CNT_LEN_UNREADABLE, 1);
    else
        count(CNT_ORPHAN_BYTES, ret);
    return 0;
}

static __always_inline int call_end(struct pt_regs *ctx, const struct abi_row *row) {
    struct abi_call_key key = {.sp = PT_REGS_SP(ctx) - RETURN_POPS,
                               .tgid = bpf_get_current_pid_tgid() >> 32};
    struct abi_call *call = bpf_map_lookup_elem(&calls, &key);
    struct abi_conn_key conn_key = {.tgid = key.tgid};
    struct abi_conn_state *conn;
    u32 shard;
    void *ring;

    if (!call)
        return call_orphan(ctx, row);
    /* The entry made sure that it is this program's connection; it is still the same one. */
    conn_key.ptr = call->ptr;
    conn = bpf_map_lookup_elem(&conns, &conn_key);
    if (!conn || conn->born_ns != call->born_ns) {
        /* Ended within the call, or pushed out of the table by others. */
        if (!(row->flags & ROW_PEEK))
            count(CNT_ORPHAN_BYTES, moved_by(ctx, row, call));
        goto out;
    }
    call_settle(ctx, call, conn, row);
    if (!call->moved)
        goto out;
    shard = shard_of(call->ptr, key.tgid);
    ring = ring_of(shard);
    if (!ring)
        goto out;
    if (!conn->announced || (conn->family && !conn->told))
        conn_tell(conn, call, shard, ring);
    call_copy(call, conn, row, shard, ring, key.sp);
out:
    bpf_map_delete_elem(&calls, &key);
    return 0;
}

SEC("uprobe")
int buf_entry(struct pt_regs *ctx) {
    u64 cookie = cookie_of(ctx);
    const struct abi_row *row = row_of(cookie);

    if (!wanted())
        return 0;
    return call_begin(ctx, row, cookie);
}

SEC("uretprobe")
int buf_return(struct pt_regs *ctx) {
    return call_end(ctx, row_of(cookie_of(ctx)));
}

/* The library ends a connection, or makes its object ready for another one. */
SEC("uprobe")
int conn_end(struct pt_regs *ctx) {
    u64 cookie = cookie_of(ctx);
    const struct abi_row *row = row_of(cookie);
    struct who who = whoami();
    struct abi_conn_state *conn;
    u64 ptr;

    ptr = arg(ctx, row->conn);
    conn = conn_find(&who, ptr);
    if (!conn)
        return 0;
    /* A reset in the middle of a call, or before the first byte, belongs to the handshake. */
    if (row->op == OP_RESET &&
        (conn->active_sp[0] | conn->active_sp[1] || !(conn->pos[0] | conn->pos[1])))
        return 0;
    conn_close(&who, ptr, cookie);
    return 0;
}

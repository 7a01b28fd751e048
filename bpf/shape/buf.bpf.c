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

static __always_inline int call_begin(struct pt_regs *ctx, const struct who *who,
                                      const struct abi_row *row, u64 cookie) {
    u64 sp = PT_REGS_SP(ctx);
    u64 ptr = arg(ctx, row->conn);
    struct abi_conn_state *conn = conn_open(who, ptr);
    struct call *call;
    u8 dir = row->dir & 1;

    if (!conn)
        return 0;
    call = call_keep(who, sp);
    if (!call) {
        count(CNT_CALLS_FULL, 1);
        return 0;
    }
    call->ptr = ptr;
    call->born_ns = conn->born_ns;
    call->buf = arg(ctx, row->buf);
    call->out = row->len == LEN_OUT ? arg(ctx, row->out) : 0;
    call->num = arg(ctx, row->num);
    call->nested = 0;
    call->outer_sp = outer_call(conn, dir, sp, who->tid);
    call->file = cookie >> 16;
    call->row = (u16)cookie;
    call->watched = 0;
    call->cut = 0;
    call->left = conn->left;
    conn->calls++;
    if (lacks_address(conn) &&
        (conn->calls <= ABI_ADDR_TRIES || conn->calls % ABI_ADDR_EVERY == 0)) {
        call->watched = 1;
        watch_begin(bpf_get_current_pid_tgid());
    }
    conn->active_sp[dir] = sp;
    conn->active_num[dir] = call->num;
    conn->active_tid[dir] = who->tid;
    return 0;
}

/* How many bytes the call moved; 0 if it failed or must be tried again. */
static __always_inline u64 moved_by(struct pt_regs *ctx, const struct abi_row *row,
                                    const struct call *call) {
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

static __always_inline void fill_data(struct abi_data *rec, const struct who *who,
                                      const struct call *call, const struct abi_conn_state *conn,
                                      const struct abi_row *row, u8 kind) {
    fill_head_of(&rec->head, who, kind, call->time_ns);
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

/*
 * Up to where in the call bytes are taken, asked before each piece: a long call may fill the ring
 * by itself. Once a call was cut it stays so, and what is left of it is one gap.
 */
static __always_inline u64 kept(struct call *call, void *ring) {
    const struct abi_control *now;
    u32 only = 0;

    if (!config.steered || call->cut)
        return call->keep;
    now = bpf_map_lookup_elem(&control, &only);
    if (!now || call->keep <= now->keep_bytes)
        return call->keep;
    if (bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) < now->truncate_from)
        return call->keep;
    call->keep = now->keep_bytes > call->done ? now->keep_bytes : call->done;
    call->cut = 1;
    return call->keep;
}

/*
 * `--on-overload pause`: leaves the rest of the call where it is and has the thread wait until it
 * was read there: `keep` bytes of it, and what follows is a gap. False if it can't.
 */
static __always_inline bool leave(const struct who *who, struct call *call,
                                  const struct abi_conn_state *conn, const struct abi_row *row,
                                  void *ring, u64 keep, u8 reason) {
    struct abi_rest *rec;

    if (!config.tracer)
        return false;
    /* As a control record: it may use what payload leaves free. */
    rec = bpf_ringbuf_reserve(ring, sizeof(*rec), 0);
    if (!rec)
        return false;
    if (!pause_thread()) {
        bpf_ringbuf_discard(rec, BPF_RB_NO_WAKEUP);
        return false;
    }
    fill_data(&rec->data, who, call, conn, row, REC_REST);
    rec->data.moved = call->moved - call->done;
    rec->data.head.reason = reason;
    rec->buf = call->buf + call->done;
    rec->keep = keep;
    bpf_ringbuf_submit(rec, BPF_RB_FORCE_WAKEUP);
    count(CNT_RECORDS, 1);
    call->done = call->moved;
    return true;
}

/* Accounts for `bytes` of the call that are not shown, and moves past them. */
static __always_inline void emit_gap(const struct who *who, struct call *call,
                                     const struct abi_conn_state *conn, const struct abi_row *row,
                                     void *ring, u32 shard, u64 bytes, u8 reason) {
    bool half_full = false;
    struct abi_data *rec = NULL;

    if (has_room(ring, sizeof(*rec), &half_full))
        rec = bpf_ringbuf_reserve(ring, sizeof(*rec), 0);
    if (rec) {
        fill_data(rec, who, call, conn, row, REC_GAP);
        rec->head.reason = reason;
        rec->moved = bytes;
        bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
        count(CNT_RECORDS, 1);
        wake(ring, shard, half_full);
    } else if (leave(who, call, conn, row, ring, 0, reason)) {
        return;
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
static __always_inline void submit_chunk(struct abi_data *rec, const struct who *who, bool copied,
                                         const struct call *call, const struct abi_conn_state *conn,
                                         const struct abi_row *row, u32 bytes) {
    fill_data(rec, who, call, conn, row, copied ? REC_DATA : REC_GAP);
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
    struct who who = whoami();
    struct abi_conn_key conn_key = {.tgid = who.tgid};
    bool half_full = false, copied = false, own;
    struct call *call = call_find(&who, sp, &own);
    struct abi_data *rec = NULL;
    const struct abi_row *row;
    struct abi_conn_state *conn;
    void *ring;
    u32 shard;

    if (!call)
        return 0;
    conn_key.ptr = call->ptr;
    conn = bpf_map_lookup_elem(&conns, &conn_key);
    shard = shard_of(call->ptr, conn_key.tgid);
    ring = ring_of(shard);
    if (!conn || !ring || call->done + ABI_CHUNK >= kept(call, ring))
        return 0;
    row = row_of(call->row);
    if (has_room(ring, sizeof(*rec) + ABI_CHUNK, &half_full))
        copied = RESERVE_AND_COPY(rec, ring, call, ABI_CHUNK, ABI_CHUNK);
    if (rec) {
        submit_chunk(rec, &who, copied, call, conn, row, ABI_CHUNK);
        wake(ring, shard, half_full);
    } else if (config.tracer) {
        return 0;
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
static __always_inline void emit_rest(const struct who *who, struct call *call,
                                      const struct abi_conn_state *conn, const struct abi_row *row,
                                      void *ring, u32 shard, u32 bytes) {
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
        submit_chunk(rec, who, copied, call, conn, row, bytes);
        wake(ring, shard, half_full);
    } else if (config.tracer) {
        return;
    } else {
        lost(row, bytes);
    }
    call->done += bytes;
}

/* What the connection moved in one direction before it was chosen, as a gap. */
static __always_inline void emit_earlier(const struct who *who, const struct call *call,
                                         const struct abi_conn_state *conn,
                                         const struct abi_row *row, void *ring, u32 shard, u8 dir) {
    u64 bytes = dir == (row->dir & 1) ? call->pos : conn->pos[dir];
    bool half_full = false;
    struct abi_data *rec = NULL;

    if (!bytes)
        return;
    if (has_room(ring, sizeof(*rec), &half_full))
        rec = bpf_ringbuf_reserve(ring, sizeof(*rec), 0);
    if (!rec) {
        count(CNT_RING_FULL, 1);
        count(CNT_RING_BYTES, bytes);
        return;
    }
    fill_data(rec, who, call, conn, row, REC_GAP);
    rec->head.dir = dir;
    rec->head.flags = 0;
    rec->head.reason = GAP_UNKNOWN_ADDRESS;
    rec->pos = 0;
    rec->moved = bytes;
    rec->call_len = bytes;
    rec->call_off = 0;
    bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
    count(CNT_RECORDS, 1);
    wake(ring, shard, half_full);
}

/*
 * Settles the call's count with the connection and with the call around it. True if the connection
 * was chosen by this call and has earlier bytes to account for.
 */
static __always_inline bool call_settle(struct pt_regs *ctx, const struct who *who,
                                        struct call *call, struct abi_conn_state *conn,
                                        const struct abi_row *row) {
    struct call *outer = NULL;
    u8 dir = row->dir & 1;
    bool chosen, own;

    conn->active_sp[dir] = call->outer_sp;
    if (call->outer_sp)
        outer = call_find(who, call->outer_sp, &own);
    if (outer)
        conn->active_num[dir] = outer->num;
    if (call->watched)
        watch_end(bpf_get_current_pid_tgid(), conn);
    chosen = choose(conn);
    call->moved = moved_by(ctx, row, call);
    /* A library may look before it takes: such a peek is an inner step, not a user's call. */
    if (row->flags & ROW_PEEK && call->outer_sp)
        call->moved = 0;
    if (call->nested > call->moved)
        call->nested = call->moved;
    call->done = call->nested;
    call->keep = call->moved < config.call_cap ? call->moved : config.call_cap;
    call->pos = conn->pos[dir];
    if (!call->moved && !chosen)
        return false;
    call->time_ns = bpf_ktime_get_boot_ns();
    if (!call->moved || row->flags & ROW_PEEK)
        return chosen;
    count_moved(conn, call->moved - call->nested);
    conn->pos[dir] += call->moved - call->nested;
    if (outer && outer->ptr == call->ptr)
        outer->nested += call->moved;
    return chosen;
}

/* Copies what there is to copy, and accounts for the rest. */
static __always_inline void call_copy(const struct who *who, struct call *call,
                                      struct abi_conn_state *conn, const struct abi_row *row,
                                      u32 shard, void *ring, u64 sp) {
    u8 reason = GAP_NO_BUFFER;

    if (!(row->flags & ROW_NO_BUFFER)) {
        u64 keep = kept(call, ring);

        for (int i = 0; i < ABI_RUNS && call->done + ABI_CHUNK < keep; i++) {
            if (!copy_run(sp))
                break;
        }
        keep = kept(call, ring);
        if (call->done < keep && keep - call->done <= ABI_CHUNK)
            emit_rest(who, call, conn, row, ring, shard, keep - call->done);
        reason = call->cut ? GAP_OVERLOAD : GAP_CAP;
        if (call->done < keep) {
            if (leave(who, call, conn, row, ring, keep - call->done, reason))
                return;
            reason = config.tracer ? GAP_OVERLOAD : GAP_TOO_LONG;
        }
    }
    if (call->done < call->moved && !(row->flags & ROW_PEEK))
        emit_gap(who, call, conn, row, ring, shard, call->moved - call->done, reason);
}

/* A return whose entry was not kept: its bytes belong to no connection, but they are counted. */
static __always_inline int call_orphan(struct pt_regs *ctx, const struct who *who) {
    const struct abi_row *row = row_of(cookie_of(ctx));
    s32 ret = (s32)PT_REGS_RC(ctx);

    if (ret <= 0 || row->flags & ROW_PEEK || !wanted_of(who->tgid))
        return 0;
    if (row->len == LEN_OUT)
        count(CNT_LEN_UNREADABLE, 1);
    else
        count(CNT_ORPHAN_BYTES, ret);
    return 0;
}

SEC("uprobe")
int buf_entry(struct pt_regs *ctx) {
    struct who who = whoami();
    u64 cookie;

    if (!wanted_of(who.tgid))
        return 0;
    cookie = cookie_of(ctx);
    return call_begin(ctx, &who, row_of(cookie), cookie);
}

SEC("uretprobe")
int buf_return(struct pt_regs *ctx) {
    struct who who = whoami();
    struct abi_conn_key conn_key = {.tgid = who.tgid};
    u64 sp = PT_REGS_SP(ctx) - RETURN_POPS;
    bool chosen, own;
    struct call *call = call_find(&who, sp, &own);
    const struct abi_row *row;
    struct abi_conn_state *conn;
    u32 shard;
    void *ring;

    if (!call)
        return call_orphan(ctx, &who);
    row = row_of(call->row);
    /* The entry made sure that it is this program's connection; it is still the same one. */
    conn_key.ptr = call->ptr;
    conn = bpf_map_lookup_elem(&conns, &conn_key);
    if (!conn || conn->born_ns != call->born_ns) {
        /* Ended within the call, or pushed out of the table by others. */
        if (row->flags & ROW_PEEK)
            goto out;
        if (LEAVES_OUT && call->left)
            count_left(call->left, 0, moved_by(ctx, row, call));
        else
            count(CNT_ORPHAN_BYTES, moved_by(ctx, row, call));
        goto out;
    }
    chosen = call_settle(ctx, &who, call, conn, row);
    if ((LEAVES_OUT && conn->left) || !(call->moved || chosen))
        goto out;
    shard = shard_of(call->ptr, who.tgid);
    ring = ring_of(shard);
    if (!ring)
        goto out;
    if (!conn->announced || (conn->family && !conn->told))
        conn_tell(&who, conn, call, ring);
    if (BY_ADDRESS && chosen) {
        emit_earlier(&who, call, conn, row, ring, shard, DIR_READ);
        emit_earlier(&who, call, conn, row, ring, shard, DIR_WRITE);
    }
    if (call->moved)
        call_copy(&who, call, conn, row, shard, ring, sp);
out:
    call_drop(&who, call, sp, own);
    return 0;
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

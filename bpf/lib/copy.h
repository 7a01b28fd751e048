/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A call's bytes on their way into the ring: as records of at most ABI_CHUNK, in order, and as gaps
 * where they are not taken.
 */
#ifndef ECAPTURE_COPY_H
#define ECAPTURE_COPY_H

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
    rec->head.flags = call->flags & (ROW_PEEK | ROW_NO_BUFFER);
    rec->pos = call->pos + (call->flags & ROW_PEEK ? 0 : call->done - call->nested);
    rec->call_len = call->moved;
    rec->call_off = call->done;
}

static __always_inline void lost(const struct call *call, u64 bytes) {
    if (call->flags & ROW_PEEK)
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
        lost(call, bytes);
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
        lost(call, ABI_CHUNK);
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
        lost(call, bytes);
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

/* Copies what stands at `call->buf`, up to what is kept of it. */
static __always_inline u64 copy_kept(const struct who *who, struct call *call,
                                     struct abi_conn_state *conn, const struct abi_row *row,
                                     u32 shard, void *ring, u64 sp) {
    u64 keep = kept(call, ring);

    for (int i = 0; i < ABI_RUNS && call->done + ABI_CHUNK < keep; i++) {
        if (!copy_run(sp))
            break;
    }
    keep = kept(call, ring);
    if (call->done < keep && keep - call->done <= ABI_CHUNK)
        emit_rest(who, call, conn, row, ring, shard, keep - call->done);
    return keep;
}

/* struct iovec, whose length is an int in some libraries. */
struct part {
    u64 base;
    u32 len;
    u32 pad;
};

/* One buffer of several, as if the call had no other; 1 if there may be more. */
__noinline int copy_part(u64 sp, u32 number) {
    struct who who = whoami();
    struct abi_conn_key conn_key = {.tgid = who.tgid};
    bool own;
    struct call *call = call_find(&who, sp, &own);
    struct abi_conn_state *conn;
    struct part part;
    void *ring;
    u64 keep;
    u32 shard;

    if (!call || call->done >= call->keep || number >= call->num)
        return 0;
    conn_key.ptr = call->ptr;
    conn = bpf_map_lookup_elem(&conns, &conn_key);
    shard = shard_of(call->ptr, who.tgid);
    ring = ring_of(shard);
    if (!conn || !ring)
        return 0;
    if (bpf_probe_read_user(&part, sizeof(part), (void *)(call->out + number * sizeof(part))))
        return 0;
    keep = call->keep;
    call->buf = part.base - call->done;
    if (call->done + part.len < keep)
        call->keep = call->done + part.len;
    copy_kept(&who, call, conn, row_of(call->row), shard, ring, sp);
    if (call->cut || call->done < call->keep)
        return 0;
    call->keep = keep;
    return 1;
}

/* The same for a vector of buffers. A step of the call that took some of them leaves none here. */
static __always_inline u8 copy_vector(struct call *call, u64 sp) {
    u64 keep = call->keep;

    call->out = call->buf;
    for (u32 i = 0; i < ABI_PARTS && !call->nested; i++) {
        if (!copy_part(sp, i))
            break;
    }
    if (call->cut)
        return GAP_OVERLOAD;
    return call->done < keep ? GAP_NO_BUFFER : GAP_CAP;
}

/* Copies what there is to copy, and accounts for the rest. */
static __always_inline void call_copy(const struct who *who, struct call *call,
                                      struct abi_conn_state *conn, const struct abi_row *row,
                                      u32 shard, void *ring, u64 sp) {
    u8 reason = GAP_NO_BUFFER;

    if (call->flags & ROW_VECTOR) {
        reason = copy_vector(call, sp);
    } else if (call->buf && !(call->flags & ROW_NO_BUFFER)) {
        u64 keep = copy_kept(who, call, conn, row, shard, ring, sp);

        reason = call->cut ? GAP_OVERLOAD : GAP_CAP;
        if (call->done < keep) {
            if (leave(who, call, conn, row, ring, keep - call->done, reason))
                return;
            reason = config.tracer ? GAP_OVERLOAD : GAP_TOO_LONG;
        }
    }
    if (call->done < call->moved && !(call->flags & ROW_PEEK))
        emit_gap(who, call, conn, row, ring, shard, call->moved - call->done, reason);
}

#endif

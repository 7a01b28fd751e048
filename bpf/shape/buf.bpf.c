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

#define MSG_PEEK 2

/*
 * Whether the call at `sp` is a step of the one that is there: a function that ends in a jump to
 * another one leaves it its frame, its arguments and its return, at which both are told.
 */
static __always_inline bool is_tail(const struct who *who, u64 sp, u64 ptr, u64 cookie) {
    bool own;
    struct call *call = call_find(who, sp, &own);

    /* What a longjmp left behind is of the same function in all likelihood. */
    if (!call || call->ptr != ptr || call->file != (u32)(cookie >> 16) ||
        call->row == (u16)cookie || row_of(call->row)->dir != row_of(cookie)->dir)
        return false;
    call->tails++;
    return true;
}

/* `sp`: the stack pointer, or what stands for it if the call moves from thread to thread. */
static __always_inline int call_begin(struct pt_regs *ctx, const struct who *who,
                                      const struct abi_row *row, u64 cookie, u64 sp, bool moves) {
    u64 ptr = arg(ctx, row->conn);
    struct abi_conn_state *conn;
    struct call *call;
    u8 dir = row->dir & 1;

    if (row->flags & ROW_MARKED && !is_marked(who, ptr))
        return 0;
    conn = conn_open(who, ptr);
    if (!conn)
        return 0;
    if (!moves && conn->active_sp[dir] == sp && is_tail(who, sp, ptr, cookie))
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
    call->outer_sp = moves ? 0 : outer_call(conn, dir, sp, who->tid);
    call->file = cookie >> 16;
    call->row = (u16)cookie;
    call->watched = 0;
    call->cut = 0;
    call->left = conn->left;
    call->flags = row->flags;
    if (row->flags & ROW_PEEK_IF && arg(ctx, row->out) & MSG_PEEK)
        call->flags |= ROW_PEEK;
    call->tails = 0;
    conn->calls++;
    if (lacks_address(conn) &&
        (conn->calls <= ABI_ADDR_TRIES || conn->calls % ABI_ADDR_EVERY == 0)) {
        call->watched = 1;
        if (!moves)
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

    if (call->flags & ROW_AGAIN)
        return 0;
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
    /* Such a call goes on with what an earlier one was given. */
    if (row->num == ABI_NO_ARG || !(call->buf | call->num))
        return moved;
    if (call->flags & ROW_VECTOR)
        return moved;
    /* No call moves more than it was asked to: a larger figure is not the library's. */
    return moved < call->num ? moved : call->num;
}

/*
 * Settles the call's count with the connection and with the call around it. True if the connection
 * was chosen by this call and has earlier bytes to account for.
 */
static __always_inline bool call_settle(struct pt_regs *ctx, const struct who *who,
                                        struct call *call, struct abi_conn_state *conn,
                                        const struct abi_row *row, bool moves) {
    struct call *outer = NULL;
    u8 dir = row->dir & 1;
    bool chosen, own;

    conn->active_sp[dir] = call->outer_sp;
    if (call->outer_sp)
        outer = call_find(who, call->outer_sp, &own);
    if (outer)
        conn->active_num[dir] = outer->num;
    if (call->watched && moves)
        socket_of(conn, call->ptr);
    else if (call->watched)
        watch_end(bpf_get_current_pid_tgid(), conn);
    chosen = choose(conn);
    call->moved = moved_by(ctx, row, call);
    /* A library may look before it takes: such a peek is an inner step, not a user's call. */
    if (call->flags & ROW_PEEK && call->outer_sp)
        call->moved = 0;
    if (outer && outer->flags & ROW_AGAIN)
        call->moved = 0;
    if (call->nested > call->moved)
        call->nested = call->moved;
    call->done = call->nested;
    call->keep = call->moved < config.call_cap ? call->moved : config.call_cap;
    call->pos = conn->pos[dir];
    if (!call->moved && !chosen)
        return false;
    call->time_ns = bpf_ktime_get_boot_ns();
    if (!call->moved || call->flags & ROW_PEEK)
        return chosen;
    count_moved(conn, call->moved - call->nested);
    conn->pos[dir] += call->moved - call->nested;
    if (outer && outer->ptr == call->ptr)
        outer->nested += call->moved;
    return chosen;
}

/* Of these rows, not every call moves bytes of a connection. */
#define NOT_COUNTED (ROW_PEEK | ROW_AGAIN | ROW_MARKED)

/* A return whose entry was not kept: its bytes belong to no connection, but they are counted. */
static __always_inline int call_orphan(struct pt_regs *ctx, const struct who *who) {
    const struct abi_row *row = row_of(cookie_of(ctx));
    s32 ret = (s32)PT_REGS_RC(ctx);

    if (ret <= 0 || row->flags & NOT_COUNTED || !wanted_of(who->tgid))
        return 0;
    if (row->len == LEN_OUT)
        count(CNT_LEN_UNREADABLE, 1);
    else
        count(CNT_ORPHAN_BYTES, ret);
    return 0;
}

/* `sp` and `moves` as at the beginning; the latter is a constant, so that nobody has what only the
 * other needs on the stack. */
static __always_inline int call_end(struct pt_regs *ctx, const struct who *who, u64 sp,
                                    bool moves) {
    struct abi_conn_key conn_key = {.tgid = who->tgid};
    bool chosen, own;
    struct call *call = call_find(who, sp, &own);
    const struct abi_row *row;
    struct abi_conn_state *conn;
    u32 shard;
    void *ring;

    /* That a call was under way when the probes were placed, only a return probe knows. */
    if (!call)
        return moves ? 0 : call_orphan(ctx, who);
    if (call->tails) {
        call->tails--;
        return 0;
    }
    row = row_of(call->row);
    /* The entry made sure that it is this program's connection; it is still the same one. */
    conn_key.ptr = call->ptr;
    conn = bpf_map_lookup_elem(&conns, &conn_key);
    if (!conn || conn->born_ns != call->born_ns) {
        /* Ended within the call, or pushed out of the table by others. */
        if (call->flags & ROW_PEEK)
            goto out;
        if (LEAVES_OUT && call->left)
            count_left(call->left, 0, moved_by(ctx, row, call));
        else
            count(CNT_ORPHAN_BYTES, moved_by(ctx, row, call));
        goto out;
    }
    chosen = call_settle(ctx, who, call, conn, row, moves);
    if ((LEAVES_OUT && conn->left) || !(call->moved || chosen))
        goto out;
    shard = shard_of(call->ptr, who->tgid);
    ring = ring_of(shard);
    if (!ring)
        goto out;
    if (!conn->announced || (conn->family && !conn->told))
        conn_tell(who, conn, call, ring);
    if (BY_ADDRESS && chosen) {
        emit_earlier(who, call, conn, row, ring, shard, DIR_READ);
        emit_earlier(who, call, conn, row, ring, shard, DIR_WRITE);
    }
    if (call->moved)
        call_copy(who, call, conn, row, shard, ring, sp);
out:
    call_drop(who, call, sp, own);
    return 0;
}

/* The library made a connection of an object. */
SEC("uretprobe")
int conn_mark(struct pt_regs *ctx) {
    struct who who = whoami();

    if (PT_REGS_RC(ctx) && wanted_of(who.tgid))
        mark(&who, PT_REGS_RC(ctx));
    return 0;
}

SEC("uprobe")
int buf_entry(struct pt_regs *ctx) {
    struct who who = whoami();
    u64 cookie;

    if (!wanted_of(who.tgid))
        return 0;
    cookie = cookie_of(ctx);
    return call_begin(ctx, &who, row_of(cookie), cookie, PT_REGS_SP(ctx), false);
}

SEC("uretprobe")
int buf_return(struct pt_regs *ctx) {
    struct who who = whoami();

    return call_end(ctx, &who, PT_REGS_SP(ctx) - RETURN_POPS, false);
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

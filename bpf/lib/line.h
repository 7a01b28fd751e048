/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Typed lines: who reads them, what its variables say, and how a text is told in pieces. */
#ifndef ECAPTURE_LINE_H
#define ECAPTURE_LINE_H

static __always_inline const struct abi_line_site *line_site_of(u64 cookie) {
    u32 number = cookie & 0xffff;

    return bpf_map_lookup_elem(&line_sites, &number);
}

static __always_inline bool knows(const struct speaker *speaker, u8 var) {
    return speaker->known & 1 << var;
}

/* What is remembered of the program that runs now; what its process ran before counts for nothing.
 * Its variables stand at fixed distances from the instruction that was reached. */
static __always_inline struct speaker *speaker_at(struct pt_regs *ctx, const struct who *who,
                                                  const struct abi_line_site *site) {
    struct speaker *speaker = bpf_map_lookup_elem(&speakers, &who->tgid);
    u32 tgid = who->tgid;

    if (!speaker || speaker->exec_id != who->exec_id || speaker->start_ns != who->start_ns) {
        struct speaker fresh = {.exec_id = who->exec_id, .start_ns = who->start_ns};

        bpf_map_update_elem(&speakers, &tgid, &fresh, BPF_ANY);
        speaker = bpf_map_lookup_elem(&speakers, &tgid);
    }
    if (!speaker || !site->known)
        return speaker;
    for (int i = 0; i < ABI_LINE_VARS; i++)
        speaker->at[i] = PT_REGS_IP(ctx) + site->vars[i];
    speaker->known = site->known;
    return speaker;
}

static __always_inline struct speaker *speaker_known(void) {
    u32 tgid = bpf_get_current_pid_tgid() >> 32;

    return bpf_map_lookup_elem(&speakers, &tgid);
}

/* An int of the program's. False: it has none, or it can't be read. */
static __always_inline bool line_int(const struct speaker *speaker, u8 var, s32 *value) {
    return knows(speaker, var) &&
           !bpf_probe_read_user(value, sizeof(*value), (void *)speaker->at[var]);
}

static __always_inline bool line_pointer(const struct speaker *speaker, u8 var, u64 *value) {
    return knows(speaker, var) &&
           !bpf_probe_read_user(value, sizeof(*value), (void *)speaker->at[var]);
}

/* Everything of a record but its text. */
static __always_inline void fill_line(struct abi_line *rec, u8 what, u8 flags) {
    struct task_struct *task = (void *)bpf_get_current_task();

    __builtin_memset(rec, 0, sizeof(*rec));
    fill_head(&rec->head, REC_LINE, bpf_ktime_get_boot_ns());
    rec->head.start_ns = whoami().start_ns;
    rec->ppid = BPF_CORE_READ(task, real_parent, tgid);
    rec->what = what;
    rec->flags = flags;
    BPF_CORE_READ_STR_INTO(&rec->tty, task, signal, tty, name);
}

/* Tells something that has no text. */
static __always_inline void line_event(u8 what, u8 flags, s32 status) {
    void *ring = ring_of(NEWS_RING);
    struct abi_line *rec;

    if (!ring)
        return;
    rec = bpf_ringbuf_reserve(ring, sizeof(*rec), 0);
    if (!rec) {
        count(CNT_LINES_LOST, 1);
        return;
    }
    fill_line(rec, what, flags | LINE_LAST);
    rec->status = status;
    bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
    count(CNT_RECORDS, 1);
    wake(ring, NEWS_RING, false);
}

/* A text as it is told: what it is, and what else is to be said of it. */
struct telling {
    u8 what;
    u8 flags;
    u8 final; /* no piece follows, whatever is left */
    u8 pad;
    u32 file;
};

#define TO_ZERO (~0ULL) /* a text that ends with a zero */

/*
 * One piece of a text, of at most `cap` bytes, in room of that size. `left` is what is left of the
 * text. Returns how many bytes were taken if there are more, 0 if not, and below 0 if there was no
 * room.
 */
static __always_inline int line_piece_of(u64 at, u32 offset, u64 left, u64 about, const u32 cap) {
    struct telling telling;
    void *ring = ring_of(NEWS_RING);
    struct abi_line *rec;
    long got, more = 0;

    __builtin_memcpy(&telling, &about, sizeof(telling));
    if (!ring)
        return -1;
    rec = bpf_ringbuf_reserve(ring, sizeof(*rec) + cap, 0);
    if (!rec) {
        count(CNT_LINES_LOST, 1);
        return -1;
    }
    fill_line(rec, telling.what, telling.flags);
    rec->head.file = telling.file;
    rec->offset = offset;
    if (left == TO_ZERO) {
        got = bpf_probe_read_user_str(rec + 1, cap, (void *)at);
        more = got == cap;
        got--; /* the zero */
    } else {
        u64 len = left;

        /* The verifier is to see this very comparison. */
        barrier_var(len);
        if (len > cap)
            len = cap;
        got = bpf_probe_read_user(rec + 1, len, (void *)at) ? -1 : (long)len;
        more = left > cap;
    }
    if (got < 0) {
        rec->flags |= LINE_LAST | LINE_UNREADABLE;
        got = 0;
        more = 0;
    }
    rec->head.len = got;
    if (more && telling.final)
        rec->flags |= LINE_CUT;
    if (!more || telling.final)
        rec->flags |= LINE_LAST;
    bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
    count(CNT_RECORDS, 1);
    wake(ring, NEWS_RING, false);
    return more ? got : 0;
}

/* Not static, so that the verifier looks at each once and not in every turn of a loop. */
__noinline int line_first(u64 at, u64 left, u64 about) {
    return line_piece_of(at, 0, left, about, ABI_LINE_FIRST);
}

__noinline int line_next(u64 at, u32 offset, u64 left, u64 about) {
    return line_piece_of(at, offset, left, about, ABI_LINE_PIECE);
}

/* Tells a text: most are one small piece. */
static __always_inline void line_text(u64 cookie, u8 what, u8 flags, u64 at, u64 left) {
    struct telling telling = {.what = what, .flags = flags, .file = cookie >> 16};
    u32 offset = 0;
    u64 about;
    int took;

    __builtin_memcpy(&about, &telling, sizeof(about));
    took = line_first(at, left, about);
    for (int i = 0; i < ABI_LINE_PIECES && took > 0; i++) {
        offset += took;
        if (left != TO_ZERO)
            left -= took;
        if (i == ABI_LINE_PIECES - 1) {
            telling.final = 1;
            __builtin_memcpy(&about, &telling, sizeof(about));
        }
        took = line_next(at + offset, offset, left, about);
    }
}

#endif

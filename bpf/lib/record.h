/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a record gets into a ring. Room is reserved in the ring itself and filled there: a scratch
 * buffer per CPU could be overwritten by another task's probe in between. A reservation's size
 * must be a constant for the verifier, so payload comes in size classes.
 */
#ifndef ECAPTURE_RECORD_H
#define ECAPTURE_RECORD_H

static __always_inline u32 shard_of(u64 ptr, u32 tgid) {
    u64 mixed = (ptr >> 4 ^ (u64)tgid << 32) * 0x9e3779b97f4a7c15ULL;

    if (config.shards <= 1)
        return 0;
    return (u32)(mixed >> 40) % config.shards;
}

static __always_inline void fill_head_of(struct abi_head *head, const struct who *who, u8 kind,
                                         u64 time_ns) {
    __builtin_memset(head, 0, sizeof(*head));
    head->time_ns = time_ns;
    head->tgid = who->tgid;
    head->tid = who->tid;
    head->kind = kind;
    if (READS_TASK) {
        head->uid = who->task->cred->uid.val;
        ((u64 *)head->comm)[0] = ((u64 *)who->task->comm)[0];
        ((u64 *)head->comm)[1] = ((u64 *)who->task->comm)[1];
        return;
    }
    head->uid = (u32)bpf_get_current_uid_gid();
    bpf_get_current_comm(head->comm, sizeof(head->comm));
}

static __always_inline void fill_head(struct abi_head *head, u8 kind, u64 time_ns) {
    struct who who = whoami();

    fill_head_of(head, &who, kind, time_ns);
}

/*
 * After a record was committed: wake the reader if it said that it sleeps, or naps while the ring
 * is past half. The commit is a full barrier, and the reader looks at the ring once more after it
 * announced its sleep, so no record is left behind.
 */
static __always_inline void wake(void *ring, u32 shard, bool half_full) {
    struct reader *reader = bpf_map_lookup_elem(&readers, &shard);
    u32 state;
    void *knock;

    if (!reader)
        return;
    state = *(volatile u32 *)&reader->state;
    if (state == READER_RUNS || (state == READER_NAPS && !half_full))
        return;
    *(volatile u32 *)&reader->state = READER_RUNS;
    knock = bpf_ringbuf_reserve(ring, 8, 0);
    if (knock)
        bpf_ringbuf_discard(knock, BPF_RB_FORCE_WAKEUP);
}

/* Payload leaves some room to control records, whose loss would cost more than bytes. */
static __always_inline bool has_room(void *ring, u32 bytes, bool *half_full) {
    u64 used = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);

    *half_full = used > config.ring_bytes / 2;
    return used + bytes + config.ctrl_reserve <= config.ring_bytes;
}

/*
 * News have a ring of their own: payload can't crowd them out, and their reader need not read all
 * of that before it knows whose the packets are.
 */
#define NEWS_RING (config.shards)

static __always_inline void *ring_of(u32 shard) {
    return bpf_map_lookup_elem(&rings, &shard);
}

/* To every shard, since any may hold connections of the process. */
static __always_inline void tell_all(u8 kind, u64 start_ns) {
    for (u32 i = 0; i < ABI_SHARDS && i < config.shards; i++) {
        u32 shard = i;
        void *ring = ring_of(shard);
        struct abi_head *head;

        if (!ring)
            return;
        head = bpf_ringbuf_reserve(ring, sizeof(*head), 0);
        if (!head) {
            count(CNT_CTRL_LOST, 1);
            continue;
        }
        fill_head(head, kind, bpf_ktime_get_boot_ns());
        head->start_ns = start_ns;
        bpf_ringbuf_submit(head, BPF_RB_NO_WAKEUP);
        count(CNT_RECORDS, 1);
        wake(ring, shard, false);
    }
}

#endif

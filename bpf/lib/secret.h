/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Keys of connections: how their parts are reached, checked, and told. */
#ifndef ECAPTURE_SECRET_H
#define ECAPTURE_SECRET_H

static __always_inline const struct abi_site *site_of(u64 cookie) {
    u32 number = cookie & 0xffff;

    return bpf_map_lookup_elem(&sites, &number);
}

/* A word of the probed thread's registers; the number is our own. */
static __always_inline u64 word(struct pt_regs *ctx, u8 number) {
    u64 value = 0;

    bpf_probe_read_kernel(&value, sizeof(value), (void *)ctx + (number & 31) * sizeof(u64));
    return value;
}

/* Follows a chain from what its register holds. False: memory on the way can't be read. */
static __always_inline bool follow(const struct abi_chain *chain, u64 at, u64 *value) {
    for (int i = 0; i < ABI_LOADS; i++) {
        if (i >= chain->loads)
            break;
        if (bpf_probe_read_user(&at, sizeof(at), (void *)(at + (s32)chain->offsets[i])))
            return false;
    }
    *value = at + (s32)chain->offsets[chain->loads & ABI_LOADS];
    return true;
}

static __always_inline bool reach(struct pt_regs *ctx, const struct abi_chain *chain, u64 *value) {
    return follow(chain, word(ctx, chain->word), value);
}

/* What a text means; 0: it is no label of ours. `len` without its zero, or 0: a zero ends it. */
static __always_inline u8 text_at(u64 text, u64 len) {
    struct label label = {};
    u8 *known;

    if (len >= sizeof(label.text))
        return 0;
    if (len)
        len = bpf_probe_read_user(label.text, len & (ABI_LABEL - 1), (void *)text);
    else
        len = bpf_probe_read_user_str(label.text, sizeof(label.text), (void *)text) <= 0;
    if (len)
        return 0;
    known = bpf_map_lookup_elem(&labels, &label);
    return known ? *known : 0;
}

/* The label that a secret is logged with. */
static __always_inline u8 label_at(u64 text, u64 len) {
    u8 label = text_at(text, len);

    return label & (LABEL_DERIVES | LABEL_USES) ? 0 : label;
}

/* The label of the secret that is computed from a text. */
static __always_inline u8 derived_at(u64 text, u64 len) {
    u8 label = text_at(text, len);

    return label & LABEL_DERIVES ? label & ~LABEL_DERIVES : 0;
}

/* The label of the secret that a text goes with into a computation. */
static __always_inline u8 used_at(u64 text) {
    u8 label = text_at(text, 0);

    return label & LABEL_USES ? label & ~LABEL_USES : 0;
}

/* A master secret has 48 bytes, every other one as many as SHA-256 or SHA-384 gives. */
static __always_inline bool length_fits(u8 label, u32 len) {
    return len == 48 || (len == 32 && label != LABEL_CLIENT_RANDOM);
}

static __always_inline bool secret_read(u8 *to, u32 len, u64 from) {
    if (len == 32)
        return !bpf_probe_read_user(to, 32, (void *)from);
    return !bpf_probe_read_user(to, ABI_SECRET, (void *)from);
}

static __always_inline void secret_forget(struct derivation *made) {
    made->label = 0;
    made->done = 0;
}

/* The secret that a thread computed; it is told once. */
static __always_inline bool secret_made(u8 *to, struct derivation *made) {
    __builtin_memcpy(to, made->secret, ABI_SECRET);
    secret_forget(made);
    return true;
}

/* SSL 3.0 to TLS 1.2, DTLS 1.0 and 1.2: versions that have one secret for all (RFC 5246). */
static __always_inline bool keeps_master_secret(u32 version) {
    return (version >= 0x300 && version <= 0x303) || version == 0xfeff || version == 0xfefd;
}

/* A thread used a socket. `mark` is what is remembered of that one. */
static __always_inline void socket_used(struct last_socket *last, struct sock *sk,
                                        const struct flow_mark *mark) {
    last->sk = (u64)sk;
    last->born_ns = mark->born_ns;
    last->used_ns = bpf_ktime_get_boot_ns();
    last->ports = mark->ports;
}

static __always_inline struct last_socket *last_socket_of_thread(void) {
    u64 thread = bpf_get_current_pid_tgid();

    if (config.sockets == SOCKETS_OF_TASK)
        return bpf_task_storage_get(&last_sockets, bpf_get_current_task_btf(), NULL, 0);
    if (config.sockets == SOCKETS_BY_NUMBER)
        return bpf_map_lookup_elem(&last_sockets_old, &thread);
    return NULL;
}

/* The socket that the handshake's last record came in on. */
static __always_inline void secret_socket(struct abi_secret *rec) {
    struct last_socket *last = last_socket_of_thread();
    struct sock *sk;

    if (!last)
        return;
    sk = (struct sock *)last->sk;
    if (BPF_CORE_READ(sk, __sk_common.skc_portpair) != last->ports)
        return;
    rec->socket_born_ns = last->born_ns;
    rec->socket_used_ns = last->used_ns;
    rec->family = flow_addresses(sk, rec->local, rec->remote);
    rec->local_port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
    rec->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
    rec->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
    rec->protocol = flow_protocol(sk);
}

/* Room for a key, everything filled in but the key itself. */
static __always_inline struct abi_secret *secret_reserve(void *ring, u64 cookie, u8 label, u32 len,
                                                         u8 source) {
    struct abi_secret *rec = bpf_ringbuf_reserve(ring, sizeof(*rec), 0);

    if (!rec) {
        count(CNT_SECRETS_LOST, 1);
        return NULL;
    }
    __builtin_memset(rec, 0, sizeof(*rec));
    fill_head(&rec->head, REC_SECRET, bpf_ktime_get_boot_ns());
    rec->head.start_ns = whoami().start_ns;
    rec->head.file = cookie >> 16;
    rec->label = label;
    rec->secret_len = len;
    rec->source = source;
    secret_socket(rec);
    return rec;
}

/* Hands a key over, if all of it could be read. */
static __always_inline bool secret_tell(void *ring, struct abi_secret *rec, bool whole) {
    if (!whole) {
        bpf_ringbuf_discard(rec, BPF_RB_NO_WAKEUP);
        count(CNT_SECRETS_UNREADABLE, 1);
        return false;
    }
    bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
    count(CNT_RECORDS, 1);
    count(CNT_SECRETS, 1);
    wake(ring, NEWS_RING, false);
    return true;
}

#endif

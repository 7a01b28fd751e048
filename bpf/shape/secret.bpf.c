/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keys of connections. Where they stand when the probed instruction is reached comes from the
 * site, which was read out of the library's code; so what is found there is checked: the label
 * must be one that exists, and the secret as long as that label's secrets are. At an instruction
 * that was taken for something it is not, nothing is told.
 */

/* The library hands a secret over to be logged, whether or not anybody asked for a log. */
SEC("uprobe")
int secret_logged(struct pt_regs *ctx) {
    u64 cookie = cookie_of(ctx), thread = bpf_get_current_pid_tgid();
    u64 text, text_len = 0, len = 0, from = 0, random;
    const struct abi_site *site = site_of(cookie);
    struct derivation *made = NULL;
    struct abi_secret *rec;
    void *ring;
    bool whole;
    u8 label;

    if (!site || !wanted())
        return 0;
    if (!reach(ctx, &site->label, &text))
        return 0;
    if (site->flags & SITE_COUNTED && (!reach(ctx, &site->label_len, &text_len) || !text_len))
        return 0;
    label = label_at(text, text_len);
    if (!label)
        return 0;
    ring = ring_of(NEWS_RING);
    if (!ring)
        return 0;
    if (site->flags & SITE_DERIVED) {
        made = bpf_map_lookup_elem(&derivations, &thread);
        if (!made || !made->done || made->label != label || made->rival) {
            if (made)
                secret_forget(made);
            count(CNT_SECRETS_UNREADABLE, 1);
            return 0;
        }
        len = made->len;
    } else if (!reach(ctx, &site->secret_len, &len) || !reach(ctx, &site->secret, &from)) {
        count(CNT_SECRETS_UNREADABLE, 1);
        return 0;
    }
    if (!reach(ctx, &site->random, &random)) {
        count(CNT_SECRETS_UNREADABLE, 1);
        return 0;
    }
    if (!length_fits(label, len)) {
        count(CNT_SECRETS_ODD, 1);
        return 0;
    }
    rec = secret_reserve(ring, cookie, label, len, made ? SECRET_DERIVED : SECRET_LOGGED);
    if (!rec)
        return 0;
    rec->head.conn = word(ctx, site->random.word);
    if (made)
        whole = secret_made(rec->secret, made);
    else
        whole = secret_read(rec->secret, len, from);
    whole = whole && !bpf_probe_read_user(rec->client_random, ABI_RANDOM, (void *)random);
    secret_tell(ring, rec, whole);
    return 0;
}

/* A secret is about to be computed: it will stand where `secret` leads to when the call returns. */
SEC("uprobe")
int secret_begun(struct pt_regs *ctx) {
    u64 cookie = cookie_of(ctx), thread = bpf_get_current_pid_tgid(), counted = 0;
    u32 len = 0;
    struct derivation fresh = {.site = (u16)cookie, .sp = PT_REGS_SP(ctx)}, *begun;
    const struct abi_site *site = site_of(cookie);

    if (!site || !wanted())
        return 0;
    if (!(site->flags & SITE_UNNAMED)) {
        fresh.label = derived(ctx, site, &len);
        if (!fresh.label)
            return 0;
        if (site->flags & SITE_LENGTH) {
            if (!reach(ctx, &site->secret_len, &counted))
                return 0;
            len = counted;
        }
        if (!length_fits(fresh.label, len))
            return 0;
        fresh.len = len;
        if (!(site->flags & SITE_LATER) && !reach(ctx, &site->secret, &fresh.out))
            return 0;
        begun = bpf_map_lookup_elem(&derivations, &thread);
        if (begun && computes_part(begun, &fresh))
            return 0;
        fresh.rival = begun && begun->done && begun->label == fresh.label;
        bpf_map_update_elem(&derivations, &thread, &fresh, BPF_ANY);
        return 0;
    }
    begun = bpf_map_lookup_elem(&derivations, &thread);
    if (begun && begun->label && !begun->done && !begun->out) {
        begun->site = (u16)cookie;
        begun->sp = PT_REGS_SP(ctx);
        reach(ctx, &site->secret, &begun->out);
    }
    return 0;
}

/* It was computed. Who logs it tells it; if the thread is in a call of a library that does not,
 * it is told here. */
SEC("uretprobe")
int secret_derived(struct pt_regs *ctx) {
    u64 thread = bpf_get_current_pid_tgid(), cookie = cookie_of(ctx), random;
    struct derivation *made = bpf_map_lookup_elem(&derivations, &thread);
    const struct abi_site *site;
    struct working *working;
    struct abi_secret *rec;
    void *ring;

    if (!made || !made->out || made->site != (u16)cookie)
        return 0;
    made->done = secret_read(made->secret, made->len, made->out);
    made->out = 0;
    if (!made->done) {
        count(CNT_SECRETS_UNREADABLE, 1);
        return 0;
    }
    working = bpf_map_lookup_elem(&workings, &thread);
    ring = ring_of(NEWS_RING);
    if (!working || !ring)
        return 0;
    site = site_of(working->cookie);
    if (!site || !follow(&site->random, working->conn, &random))
        return 0;
    rec = secret_reserve(ring, working->cookie, made->label, made->len, SECRET_DERIVED);
    if (!rec)
        return 0;
    rec->head.conn = working->conn;
    secret_tell(ring, rec,
                secret_made(rec->secret, made) &&
                    !bpf_probe_read_user(rec->client_random, ABI_RANDOM, (void *)random));
    return 0;
}

/* A library that logs nothing begins to work on a connection. */
SEC("uprobe")
int secret_work(struct pt_regs *ctx) {
    struct working working = {.cookie = cookie_of(ctx)};
    const struct abi_site *site = site_of(working.cookie);
    u64 thread = bpf_get_current_pid_tgid();

    if (!site || !wanted())
        return 0;
    working.conn = word(ctx, site->random.word);
    bpf_map_update_elem(&workings, &thread, &working, BPF_ANY);
    return 0;
}

/* It is done. If that went well there is a handshake behind it, and the connection keeps its key
 * (of TLS 1.3 another one, for resumption). */
SEC("uretprobe")
int secret_held(struct pt_regs *ctx) {
    u64 thread = bpf_get_current_pid_tgid(), version = 0, len = 48, from, random;
    struct working *found = bpf_map_lookup_elem(&workings, &thread), working;
    const struct abi_site *site;
    struct abi_secret *rec;
    struct random name;
    void *ring;
    u8 yes = 1;

    if (!found)
        return 0;
    working = *found;
    bpf_map_delete_elem(&workings, &thread);
    site = site_of(working.cookie);
    ring = ring_of(NEWS_RING);
    if (!site || !ring || site->flags & SITE_LATER || (s32)PT_REGS_RC(ctx) <= 0)
        return 0;
    if (!follow(&site->random, working.conn, &random) ||
        bpf_probe_read_user(&name, sizeof(name), (void *)random) ||
        bpf_map_lookup_elem(&told, &name))
        return 0;
    if (site->flags & SITE_VERSIONED &&
        (!follow(&site->version, working.conn, &version) || !keeps_master_secret(version)))
        return 0;
    if (site->flags & SITE_LENGTH && !follow(&site->secret_len, working.conn, &len))
        return 0;
    if (!length_fits(LABEL_CLIENT_RANDOM, len) || !follow(&site->secret, working.conn, &from))
        return 0;
    rec = secret_reserve(ring, working.cookie, LABEL_CLIENT_RANDOM, len, SECRET_ACCESSED);
    if (!rec)
        return 0;
    rec->head.conn = working.conn;
    __builtin_memcpy(rec->client_random, &name, sizeof(name));
    if (secret_tell(ring, rec, secret_read(rec->secret, len, from)))
        bpf_map_update_elem(&told, &name, &yes, BPF_ANY);
    return 0;
}

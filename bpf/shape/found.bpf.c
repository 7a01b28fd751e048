/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keys of connections that are older than the capture: read out of the connection when its program
 * uses it next. Where they are was learned from another connection of the same file, so what is
 * there is checked to look like it.
 */

/* By file, and by probed instruction where the side matters; filled when a handshake was seen. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, ABI_LAYOUTS);
    __type(key, u32);
    __type(value, struct abi_layout);
} layouts SEC(".maps");

struct client_random {
    u64 words[ABI_RANDOM / 8];
};

/* Connections that were looked into, as what. Full: the one idle for longest is looked into anew.
 */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 65536);
    __type(key, struct abi_conn_key);
    __type(value, u64);
} looked_into SEC(".maps");

/*
 * What the last ClientHellos were known by (bpf/net/hello.bpf.c). Their connections are not older,
 * so what they keep may be of the session that they resume. Full: the oldest is forgotten.
 */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 16384);
    __type(key, struct client_random);
    __type(value, u8);
} begun SEC(".maps");

/* A secret, and zeros: as many as the longest hash has. */
struct traffic {
    u64 words[8];
};

/* What stands behind a secret in less room is made zero. */
static __always_inline bool traffic_read(struct traffic *secret, const struct abi_chain *chain,
                                         u8 flags, u64 conn) {
    u64 at, count;

    if (!follow(chain, conn, &at))
        return false;
    if (!(flags & LAYOUT_TIGHT))
        return !bpf_probe_read_user(secret, sizeof(*secret), (void *)at);
    if (bpf_probe_read_user(secret, ABI_SECRET + 1, (void *)at))
        return false;
    count = secret->words[6] & 0xff;
    secret->words[6] = 0;
    if (!(flags & LAYOUT_COUNTED) || count == 48)
        return true;
    secret->words[4] = secret->words[5] = 0;
    if (count != 32)
        secret->words[0] = secret->words[1] = secret->words[2] = secret->words[3] = 0;
    return true;
}

/* Whether the connection is of the side that the layout is about. */
static __always_inline bool side_fits(struct pt_regs *ctx, const struct abi_layout *layout,
                                      u64 conn) {
    u64 code;

    if (!(layout->flags & LAYOUT_SIDED))
        return true;
    return !bpf_probe_read_user(&code, sizeof(code), (void *)(conn + layout->side_at)) &&
           code - PT_REGS_IP(ctx) == layout->side;
}

static __always_inline bool traffic_is_zero(const struct traffic *secret) {
    u64 any = 0;

    for (int i = 0; i < 8; i++)
        any |= secret->words[i];
    return !any;
}

/* 32 or 48; 0: it is none. */
static __always_inline u32 traffic_len(const struct traffic *secret) {
    const u64 *words = secret->words;

    if (words[6] | words[7] || !(words[0] | words[1]) || !(words[2] | words[3]))
        return 0;
    return words[4] | words[5] ? 48 : 32;
}

static __always_inline void found_tell(u64 cookie, u64 conn, const u8 *random, u8 label,
                                       const void *secret, u32 len) {
    void *ring = ring_of(NEWS_RING);
    struct abi_secret *rec = ring ? secret_reserve(ring, cookie, label, len, SECRET_FOUND) : NULL;

    if (!rec)
        return;
    rec->head.conn = conn;
    __builtin_memcpy(rec->client_random, random, ABI_RANDOM);
    __builtin_memcpy(rec->secret, secret, ABI_SECRET);
    secret_tell(ring, rec, true);
}

/* Tells what the connection has, if its handshake was not seen. False: nothing yet. */
static __always_inline bool found_all(const struct abi_layout *layout, u64 cookie, u64 conn) {
    struct traffic client = {}, server = {}, exporter = {};
    struct client_random random = {};
    u8 master[ABI_SECRET] = {};
    u64 at;
    u32 len;

    if (!follow(&layout->random, conn, &at) ||
        bpf_probe_read_user(&random, sizeof(random), (void *)at))
        return false;
    /* Its handshake is to come, or came while we looked. */
    if (!(random.words[0] | random.words[1]) || !(random.words[2] | random.words[3]) ||
        bpf_map_lookup_elem(&begun, &random))
        return true;
    if (!traffic_read(&client, &layout->client, layout->flags, conn) ||
        !traffic_read(&server, &layout->server, layout->flags, conn))
        return false;
    len = traffic_len(&client);
    if (len && len == traffic_len(&server) && client.words[0] != server.words[0]) {
        found_tell(cookie, conn, (u8 *)&random, LABEL_CLIENT_TRAFFIC_SECRET_0, &client, len);
        found_tell(cookie, conn, (u8 *)&random, LABEL_SERVER_TRAFFIC_SECRET_0, &server, len);
        if (layout->flags & LAYOUT_EXPORTER &&
            traffic_read(&exporter, &layout->exporter, layout->flags, conn) &&
            traffic_len(&exporter) == len)
            found_tell(cookie, conn, (u8 *)&random, LABEL_EXPORTER_SECRET, &exporter, len);
        return true;
    }
    /* With TLS 1.3, what resumes a session stands where the master secret was. */
    if (!(layout->flags & LAYOUT_MASTER) || !traffic_is_zero(&client) || !traffic_is_zero(&server))
        return false;
    if (!follow(&layout->master, conn, &at) ||
        bpf_probe_read_user(master, sizeof(master), (void *)at) || !*(u64 *)master ||
        !*(u64 *)(master + 40))
        return false;
    found_tell(cookie, conn, (u8 *)&random, LABEL_CLIENT_RANDOM, master, ABI_SECRET);
    return true;
}

/* A call that moves bytes is entered. Only for a while: until nothing new is found any more. */
SEC("uprobe")
int secret_found(struct pt_regs *ctx) {
    u64 cookie = cookie_of(ctx), *known, mark;
    struct abi_conn_key key = {};
    const struct abi_layout *layout;
    u32 number = cookie & 0xffff;

    layout = bpf_map_lookup_elem(&layouts, &number);
    if (!layout || !wanted())
        return 0;
    count(CNT_LOOKS, 1);
    key.ptr = word(ctx, layout->random.word);
    key.tgid = bpf_get_current_pid_tgid() >> 32;
    mark = whoami().start_ns + layout->version;
    known = bpf_map_lookup_elem(&looked_into, &key);
    if (known && *known == mark)
        return 0;
    if (!side_fits(ctx, layout, key.ptr) || !found_all(layout, cookie, key.ptr))
        return 0;
    bpf_map_update_elem(&looked_into, &key, &mark, BPF_ANY);
    return 0;
}

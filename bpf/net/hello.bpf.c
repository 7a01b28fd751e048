/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which handshakes went so far that there are keys, whatever library made them: the user half
 * tells those of which no key came. Seen in the system calls of the program itself, so its process
 * is known, and no packet is touched. Linux 6.3 and later.
 */

struct shake {
    u8 random[ABI_RANDOM];
    u8 server;  /* the ClientHello came in */
    u8 last;    /* enum abi_dir of the call before */
    u8 turns;   /* how often the direction changed since the ClientHello */
    u8 begun;   /* 0: so far only a record's header was read, by itself */
    u8 settled; /* told, or over without keys */
    u8 changed; /* the ciphers: the call before sent nothing else */
    u8 pad[2];
};

/* It goes with the socket. */
struct {
    __uint(type, BPF_MAP_TYPE_SK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct shake);
} shakes SEC(".maps");

static __always_inline struct shake *shake_new(struct sock *sk, u8 dir) {
    struct shake *shake = bpf_sk_storage_get(&shakes, sk, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

    if (shake) {
        shake->server = dir == DIR_READ;
        shake->last = dir;
    }
    return shake;
}

/* The ClientHello is here. */
static __always_inline void shake_known(struct shake *shake, const u8 *random) {
    struct client_random whose;
    u8 yes = 1;

    __builtin_memcpy(shake->random, random, ABI_RANDOM);
    __builtin_memcpy(&whose, random, ABI_RANDOM);
    bpf_map_update_elem(&begun, &whose, &yes, BPF_ANY);
    shake->begun = 1;
}

/* The first bytes of a call: a ClientHello, or the header of its record. */
static __always_inline void shake_look(struct sock *sk, u64 len, u8 dir) {
    u8 head[HELLO_HEAD] = {};
    struct shake *shake;
    u64 at = call_buffer();

    if (!at || len < TLS_HEADER || bpf_probe_read_user(head, TLS_HEADER, (void *)at) ||
        !is_handshake_header(head))
        return;
    /* Many libraries read a record's header first. */
    if (dir == DIR_READ && len == TLS_HEADER) {
        shake_new(sk, dir);
        return;
    }
    if (len < HELLO_HEAD || bpf_probe_read_user(head, HELLO_HEAD, (void *)at) ||
        !is_hello_message(head + TLS_HEADER))
        return;
    shake = shake_new(sk, dir);
    if (shake)
        shake_known(shake, head + HELLO_HEAD - ABI_RANDOM);
}

/* What comes behind a header that was read by itself. */
static __always_inline void shake_begin(struct shake *shake, u64 len, u8 dir) {
    u8 head[HELLO_HEAD - TLS_HEADER] = {};
    u64 at = call_buffer();

    if (dir != DIR_READ || len < sizeof(head) || !at ||
        bpf_probe_read_user(head, sizeof(head), (void *)at) || !is_hello_message(head)) {
        shake->settled = 1;
        return;
    }
    shake_known(shake, head + sizeof(head) - ABI_RANDOM);
}

static __always_inline void shake_tell(struct sock *sk, const struct shake *shake) {
    void *ring = ring_of(NEWS_RING);
    struct abi_handshake *rec = ring ? bpf_ringbuf_reserve(ring, sizeof(*rec), 0) : NULL;

    if (!rec) {
        count(CNT_CTRL_LOST, 1);
        return;
    }
    __builtin_memset(rec, 0, sizeof(*rec));
    fill_head(&rec->head, REC_SHAKE, bpf_ktime_get_boot_ns());
    rec->head.start_ns = whoami().start_ns;
    __builtin_memcpy(rec->client_random, shake->random, ABI_RANDOM);
    rec->server = shake->server;
    rec->family = flow_addresses(sk, rec->local, rec->remote);
    rec->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
    rec->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
    bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
    count(CNT_RECORDS, 1);
    wake(ring, NEWS_RING, false);
}

/*
 * Whether what the process sends now exists only when its keys do. After the ClientHello and an
 * answer: data that is no alert; or, up to TLS 1.2, an encrypted message behind the change of
 * ciphers, which in TLS 1.3 may stand before a second ClientHello.
 */
static __always_inline bool shake_has_keys(const struct shake *shake, const u8 *head) {
    if (shake->turns < 2)
        return false;
    if (shake->changed && is_handshake_header(head))
        return head[TLS_HEADER] != TLS_CLIENT_HELLO;
    if (is_data_header(head))
        return shake->turns >= 2 + shake->server;
    if (head[0] != TLS_CHANGE_CIPHER || head[4] != 1)
        return false;
    if (is_handshake_header(head + TLS_HEADER + 1))
        return head[2 * TLS_HEADER + 1] != TLS_CLIENT_HELLO;
    return !shake->server && is_data_header(head + TLS_HEADER + 1);
}

static __always_inline void shake_go_on(struct sock *sk, struct shake *shake, u64 len, u8 dir) {
    u8 head[FLIGHT_HEAD] = {};
    bool whole = len >= sizeof(head);
    u64 at;

    if (!shake->begun) {
        shake_begin(shake, len, dir);
        return;
    }
    if (shake->last != dir) {
        shake->last = dir;
        shake->turns++;
    }
    if (dir != DIR_WRITE || len < CHANGE_CIPHER_LEN)
        return;
    at = call_buffer();
    if (!at || bpf_probe_read_user(head, CHANGE_CIPHER_LEN, (void *)at) ||
        (whole && bpf_probe_read_user(head, sizeof(head), (void *)at)))
        return;
    if (head[0] == TLS_ALERT) {
        shake->settled = 1;
    } else if (shake_has_keys(shake, head)) {
        shake_tell(sk, shake);
        shake->settled = 1;
    }
    shake->changed = len == CHANGE_CIPHER_LEN && head[0] == TLS_CHANGE_CIPHER;
}

/*
 * Nearly every call of the machine leaves after a few comparisons. The socket is read without a
 * helper: the kernel knows its type here.
 */
static __always_inline void shake_used(struct sock *sk, int len, u8 dir) {
    struct tcp_sock *tcp;
    struct shake *shake;

    if (len <= 0 || sk->sk_protocol != IPPROTO_TCP)
        return;
    shake = bpf_sk_storage_get(&shakes, sk, NULL, 0);
    if (shake) {
        if (!shake->settled)
            shake_go_on(sk, shake, len, dir);
        return;
    }
    tcp = bpf_skc_to_tcp_sock(sk);
    if (!tcp || (dir == DIR_READ ? tcp->bytes_received : tcp->bytes_sent) >= HELLO_WITHIN)
        return;
    if (wanted())
        shake_look(sk, len, dir);
}

SEC("tp_btf/sock_send_length")
int shake_sent(u64 *ctx) {
    shake_used((struct sock *)ctx[0], (int)ctx[1], DIR_WRITE);
    return 0;
}

SEC("tp_btf/sock_recv_length")
int shake_received(u64 *ctx) {
    shake_used((struct sock *)ctx[0], (int)ctx[1], DIR_READ);
    return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every map, in one place: what is kept, for whom, and what happens when it is full. */
#ifndef ECAPTURE_MAPS_H
#define ECAPTURE_MAPS_H

/* The rings, one per shard and one for news; sizes are set by the user half. */
struct ring {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, ABI_RINGS);
    __type(key, u32);
    __array(values, struct ring);
} rings SEC(".maps");

/* What each ring's reader is doing (enum abi_reader); a cache line each. */
struct reader {
    u32 state;
    u32 pad[15];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, ABI_RINGS);
    __type(key, u32);
    __type(value, struct reader);
} readers SEC(".maps");

/* What the user half changes while the programs run: one struct abi_control. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct abi_control);
} control SEC(".maps");

/* Records that left bytes in a thread's memory, by thread, so far. Full: no more threads wait. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 65536);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, u32);
    __type(value, u64);
} owed SEC(".maps");

/* Full: the connection idle for longest is forgotten and starts anew when it is seen again. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 65536);
    __type(key, struct abi_conn_key);
    __type(value, struct abi_conn_state);
} conns SEC(".maps");

/* A call that was entered and has not returned. */
struct call {
    u64 sp; /* 0: none */
    u64 ptr;
    u64 born_ns;
    u64 buf;
    u64 out;
    u64 num;
    u64 nested;   /* bytes that calls inside this one already accounted for */
    u64 outer_sp; /* the call around this one, or 0 */
    u64 moved;
    u64 keep; /* up to where in the call bytes are taken */
    u64 done;
    u64 pos;
    u64 time_ns;
    u32 file;
    u16 row;
    u8 watched; /* the thread's sockets are being looked at */
    u8 cut;     /* `keep` was lowered because of the load */
    u8 left;    /* the connection's, when the call began */
    u8 flags;   /* enum abi_row_flag: the row's, and ROW_PEEK if an argument says so */
    u8 tails;   /* probed functions that this one left the call to, and that return in its place */
    u8 pad[5];
};

/* A thread's outermost call in flight, which for most is the only one: nothing to lock or to look
 * for, and it goes with the thread. */
struct {
    __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct call);
} calls_of_tasks SEC(".maps");

/* Calls inside calls; on Linux before 5.12 all. Full: the call is counted in CNT_CALLS_FULL and not
 * followed. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 32768);
    __type(key, struct abi_call_key);
    __type(value, struct call);
} calls SEC(".maps");

/* The kinds of objects that are connections: by the first word of each, which leads to its
 * methods. Full: the kind that was asked for longest ago is forgotten. */
struct kind {
    u64 word;
    u32 tgid;
    u32 pad;
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 4096);
    __type(key, struct kind);
    __type(value, u64);
} kinds SEC(".maps");

/* Threads inside a call whose connection has no addresses yet, and the socket they used. */
struct watch {
    u64 sk;
    u8 local[16];
    u8 remote[16];
    u16 local_port;
    u16 remote_port;
    u8 family;
    u8 several; /* more than one socket: no conclusion */
    u8 pad[2];
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 16384);
    __type(key, u64);
    __type(value, struct watch);
} watches SEC(".maps");

/* Processes that have connections, so that the exit of any other costs one lookup. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 32768);
    __type(key, u32);
    __type(value, u64);
} procs SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, CNT_MAX);
    __type(key, u32);
    __type(value, u64);
} counters SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 4096);
    __type(key, u32);
    __type(value, u8);
} pids SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, u32);
    __type(value, u8);
} uids SEC(".maps");

struct name {
    u8 text[ABI_COMM];
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, struct name);
    __type(value, u8);
} comms SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, u16);
    __type(value, u8);
} ports SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1024);
    __type(key, struct abi_net);
    __type(value, u8);
} nets SEC(".maps");

/* How keys are read, by site number; filled as files are hooked. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, ABI_SITES);
    __type(key, u32);
    __type(value, struct abi_site);
} sites SEC(".maps");

/* What a label's text means (enum abi_label): those of a key log, and those that secrets are
 * computed from (RFC 8446, section 7.1; RFC 5246, section 8.1). Filled by the user half. */
struct label {
    u8 text[ABI_LABEL];
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 32);
    __type(key, struct label);
    __type(value, u8);
} labels SEC(".maps");

/* What a thread computes: from the call that names the secret to the one that takes it. */
struct derivation {
    u64 out; /* where the secret will be when the call returns, or 0 */
    u64 sp;  /* the stack pointer then */
    u16 len;
    u8 label;
    u8 done;  /* the secret was read */
    u16 site; /* whose return that is: it may call others that compute */
    u8 rival; /* another one was computed before it and not logged: whose is which? */
    u8 pad;
    u8 secret[ABI_SECRET];
};

/* Full: the thread idle for longest is forgotten, and so is one key if it was in between. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 4096);
    __type(key, u64);
    __type(value, struct derivation);
} derivations SEC(".maps");

/* The connection that a thread is working on, while it is inside a call of the library. */
struct working {
    u64 conn;
    u64 cookie;
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 16384);
    __type(key, u64);
    __type(value, struct working);
} workings SEC(".maps");

/* Connections whose key was told, by their client_random, so that each call need not tell it. */
struct random {
    u8 bytes[ABI_RANDOM];
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 16384);
    __type(key, struct random);
    __type(value, u8);
} told SEC(".maps");

/* The socket that a thread used last. It may be gone: what is read of it later must have the same
 * ports. */
struct last_socket {
    u64 sk;
    u64 born_ns;
    u64 used_ns;
    u64 ports;
};

/* Linux 6.3 and later: it goes with the thread. */
struct {
    __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct last_socket);
} last_sockets SEC(".maps");

/* Before that. Full: the thread idle for longest is forgotten. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 16384);
    __type(key, u64);
    __type(value, struct last_socket);
} last_sockets_old SEC(".maps");

/* How typed lines are read, by site number; filled as files are hooked. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, ABI_LINE_SITES);
    __type(key, u32);
    __type(value, struct abi_line_site);
} line_sites SEC(".maps");

/* A process that reads lines. */
struct speaker {
    u64 exec_id;
    u64 start_ns;
    u64 at[ABI_LINE_VARS]; /* where its variables are, by enum abi_line_var */
    u64 sp;                /* of the call that waits for a line, or 0 */
    u64 text;              /* a line that may be replaced, or 0 */
    u8 known;              /* which of `at` are, a bit each */
    u8 reads;              /* what it reads is told, from where it is read */
    u8 aside;              /* what it reads now is no command */
    u8 pad[5];
};

/* Full: who was silent for longest is forgotten, and known again with the next line. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 16384);
    __type(key, u32);
    __type(value, struct speaker);
} speakers SEC(".maps");

static __always_inline void count(u32 which, u64 by) {
    u64 *slot = bpf_map_lookup_elem(&counters, &which);

    if (slot)
        *slot += by;
}

#endif

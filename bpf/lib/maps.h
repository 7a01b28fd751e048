/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every map, in one place: what is kept, for whom, and what happens when it is full. */
#ifndef ECAPTURE_MAPS_H
#define ECAPTURE_MAPS_H

/* The rings, one per shard; sizes are set by the user half. */
struct ring {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, ABI_SHARDS);
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
    __uint(max_entries, ABI_SHARDS);
    __type(key, u32);
    __type(value, struct reader);
} readers SEC(".maps");

/* Full: the connection idle for longest is forgotten and starts anew when it is seen again. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 65536);
    __type(key, struct abi_conn_key);
    __type(value, struct abi_conn_state);
} conns SEC(".maps");

/* Full: the call is counted in CNT_CALLS_FULL and not followed. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 32768);
    __type(key, struct abi_call_key);
    __type(value, struct abi_call);
} calls SEC(".maps");

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

static __always_inline void count(u32 which, u64 by) {
    u64 *slot = bpf_map_lookup_elem(&counters, &which);

    if (slot)
        *slot += by;
}

#endif

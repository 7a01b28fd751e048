/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Everything that crosses between the kernel half and the user half: records, rows, limits,
 * counters. Fixed-width fields ordered by size, no pointers, no padding. The Rust side
 * (crates/abi/src/generated.rs) is made from the BTF of the compiled object by `make abi`.
 */
#ifndef ECAPTURE_ABI_H
#define ECAPTURE_ABI_H

enum abi_limit {
    ABI_ROWS = 64,             /* rows that one run can hold, over all targets */
    ABI_CHUNK = 16384,         /* payload bytes of one record, at most: one TLS record's worth */
    ABI_CHUNKS_PER_RUN = 4096, /* turns of the inner copying loop: the verifier allows 8192 jumps */
    ABI_RUNS = 64,             /* and of the outer one: 4 GiB in one call */
    ABI_SHARDS = 64,           /* rings, at most */
    ABI_COMM = 16,             /* TASK_COMM_LEN */
    ABI_ADDR_TRIES = 32,       /* calls in which a connection's socket is looked for every time */
    ABI_ADDR_EVERY = 64,       /* after that, every so many calls */
    ABI_CTRL_RESERVE = 131072, /* ring bytes that payload leaves free for control records */
};

/* What a record is. */
enum abi_kind {
    REC_DATA = 1,  /* abi_data, then `len` bytes of payload */
    REC_GAP = 2,   /* abi_data, nothing follows: `len` bytes moved that are not shown */
    REC_CONN = 3,  /* abi_conn: a connection was seen first, or its addresses became known */
    REC_CLOSE = 4, /* abi_close: the library freed the connection */
    REC_EXEC = 5,  /* abi_head: the process replaced its program, its connections are gone */
    REC_EXIT = 6,  /* abi_head: the process ended */
    REC_FLOW = 7,  /* abi_flow: who uses a socket */
};

/* Which way the bytes went, as the probed program sees it. */
enum abi_dir {
    DIR_READ = 0,
    DIR_WRITE = 1,
};

/* Why bytes are missing. */
enum abi_reason {
    GAP_NONE = 0,
    GAP_UNREADABLE = 1, /* the program's memory could not be read */
    GAP_CAP = 2,        /* past the user's cap per call */
    GAP_NO_BUFFER = 3,  /* the call names no buffer (SSL_sendfile) */
    GAP_TOO_LONG = 4,   /* one call longer than the kernel half can copy */
    GAP_RING_FULL = 5,  /* never in a record: the reader sees a jump of `pos` */
};

/* How the addresses of a connection were found. */
enum abi_addr_source {
    ADDR_UNKNOWN = 0,
    ADDR_CALL_SOCKET = 1, /* the only TCP socket that the thread used within one call */
};

/* How a row's function is read. */
enum abi_op {
    OP_CALL = 1,  /* moves bytes: looked at on entry and on return */
    OP_END = 2,   /* ends the connection in its argument: entry only */
    OP_RESET = 3, /* makes the connection's object ready for another one: entry only */
};

/* Where the number of moved bytes stands when the function returns. */
enum abi_len {
    LEN_RET = 1,      /* the return value, a C int: moved if above 0 */
    LEN_RET_LONG = 2, /* the return value, a 64-bit signed integer */
    LEN_OUT = 3,      /* *(size_t *)argument `out`, if the return value is 1 */
};

enum abi_row_flag {
    ROW_PEEK = 1,      /* bytes are shown and stay in the library's buffer: position stands still */
    ROW_NO_BUFFER = 2, /* the bytes are in no buffer of the caller's */
};

/* One probed function, as data. Arguments are numbered from 0. */
struct abi_row {
    __u8 op;
    __u8 dir;
    __u8 conn;
    __u8 buf;
    __u8 num; /* argument with the requested size */
    __u8 len;
    __u8 out; /* argument of LEN_OUT */
    __u8 flags;
};

/*
 * What the user half decides before the programs are loaded: the whole of the object's read-only
 * data. The verifier knows the values, so what is switched off costs nothing and a helper that
 * this kernel lacks is never looked at.
 */
struct abi_config {
    __u64 ring_bytes;   /* of one ring */
    __u64 ctrl_reserve; /* of these, kept free of payload */
    __u64 call_cap;     /* payload bytes taken of one call */
    __u64 cgroup;       /* only tasks in this control group and below; 0: all */
    __u32 shards;
    __u32 cgroup_level; /* how many groups lie above that one */
    __u32 filter_pid;   /* the `pids` set holds who is wanted */
    __u32 filter_uid;   /* the same for `uids` */
    __u32 filter_comm;  /* the same for `comms` */
    __u32 fixed;        /* no attach cookies: the next two say what is probed */
    __u32 fixed_row;
    __u32 fixed_file;
    __u64 rows[ABI_ROWS]; /* each a struct abi_row */
};

/* Starts every record. */
struct abi_head {
    __u64 time_ns;  /* CLOCK_BOOTTIME */
    __u64 start_ns; /* when the process started, CLOCK_BOOTTIME */
    __u64 conn;     /* the library's connection pointer */
    __u64 born_ns;  /* tells connections at one pointer apart: when this one was first seen */
    __u32 tgid;
    __u32 tid;
    __u32 uid;
    __u32 file; /* which hooked file the probe stands in */
    __u8 comm[16];
    __u32 len; /* bytes after the record's fixed part */
    __u16 row;
    __u8 kind;
    __u8 dir;
    __u8 reason;
    __u8 flags; /* enum abi_row_flag */
    __u8 pad[6];
};

struct abi_data {
    struct abi_head head;
    __u64 pos;      /* bytes this direction moved before this record */
    __u64 moved;    /* bytes that this record stands for; equals head.len in REC_DATA */
    __u64 call_len; /* bytes that the whole call moved */
    __u64 call_off; /* where in the call this record begins */
};

struct abi_conn {
    struct abi_head head;
    __u64 cgroup;
    __u8 local[16]; /* network order; an IPv4 address takes the first 4 bytes */
    __u8 remote[16];
    __u16 local_port; /* host order */
    __u16 remote_port;
    __u8 family; /* 4, 6, or 0: not known */
    __u8 source; /* enum abi_addr_source */
    __u8 pad[2];
};

struct abi_close {
    struct abi_head head;
    __u64 pos[2]; /* bytes moved in all, by enum abi_dir */
};

/*
 * Whose socket it is; told once per socket, and again when a process that the user wants to see
 * uses it first. head.born_ns tells sockets with the same addresses apart (0: a socket that was
 * found, not seen at work); head.comm is the process's name.
 */
struct abi_flow {
    struct abi_head head;
    __u8 local[16]; /* network order; an IPv4 address takes the first 4 bytes */
    __u8 remote[16];
    __u16 local_port;  /* host order */
    __u16 remote_port; /* 0: not connected */
    __u32 netns;       /* the network namespace's inode */
    __u8 family;       /* 4 or 6 */
    __u8 protocol;     /* IPPROTO_TCP or IPPROTO_UDP */
    __u8 wanted;       /* the filters choose the process */
    __u8 reuseport;    /* other sockets may stand at the same address */
    __u8 pad[4];
};

/* What a ring's reader is doing, written by both halves, one per shard. */
enum abi_reader {
    READER_RUNS = 0,
    READER_NAPS = 1,   /* comes back by itself soon: wake it past the fill level only */
    READER_SLEEPS = 2, /* wake it for the next record */
};

/* A connection as the kernel half keeps it; the user half reads it when the connection ends. */
struct abi_conn_key {
    __u64 ptr;
    __u32 tgid;
    __u32 pad;
};

struct abi_conn_state {
    __u64 born_ns;
    __u64 start_ns;
    __u64 exec_id;
    __u64 pos[2];
    __u64 active_sp[2]; /* stack pointer of the outermost call in flight, by direction */
    __u32 active_tid[2];
    __u32 calls;
    __u8 announced; /* a REC_CONN went out */
    __u8 family;
    __u8 source;
    __u8 told; /* the addresses went out */
    __u8 local[16];
    __u8 remote[16];
    __u16 local_port;
    __u16 remote_port;
    __u32 pad;
};

/* Where a call in flight is kept: calls nest, so the thread alone is no key. */
struct abi_call_key {
    __u64 sp;
    __u32 tgid;
    __u32 pad;
};

struct abi_call {
    __u64 ptr;
    __u64 born_ns;
    __u64 buf;
    __u64 out;
    __u64 num;
    __u64 nested;   /* bytes that calls inside this one already accounted for */
    __u64 outer_sp; /* the call around this one, or 0 */
    __u64 moved;
    __u64 done;
    __u64 pos;
    __u64 time_ns;
    __u32 tid;
    __u32 file;
    __u16 row;
    __u8 watched; /* the thread's sockets are being looked at */
    __u8 pad[5];
};

/* What a full machine may lose, and what balances the books. One array per CPU. */
enum abi_counter {
    CNT_CALLS = 0,          /* calls that moved bytes */
    CNT_MOVED = 1,          /* bytes that they moved, peeks not counted */
    CNT_RECORDS = 2,        /* records handed to a ring */
    CNT_RING_FULL = 3,      /* payload and gap records that found no room */
    CNT_RING_BYTES = 4,     /* the bytes those stood for */
    CNT_CTRL_LOST = 5,      /* control records that found no room */
    CNT_CALLS_FULL = 6,     /* calls not followed: too many in flight */
    CNT_ORPHAN_BYTES = 7,   /* bytes of calls whose entry was not followed */
    CNT_CONNS_FULL = 8,     /* connections not followed: the table refused them */
    CNT_LEN_UNREADABLE = 9, /* calls that moved bytes, but how many could not be read */
    CNT_MAX = 16,
};

_Static_assert(sizeof(struct abi_row) == 8, "abi_row");
_Static_assert(sizeof(struct abi_config) == 576, "abi_config");
_Static_assert(sizeof(struct abi_head) == 80, "abi_head");
_Static_assert(sizeof(struct abi_data) == 112, "abi_data");
_Static_assert(sizeof(struct abi_conn) == 128, "abi_conn");
_Static_assert(sizeof(struct abi_close) == 96, "abi_close");
_Static_assert(sizeof(struct abi_flow) == 128, "abi_flow");
_Static_assert(sizeof(struct abi_conn_state) == 112, "abi_conn_state");
_Static_assert(sizeof(struct abi_call) == 104, "abi_call");

#endif

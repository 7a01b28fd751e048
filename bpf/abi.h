/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Everything that crosses between the kernel half and the user half: records, rows, limits,
 * counters. Fixed-width fields ordered by size, no pointers, no padding. The Rust side
 * (crates/abi/src/generated.rs) is made from the BTF of the compiled object by `make abi`.
 */
#ifndef ECAPTURE_ABI_H
#define ECAPTURE_ABI_H

enum abi_limit {
    ABI_ROWS = 128,            /* rows that one run can hold, over all targets */
    ABI_CHUNK = 16384,         /* payload bytes of one record, at most: one TLS record's worth */
    ABI_CHUNKS_PER_RUN = 4096, /* turns of the inner copying loop: the verifier allows 8192 jumps */
    ABI_RUNS = 64,             /* and of the outer one: 4 GiB in one call */
    ABI_SHARDS = 64,           /* rings of payload, at most */
    ABI_RINGS = 65,            /* these, and one for news */
    ABI_COMM = 16,             /* TASK_COMM_LEN */
    ABI_ADDR_TRIES = 32,       /* calls in which a connection's socket is looked for every time */
    ABI_ADDR_EVERY = 64,       /* after that, every so many calls */
    ABI_CTRL_RESERVE = 131072, /* ring bytes that payload leaves free for control records */
    ABI_SITES = 4096,          /* ways to read a key that one run can hold */
    ABI_LOADS = 3,             /* pointers that are read on the way to a value */
    ABI_LABEL = 32,            /* bytes of the longest label, and a zero */
    ABI_RANDOM = 32,           /* bytes of a client_random */
    ABI_SECRET = 48,           /* bytes of the longest secret */
    ABI_LAYOUTS = 256,         /* files whose older connections one run can look into */
    ABI_PARTS = 1024,          /* buffers of one call that are copied: IOV_MAX */
    ABI_GO_ARG = 8,            /* in a row: the first argument by Go's convention */
    ABI_NO_ARG = 255,          /* in a row: the function has no such argument */
    ABI_LINE_SITES = 4096,     /* places at which typed lines are read that one run can hold */
    ABI_LINE_VARS = 6,         /* variables of a program that say more about its lines */
    ABI_LINE_FIRST = 512,      /* bytes of a text's first piece: most lines are no longer */
    ABI_LINE_PIECE = 16384,    /* of each that follows */
    ABI_LINE_PIECES = 64,      /* how many of these: 1 MiB of a text is taken */
    ABI_TTY = 16,              /* bytes of a terminal's name */
};

/* What a record is. */
enum abi_kind {
    REC_DATA = 1,   /* abi_data, then `len` bytes of payload */
    REC_GAP = 2,    /* abi_data, nothing follows: `len` bytes moved that are not shown */
    REC_CONN = 3,   /* abi_conn: a connection was seen first, or its addresses became known */
    REC_CLOSE = 4,  /* abi_close: the library freed the connection */
    REC_EXEC = 5,   /* abi_head: the process replaced its program, its connections are gone */
    REC_EXIT = 6,   /* abi_head: the process ended */
    REC_FLOW = 7,   /* abi_flow: who uses a socket */
    REC_SECRET = 8, /* abi_secret: a key of a TLS connection */
    REC_REST = 9,   /* abi_rest: bytes that wait in the memory of a thread that stands still */
    REC_SHAKE = 10, /* abi_handshake: a TLS handshake went so far that it has keys */
    REC_LINE = 11,  /* abi_line, then `len` bytes of text: what was typed to a program */
};

/* Which way the bytes went, as the probed program sees it. */
enum abi_dir {
    DIR_READ = 0,
    DIR_WRITE = 1,
};

/* Why bytes are missing. */
enum abi_reason {
    GAP_NONE = 0,
    GAP_UNREADABLE = 1,      /* the program's memory could not be read */
    GAP_CAP = 2,             /* past the user's cap per call */
    GAP_NO_BUFFER = 3,       /* the call names no buffer (SSL_sendfile) */
    GAP_TOO_LONG = 4,        /* one call longer than the kernel half can copy */
    GAP_RING_FULL = 5,       /* never in a record: the reader sees a jump of `pos` */
    GAP_OVERLOAD = 6,        /* past what is kept of a call while a ring is full beyond a level */
    GAP_UNKNOWN_ADDRESS = 7, /* before it was known whether the addresses are wanted */
};

/* What happens when records come faster than they are read. */
enum abi_overload {
    OVERLOAD_GAP = 0,      /* what finds no room is lost, and shows as a gap */
    OVERLOAD_TRUNCATE = 1, /* before that, only the first bytes of each call are taken */
    OVERLOAD_PAUSE = 2,    /* the thread waits until its bytes were read out of its memory */
};

/* Why a connection is followed, so that its bytes are counted, and not shown. */
enum abi_left {
    LEFT_NOT = 0,
    LEFT_SAMPLE = 1,          /* the sample did not take it */
    LEFT_FILTER = 2,          /* its addresses are not wanted */
    LEFT_UNKNOWN_ADDRESS = 3, /* some addresses are wanted, and its own are not known so far */
};

/* How the addresses of a connection were found. */
enum abi_addr_source {
    ADDR_UNKNOWN = 0,
    ADDR_CALL_SOCKET = 1, /* the only TCP socket that the thread used within one call */
    ADDR_DESCRIPTOR = 2,  /* the descriptor that the connection's object names */
};

/* How a row's function is read. */
enum abi_op {
    OP_CALL = 1,  /* moves bytes: looked at on entry and on return */
    OP_END = 2,   /* ends the connection in its argument: entry only */
    OP_RESET = 3, /* makes the connection's object ready for another one: entry only */
    OP_MARK = 4,  /* answers with an object whose kind ROW_MARKED asks for: return only */
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
    ROW_AGAIN = 4,     /* moves what earlier calls were given: calls inside move nothing new */
    ROW_PEEK_IF = 8,   /* ROW_PEEK if argument `out` has MSG_PEEK */
    ROW_VECTOR = 16,   /* `buf` is a struct iovec *, and `num` says how many there are */
    ROW_MARKED = 32,   /* only for objects of a kind that an OP_MARK answered with */
};

/* Where the socket is kept that a thread used last. */
enum abi_sockets {
    SOCKETS_NOWHERE = 0,
    SOCKETS_OF_TASK = 1, /* Linux 6.3 and later */
    SOCKETS_BY_NUMBER = 2,
};

/* One probed function, as data. Arguments are numbered from 0; those of Go from ABI_GO_ARG. */
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
    __u32 shards;       /* rings of payload; the one after them is for news: sockets and keys */
    __u32 cgroup_level; /* how many groups lie above that one */
    __u32 filter_pid;   /* the `pids` set holds who is wanted */
    __u32 filter_uid;   /* the same for `uids` */
    __u32 filter_comm;  /* the same for `comms` */
    __u32 filter_port;  /* the same for connections and `ports` */
    __u32 filter_net;   /* and for `nets` */
    __u32 sockets;      /* enum abi_sockets */
    __u32 fixed;        /* no attach cookies: the next two say what is probed */
    __u32 fixed_row;
    __u32 fixed_file;
    __u32 overload;       /* enum abi_overload */
    __u32 steered;        /* struct abi_control is looked at; without, its values are not */
    __u32 tracer;         /* OVERLOAD_PAUSE: the process that lets threads go on */
    __u32 only_pid;       /* the only one of `pids`, or 0 */
    __u32 calls_by_task;  /* a thread keeps its call in flight itself (Linux 5.12 and later) */
    __u64 rows[ABI_ROWS]; /* each a struct abi_row */
};

/*
 * What the user half may change while the programs run: one, shared by all rings. Each field is
 * written by itself, and a call may see any mixture of old and new ones.
 */
struct abi_control {
    __u64 truncate_from; /* bytes in a ring from which calls are cut; 0: always, U64_MAX: never */
    __u64 keep_bytes;    /* what is taken of a call that is cut */
    __u32 sample;        /* one connection in so many is shown, chosen when it begins; 0, 1: all */
    __u32 pad;
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

/*
 * A call's bytes that found no room in the ring. The thread stops before its next instruction, so
 * that they stay where they are. In `data`, `moved` is all that is left of the call, and
 * head.reason why what follows the first `keep` bytes is not shown.
 */
struct abi_rest {
    struct abi_data data;
    __u64 buf;  /* their address in the process's memory */
    __u64 keep; /* how many are to be taken */
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

/* Labels of the NSS key log format (draft-ietf-tls-keylogfile): what a secret is for. */
enum abi_label {
    LABEL_CLIENT_RANDOM = 1, /* the master secret of TLS 1.2 and before */
    LABEL_CLIENT_EARLY_TRAFFIC_SECRET = 2,
    LABEL_EARLY_EXPORTER_SECRET = 3,
    LABEL_CLIENT_HANDSHAKE_TRAFFIC_SECRET = 4,
    LABEL_SERVER_HANDSHAKE_TRAFFIC_SECRET = 5,
    LABEL_CLIENT_TRAFFIC_SECRET_0 = 6,
    LABEL_SERVER_TRAFFIC_SECRET_0 = 7,
    LABEL_EXPORTER_SECRET = 8,
};

/* Added to a label whose text is not that of a key log. */
enum abi_label_flag {
    LABEL_USES = 64,     /* what else is computed from the secret, when its connection needs it */
    LABEL_DERIVES = 128, /* what the secret is computed from */
};

/*
 * The way to a value: a word of struct pt_regs; then, `loads` times, what stands in memory
 * offsets[i] bytes past it; and offsets[loads] added to the last. Offsets are signed.
 */
struct abi_chain {
    __u8 word;
    __u8 loads;
    __u8 pad[6];
    __u32 offsets[ABI_LOADS + 1];
};

enum abi_site_flag {
    SITE_COUNTED = 1,  /* the label's length is in `label_len`; without it a zero ends the label */
    SITE_DERIVED = 2,  /* the secret is what the thread computed last, not what `secret` leads to */
    SITE_LENGTH = 4,   /* `secret_len` is kept; without it the label says what the length is */
    SITE_HKDF = 8,     /* `label` leads to a HkdfLabel (RFC 8446, section 7.1), not to a text */
    SITE_PARAMS = 16,  /* `label` leads to OSSL_PARAMs, one of which is a text */
    SITE_LATER = 32,   /* there is no secret here; the thread's next SITE_UNNAMED has it */
    SITE_UNNAMED = 64, /* there is no label here; the thread's last SITE_LATER had it */
    SITE_VERSIONED = 128, /* `version` is kept; TLS 1.3 has no secret here */
};

/* How keys are read at a probed instruction, as data. */
struct abi_site {
    struct abi_chain label;      /* where the label begins */
    struct abi_chain label_len;  /* a number */
    struct abi_chain secret;     /* where it begins */
    struct abi_chain secret_len; /* a number: its low 32 bits */
    struct abi_chain random;     /* where the client_random begins */
    struct abi_chain version;    /* a number: its low 32 bits are the protocol's */
    __u8 flags;
    __u8 pad[7];
};

enum abi_layout_flag {
    LAYOUT_EXPORTER = 1, /* `exporter` is known */
    LAYOUT_MASTER = 2,   /* `master` is known */
    LAYOUT_SIDED = 4,    /* it holds only if `side` is what stands at `side_at` */
    LAYOUT_TIGHT = 8,    /* 48 bytes hold each secret, not 64 */
    LAYOUT_COUNTED = 16, /* and a byte behind them says how many are used */
};

/*
 * Where connections of a file keep their secrets, as learned from one that was seen to make its
 * handshake. `client`, `server` and `exporter` are followed by zeros, up to 64 bytes. Where the
 * side decides which is which, connections of one side point to code that others don't.
 */
struct abi_layout {
    struct abi_chain random; /* begins in the register that holds the connection; so do all */
    struct abi_chain client;
    struct abi_chain server;
    struct abi_chain exporter;
    struct abi_chain master; /* of TLS 1.2: 48 bytes */
    __u64 side;              /* that code, as a distance from the probed instruction */
    __u32 side_at;           /* bytes past the connection's beginning */
    __u32 version;           /* changes when more is known */
    __u8 flags;
    __u8 pad[7];
};

/* Where a secret was read. */
enum abi_secret_source {
    SECRET_LOGGED = 1,   /* at the library's own call to log it */
    SECRET_DERIVED = 2,  /* where it was computed */
    SECRET_ACCESSED = 3, /* in the connection, when its handshake was done */
    SECRET_FOUND = 4,    /* in the connection, later: it is older than ecapture */
};

/*
 * A key of a connection, and the socket that its thread used last before: the handshake's last
 * record has just come in there. head.conn is the library's connection pointer.
 */
struct abi_secret {
    struct abi_head head;
    __u64
        socket_born_ns; /* the same as head.born_ns in the socket's REC_FLOW; 0: no socket known */
    __u64 socket_used_ns; /* when the thread used it, CLOCK_BOOTTIME */
    __u8 client_random[ABI_RANDOM];
    __u8 secret[ABI_SECRET];
    __u8 local[16]; /* network order; an IPv4 address takes the first 4 bytes */
    __u8 remote[16];
    __u32 netns;
    __u16 local_port; /* host order */
    __u16 remote_port;
    __u8 family;     /* 4, 6, or 0: no socket known */
    __u8 protocol;   /* IPPROTO_TCP or IPPROTO_UDP */
    __u8 label;      /* enum abi_label */
    __u8 secret_len; /* 32 or 48 */
    __u8 source;     /* enum abi_secret_source */
    __u8 pad[3];
};

/*
 * A process made a TLS handshake on a TCP socket, with whatever library: its ClientHello was seen
 * where the process handed it to the socket or took it from there, and so was what follows only
 * when there are keys.
 */
struct abi_handshake {
    struct abi_head head;
    __u8 client_random[ABI_RANDOM];
    __u8 local[16]; /* network order; an IPv4 address takes the first 4 bytes */
    __u8 remote[16];
    __u16 local_port; /* host order */
    __u16 remote_port;
    __u8 family; /* 4 or 6 */
    __u8 server; /* the process took the ClientHello in, and did not send it */
    __u8 pad[2];
};

/* Variables of a program that reads lines, as far as it has them. */
enum abi_line_var {
    VAR_STATUS = 0,      /* int: the exit status of the command before */
    VAR_CONTINUES = 1,   /* int: above 0 while a command is not complete */
    VAR_INTERACTIVE = 2, /* int: 0 if nobody types */
    VAR_PROMPT = 3,      /* pointer: the prompt of commands, while other input has another */
    VAR_BEGIN = 4,       /* pointer: where the text of a command begins */
    VAR_END = 5,         /* pointer: where it ends */
};

enum abi_line_site_flag {
    LINE_SITE_SHELLS = 1,  /* nothing is told of a program whose VAR_STATUS is not known */
    LINE_SITE_CONTEXT = 2, /* argument `arg`: 0 a command begins, 1 it goes on, else it is none */
    LINE_SITE_INNER = 4,   /* nothing is told within a call that tells by itself */
    LINE_SITE_META = 8,    /* texts are written as zsh keeps them: 0x83 and a byte xor 32 */
};

/*
 * How typed lines are read at a probed instruction, as data. A variable is known by its distance
 * from the instruction, which is the same in every process.
 */
struct abi_line_site {
    __u64 vars[ABI_LINE_VARS]; /* by enum abi_line_var; signed */
    __u8 known;                /* which of them, a bit each */
    __u8 arg;                  /* the prompt, or what LINE_SITE_CONTEXT says, or a text */
    __u8 flags;                /* enum abi_line_site_flag */
    __u8 pad[5];
};

/* What a record about typed lines says. */
enum abi_line_what {
    LINE_PROMPT = 1,    /* the program waits for a command, and is done with the one before */
    LINE_CONTINUES = 2, /* it waits for the rest of a command */
    LINE_TYPED = 3,     /* this was typed */
    LINE_BEFORE = 4,    /* a line of it is replaced ... */
    LINE_AFTER = 5,     /* ... by this; without text: it was refused */
    LINE_EXEC = 6,      /* the program gave its process to another one */
    LINE_EXIT = 7,      /* it ended */
};

enum abi_line_flag {
    LINE_STATUS = 1,      /* `status` is known */
    LINE_AWAITS = 2,      /* the program has statuses: one will come */
    LINE_LAST = 4,        /* the text's last piece */
    LINE_CUT = 8,         /* after what is taken of it */
    LINE_UNREADABLE = 16, /* the rest could not be read */
    LINE_META = 32,       /* LINE_SITE_META */
};

/* A line that was typed, or a piece of it, or what became of it. */
struct abi_line {
    struct abi_head head;
    __u32 offset; /* where in its text the piece begins */
    __u32 status; /* as in $?, signed */
    __u32 ppid;
    __u8 what;  /* enum abi_line_what */
    __u8 flags; /* enum abi_line_flag */
    __u8 pad[2];
    __u8 tty[ABI_TTY]; /* the controlling terminal's name, "pts3"; empty: none */
};

/* What a ring's reader is doing, written by both halves, one per ring. */
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
    __u64 active_sp[2];  /* stack pointer of the outermost call in flight, by direction */
    __u64 active_num[2]; /* and how many bytes it was asked to move */
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
    __u8 left; /* enum abi_left */
    __u8 pad[3];
};

/* An address, or the first bits of many: a key of the table `nets`. */
struct abi_net {
    __u32 bits;    /* of what follows, the family's 8 counted */
    __u8 family;   /* 4 or 6 */
    __u8 addr[16]; /* network order; an IPv4 address takes the first 4 bytes */
    __u8 pad[3];
};

/* Where a call in flight is kept that its thread has no place for. */
struct abi_call_key {
    __u64 sp;
    __u32 tgid;
    __u32 pad;
};

/* What a full machine may lose, and what balances the books. One array per CPU. */
enum abi_counter {
    CNT_CALLS = 0,               /* calls that moved bytes */
    CNT_MOVED = 1,               /* bytes that they moved, peeks not counted */
    CNT_RECORDS = 2,             /* records handed to a ring */
    CNT_RING_FULL = 3,           /* payload and gap records that found no room */
    CNT_RING_BYTES = 4,          /* the bytes those stood for */
    CNT_CTRL_LOST = 5,           /* control records that found no room */
    CNT_CALLS_FULL = 6,          /* calls not followed: too many in flight */
    CNT_ORPHAN_BYTES = 7,        /* bytes of calls whose entry was not followed */
    CNT_CONNS_FULL = 8,          /* connections not followed: the table refused them */
    CNT_LEN_UNREADABLE = 9,      /* calls that moved bytes, but how many could not be read */
    CNT_SECRETS = 10,            /* keys handed to a ring */
    CNT_SECRETS_LOST = 11,       /* keys that found no room */
    CNT_SECRETS_UNREADABLE = 12, /* keys of which a part could not be read */
    CNT_SECRETS_ODD = 13,        /* keys of a length that their label can't have */
    /* Connections that moved bytes and are not shown, by enum abi_left; and their bytes. */
    CNT_SAMPLE_CONNS = 14,
    CNT_FILTER_CONNS = 15,
    CNT_UNKNOWN_CONNS = 16,
    CNT_SAMPLE_BYTES = 17,
    CNT_FILTER_BYTES = 18,
    CNT_UNKNOWN_BYTES = 19,
    CNT_LOOKS = 20,      /* calls whose connection was asked whether it is older than the capture */
    CNT_LINES_LOST = 21, /* records about typed lines that found no room */
    CNT_MAX = 32,
};

_Static_assert(sizeof(struct abi_row) == 8, "abi_row");
_Static_assert(sizeof(struct abi_config) == 1120, "abi_config");
_Static_assert(sizeof(struct abi_control) == 24, "abi_control");
_Static_assert(sizeof(struct abi_head) == 80, "abi_head");
_Static_assert(sizeof(struct abi_data) == 112, "abi_data");
_Static_assert(sizeof(struct abi_rest) == 128, "abi_rest");
_Static_assert(sizeof(struct abi_conn) == 128, "abi_conn");
_Static_assert(sizeof(struct abi_close) == 96, "abi_close");
_Static_assert(sizeof(struct abi_flow) == 128, "abi_flow");
_Static_assert(sizeof(struct abi_chain) == 24, "abi_chain");
_Static_assert(sizeof(struct abi_site) == 152, "abi_site");
_Static_assert(sizeof(struct abi_secret) == 224, "abi_secret");
_Static_assert(sizeof(struct abi_layout) == 144, "abi_layout");
_Static_assert(sizeof(struct abi_handshake) == 152, "abi_handshake");
_Static_assert(sizeof(struct abi_line_site) == 56, "abi_line_site");
_Static_assert(sizeof(struct abi_line) == 112, "abi_line");
_Static_assert(sizeof(struct abi_conn_state) == 128, "abi_conn_state");
_Static_assert(sizeof(struct abi_net) == 24, "abi_net");

#endif

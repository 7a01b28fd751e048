/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* TLS as a process hands it to a socket: where the bytes of a call are, and what they begin with.
 */
#ifndef ECAPTURE_HELLO_H
#define ECAPTURE_HELLO_H

/* Record types and the handshake message (RFC 8446, sections 5.1 and 4). */
#define TLS_CHANGE_CIPHER 20
#define TLS_ALERT 21
#define TLS_HANDSHAKE 22
#define TLS_DATA 23
#define TLS_CLIENT_HELLO 1
#define TLS_HEADER 5
/* A whole record that says that the ciphers change. */
#define CHANGE_CIPHER_LEN 6
/* Of an encrypted alert of TLS 1.3: level, description, type, tag. */
#define TLS_ALERT_LEN 19

/* What a call's first bytes are looked at for: header, message type and length, version, random. */
#define HELLO_HEAD (TLS_HEADER + 4 + 2 + ABI_RANDOM)
/* Of what follows: two record headers, and the first byte behind them. */
#define FLIGHT_HEAD 12
/* Only so many bytes into a direction is a ClientHello looked for: it may follow a greeting. */
#define HELLO_WITHIN 65536

#if defined(__TARGET_ARCH_x86)
#define SYSCALL_NUMBER(regs) BPF_CORE_READ(regs, orig_ax)
#else
#define SYSCALL_NUMBER(regs) BPF_CORE_READ(regs, user_regs.regs[8])
#endif

enum buffer_kind {
    BUFFER_NONE,
    BUFFER_PLAIN,   /* the second argument */
    BUFFER_VECTOR,  /* the first of the struct iovec there */
    BUFFER_MESSAGE, /* the same in the struct msghdr there */
};

static __always_inline enum buffer_kind buffer_kind(u64 nr) {
#if defined(__TARGET_ARCH_x86)
    /* read write sendto recvfrom; readv writev; sendmsg recvmsg */
    if (nr <= 1 || nr == 44 || nr == 45)
        return BUFFER_PLAIN;
    if (nr == 19 || nr == 20)
        return BUFFER_VECTOR;
    if (nr == 46 || nr == 47)
        return BUFFER_MESSAGE;
#else
    if (nr == 63 || nr == 64 || nr == 206 || nr == 207)
        return BUFFER_PLAIN;
    if (nr == 65 || nr == 66)
        return BUFFER_VECTOR;
    if (nr == 211 || nr == 212)
        return BUFFER_MESSAGE;
#endif
    return BUFFER_NONE;
}

/* Where the bytes of the running system call begin in the program's memory; 0: not known. */
static __always_inline u64 call_buffer(void) {
    struct pt_regs *regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
    enum buffer_kind kind = buffer_kind(SYSCALL_NUMBER(regs));
    u64 at = PT_REGS_PARM2_CORE_SYSCALL(regs);

    if (kind == BUFFER_NONE)
        return 0;
    /* msg_iov stands behind msg_name and msg_namelen. */
    if (kind == BUFFER_MESSAGE && bpf_probe_read_user(&at, sizeof(at), (void *)(at + 16)))
        return 0;
    if (kind != BUFFER_PLAIN && bpf_probe_read_user(&at, sizeof(at), (void *)at))
        return 0;
    return at;
}

static __always_inline bool is_handshake_header(const u8 *head) {
    return head[0] == TLS_HANDSHAKE && head[1] == 3;
}

/* Type, a length below 64 KiB, and a version that every ClientHello names. */
static __always_inline bool is_hello_message(const u8 *message) {
    return message[0] == TLS_CLIENT_HELLO && message[1] == 0 && message[4] == 3;
}

/* A record of data, and none that only says why the connection ends. */
static __always_inline bool is_data_header(const u8 *head) {
    return head[0] == TLS_DATA && head[1] == 3 && (head[3] || head[4] != TLS_ALERT_LEN);
}

#endif

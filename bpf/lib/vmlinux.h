/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The few kernel types that the programs read, by name only: offsets are filled in from the
 * running kernel's BTF when the object is loaded (CO-RE), so only the fields used stand here.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#include <linux/types.h>
#include <linux/bpf.h>
#include <stdbool.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
    unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs,
        flags, sp, ss;
};
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
    __u64 regs[31];
    __u64 sp;
    __u64 pc;
    __u64 pstate;
};
struct pt_regs {
    struct user_pt_regs user_regs;
};
#else
#error "no register layout for this architecture"
#endif

typedef struct {
    int counter;
} atomic_t;

struct tty_struct {
    char name[64];
};

struct signal_struct {
    atomic_t live;
    struct tty_struct *tty;
};

struct fdtable {
    unsigned int max_fds;
    struct file **fd;
};

struct files_struct {
    struct fdtable *fdt;
};

typedef struct {
    u32 val;
} kuid_t;

struct cred {
    kuid_t uid;
};

struct kernfs_node {
    u64 id;
};

struct cgroup {
    int level;
    struct kernfs_node *kn;
    struct cgroup *ancestors[]; /* Linux 6.1 and later */
};

/* Before that. */
struct cgroup___numbers {
    int level;
    u64 ancestor_ids[];
};

struct css_set {
    struct cgroup *dfl_cgrp;
};

typedef struct {
    unsigned long sig[1];
} sigset_t;

struct task_struct {
    unsigned int ptrace;
    struct task_struct *parent;
    struct task_struct *real_parent;
    struct task_struct *group_leader;
    sigset_t blocked;
    struct signal_struct *signal;
    struct files_struct *files;
    const struct cred *cred;
    struct css_set *cgroups;
    u64 start_boottime;
    u64 self_exec_id;
    int pid;
    int tgid;
    int exit_code;
    char comm[16];
};

struct inode {
    unsigned short i_mode;
};

struct file {
    struct inode *f_inode;
    void *private_data;
};

struct in6_addr {
    union {
        __u8 u6_addr8[16];
        __be32 u6_addr32[4];
    } in6_u;
};

struct ns_common {
    unsigned int inum;
};

struct net {
    struct ns_common ns;
};

typedef struct {
    struct net *net;
} possible_net_t;

struct sock_common {
    __be32 skc_daddr;
    __be32 skc_rcv_saddr;
    union {
        u32 skc_portpair;
        struct {
            __be16 skc_dport;
            __u16 skc_num;
        };
    };
    unsigned short skc_family;
    unsigned char skc_reuseport : 1;
    possible_net_t skc_net;
    struct in6_addr skc_v6_daddr;
    struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
    struct sock_common __sk_common;
    u16 sk_protocol;
    u16 sk_type;
};

struct inet_sock {
    struct sock sk;
    __be16 inet_sport;
};

struct tcp_sock {
    u64 bytes_received;
    u64 bytes_sent;
};

struct socket {
    struct sock *sk;
};

struct seq_file;

struct bpf_iter_meta {
    struct seq_file *seq;
};

struct bpf_iter__task_file {
    struct bpf_iter_meta *meta;
    struct task_struct *task;
    struct file *file;
};

#pragma clang attribute pop

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls between entry and return. A thread's calls nest, and a frame that lies below the stack
 * pointer was left, by a longjmp: so the kernel's own book of return probes (struct
 * return_instance) has it, which is why a thread needs no more than one place of its own for all
 * but the calls inside that one.
 */
#ifndef ECAPTURE_CALLS_H
#define ECAPTURE_CALLS_H

static __always_inline struct call *call_of_task(const struct who *who, u64 flags) {
    if (!config.calls_by_task)
        return NULL;
    return bpf_task_storage_get(&calls_of_tasks, who->task, NULL, flags);
}

/* In what stands for a stack pointer: the call may end in another thread, on another stack. */
#define FRAME_MOVES (1ULL << 63)

/* A place for the call that begins at `sp`; what it holds is the caller's to set. */
static __always_inline struct call *call_keep(const struct who *who, u64 sp) {
    struct call *call = call_of_task(who, BPF_LOCAL_STORAGE_GET_F_CREATE);
    struct abi_call_key key = {.sp = sp, .tgid = who->tgid};
    struct call fresh = {.sp = sp};

    if (call && call->sp <= sp && !(sp & FRAME_MOVES)) {
        call->sp = sp;
        return call;
    }
    if (bpf_map_update_elem(&calls, &key, &fresh, BPF_ANY))
        return NULL;
    return bpf_map_lookup_elem(&calls, &key);
}

/* `own`: it is in the thread's place. */
static __always_inline struct call *call_find(const struct who *who, u64 sp, bool *own) {
    struct call *call = call_of_task(who, 0);
    struct abi_call_key key = {.sp = sp, .tgid = who->tgid};

    *own = call && call->sp == sp;
    return *own ? call : bpf_map_lookup_elem(&calls, &key);
}

static __always_inline void call_drop(const struct who *who, struct call *call, u64 sp, bool own) {
    struct abi_call_key key = {.sp = sp, .tgid = who->tgid};

    if (own)
        call->sp = 0;
    else
        bpf_map_delete_elem(&calls, &key);
}

#endif

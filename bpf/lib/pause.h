/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Makes the thread that runs a probe stop before its next instruction, by a signal that its tracer
 * (crates/probe/src/pause) takes away again. Who is not traced by ours would not stop.
 */
#ifndef ECAPTURE_PAUSE_H
#define ECAPTURE_PAUSE_H

#define SIGCONT 18
#define SIGURG 23

static __always_inline bool is_traced(struct task_struct *task) {
    return BPF_CORE_READ(task, ptrace) && BPF_CORE_READ(task, parent, tgid) == config.tracer;
}

/*
 * Without a tracer, both signals do nothing to a program that does not ask for them. SIGURG stops
 * its thread alone. A thread that blocks it would run on; a SIGCONT, blocked or not, lets every
 * traced thread of a process look around, this one before it is back in its program.
 */
static __always_inline long send_stop(struct task_struct *task) {
    if (BPF_CORE_READ(task, blocked.sig[0]) & 1ULL << (SIGURG - 1))
        return bpf_send_signal_thread(SIGCONT);
    return bpf_send_signal_thread(SIGURG);
}

/* True if it stops. Each time that this was so, what the thread left is to be read once. */
static __always_inline bool pause_thread(void) {
    struct task_struct *task = (void *)bpf_get_current_task();
    u32 tid = (u32)bpf_get_current_pid_tgid();
    u64 *times, none = 0;

    if (!is_traced(task))
        return false;
    times = bpf_map_lookup_elem(&owed, &tid);
    if (!times) {
        bpf_map_update_elem(&owed, &tid, &none, BPF_NOEXIST);
        times = bpf_map_lookup_elem(&owed, &tid);
    }
    if (!times || send_stop(task))
        return false;
    *times += 1;
    return true;
}

#endif

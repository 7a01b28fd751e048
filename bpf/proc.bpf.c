/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The end of a process, or of its program, is the end of its connections. */

static __always_inline int process_gone(u8 kind) {
    u32 tgid = bpf_get_current_pid_tgid() >> 32;
    u64 *start = bpf_map_lookup_elem(&procs, &tgid);
    u64 start_ns;

    if (!start)
        return 0;
    start_ns = *start;
    bpf_map_delete_elem(&procs, &tgid);
    tell_all(kind, start_ns);
    return 0;
}

SEC("raw_tp/sched_process_exec")
int process_exec(void *ctx) {
    return process_gone(REC_EXEC);
}

SEC("raw_tp/sched_process_exit")
int process_exit(void *ctx) {
    struct task_struct *task = (void *)bpf_get_current_task();

    /* Called for each thread; the process is gone with the last one. */
    if (BPF_CORE_READ(task, signal, live.counter) > 0)
        return 0;
    return process_gone(REC_EXIT);
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who runs the probe, and whether the user wants to see it. */
#ifndef ECAPTURE_WHO_H
#define ECAPTURE_WHO_H

/* start_ns and exec_id tell a process from a later one with its number, and a program from the
 * one that replaced it. */
struct who {
    struct task_struct *task; /* NULL: it can't be read like our own memory */
    u64 start_ns;
    u64 exec_id;
    u32 tgid;
    u32 tid;
};

/* Since 5.11 the task can be read like our own memory, without a helper call per field. */
#define READS_TASK bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)

static __always_inline struct who whoami(void) {
    struct who who = {};
    struct task_struct *task, *leader;
    u64 id;

    if (READS_TASK) {
        task = (struct task_struct *)bpf_get_current_task_btf();
        leader = task->group_leader;
        who.task = task;
        who.tgid = task->tgid;
        who.tid = task->pid;
        who.start_ns = leader->start_boottime;
        who.exec_id = leader->self_exec_id;
        return who;
    }
    id = bpf_get_current_pid_tgid();
    who.tgid = id >> 32;
    who.tid = (u32)id;
    task = (void *)bpf_get_current_task();
    leader = BPF_CORE_READ(task, group_leader);
    who.start_ns = BPF_CORE_READ(leader, start_boottime);
    who.exec_id = BPF_CORE_READ(leader, self_exec_id);
    return who;
}

static __always_inline bool comm_wanted(void) {
    struct task_struct *task = (void *)bpf_get_current_task();
    struct name name = {};

    bpf_get_current_comm(&name, sizeof(name));
    if (bpf_map_lookup_elem(&comms, &name))
        return true;
    /* Threads may be named; the process goes by its leader's name. */
    BPF_CORE_READ_INTO(&name, task, group_leader, comm);
    return bpf_map_lookup_elem(&comms, &name);
}

static __always_inline bool wanted_of(u32 tgid) {
    if (config.filter_pid) {
        if (config.only_pid ? tgid != config.only_pid : !bpf_map_lookup_elem(&pids, &tgid))
            return false;
    }
    if (config.filter_uid) {
        u32 uid = bpf_get_current_uid_gid();

        if (!bpf_map_lookup_elem(&uids, &uid))
            return false;
    }
    if (config.cgroup && bpf_get_current_ancestor_cgroup_id(config.cgroup_level) != config.cgroup)
        return false;
    return !config.filter_comm || comm_wanted();
}

static __always_inline bool wanted(void) {
    return wanted_of(bpf_get_current_pid_tgid() >> 32);
}

/* The control group that lies so many levels below the root, above the task's own one or itself. */
static __always_inline u64 task_cgroup(struct task_struct *task, u32 level) {
    struct cgroup *own = BPF_CORE_READ(task, cgroups, dfl_cgrp);
    struct cgroup *group = NULL;
    u64 number = 0;

    if (level > (u32)BPF_CORE_READ(own, level))
        return 0;
    if (bpf_core_field_exists(own->ancestors)) {
        bpf_core_read(&group, sizeof(group), &own->ancestors[level]);
        return BPF_CORE_READ(group, kn, id);
    }
    bpf_core_read(&number, sizeof(number), &((struct cgroup___numbers *)own)->ancestor_ids[level]);
    return number;
}

/* The same as wanted(), of a task that does not run now. */
static __always_inline bool task_wanted(struct task_struct *task) {
    struct task_struct *leader = BPF_CORE_READ(task, group_leader);
    struct name name = {};
    u32 tgid = BPF_CORE_READ(task, tgid);
    u32 uid = BPF_CORE_READ(task, cred, uid.val);

    if (config.filter_pid && !bpf_map_lookup_elem(&pids, &tgid))
        return false;
    if (config.filter_uid && !bpf_map_lookup_elem(&uids, &uid))
        return false;
    if (config.cgroup && task_cgroup(task, config.cgroup_level) != config.cgroup)
        return false;
    if (!config.filter_comm)
        return true;
    BPF_CORE_READ_INTO(&name, task, comm);
    if (bpf_map_lookup_elem(&comms, &name))
        return true;
    BPF_CORE_READ_INTO(&name, leader, comm);
    return bpf_map_lookup_elem(&comms, &name);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Kinds of objects, where one function works on connections and on plain files alike: the first
 * word of such an object leads to its methods, and what a library answers with that makes
 * connections of objects has a connection's.
 */
#ifndef ECAPTURE_KIND_H
#define ECAPTURE_KIND_H

static __always_inline void mark(const struct who *who, u64 object) {
    struct kind kind = {.tgid = who->tgid};

    if (!bpf_probe_read_user(&kind.word, sizeof(kind.word), (void *)object))
        bpf_map_update_elem(&kinds, &kind, &who->exec_id, BPF_ANY);
}

/* Whether an object is of a kind that was marked, by this program. */
static __always_inline bool is_marked(const struct who *who, u64 ptr) {
    struct kind kind = {.tgid = who->tgid};
    u64 *exec_id;

    if (bpf_probe_read_user(&kind.word, sizeof(kind.word), (void *)ptr))
        return false;
    exec_id = bpf_map_lookup_elem(&kinds, &kind);
    return exec_id && *exec_id == who->exec_id;
}

#endif

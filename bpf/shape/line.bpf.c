/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lines that are typed to a program: where it waits for one, where it has one, and how the command
 * before ended. Which function and which variable says so comes from the site, never from here.
 */

/* The program begins to wait for a line. */
SEC("uprobe")
int line_waits(struct pt_regs *ctx) {
    const struct abi_line_site *site = line_site_of(cookie_of(ctx));
    struct who who = whoami();
    struct speaker *speaker;
    u64 prompt, own = 0;
    s32 more = 0, status = 0;

    if (!site || !wanted())
        return 0;
    speaker = speaker_at(ctx, &who, site);
    if (!speaker)
        return 0;
    speaker->sp = PT_REGS_SP(ctx);
    speaker->aside = 1;
    if (site->flags & LINE_SITE_SHELLS && !knows(speaker, VAR_STATUS))
        return 0;
    prompt = arg(ctx, site->arg);
    if (site->flags & LINE_SITE_CONTEXT) {
        more = prompt;
        if (more != 0 && more != 1)
            return 0;
    } else {
        if (line_pointer(speaker, VAR_PROMPT, &own) && own != prompt)
            return 0;
        line_int(speaker, VAR_CONTINUES, &more);
    }
    speaker->aside = 0;
    speaker->reads = 1;
    if (line_int(speaker, VAR_STATUS, &status))
        line_event(more > 0 ? LINE_CONTINUES : LINE_PROMPT, LINE_STATUS | LINE_AWAITS, status);
    return 0;
}

/* It has one, or the end of its input. */
SEC("uretprobe")
int line_read(struct pt_regs *ctx) {
    u64 cookie = cookie_of(ctx), text = PT_REGS_RC(ctx);
    const struct abi_line_site *site = line_site_of(cookie);
    struct speaker *speaker = speaker_known();
    u8 flags = 0;

    if (!site || !wanted())
        return 0;
    if (site->flags & LINE_SITE_INNER) {
        /* Of what is further down the same stack; a call that was left by a jump stays behind. */
        if (speaker && speaker->sp > PT_REGS_SP(ctx) && speaker->sp - PT_REGS_SP(ctx) < 1 << 20)
            return 0;
    } else {
        if (!speaker)
            return 0;
        speaker->sp = 0;
        if (speaker->aside)
            return 0;
    }
    if (speaker && knows(speaker, VAR_STATUS))
        flags |= LINE_AWAITS;
    if (text)
        line_text(cookie, LINE_TYPED, flags, text, TO_ZERO);
    return 0;
}

/* The program is about to look through a line that it has, and may replace it. */
SEC("uprobe")
int line_looked_at(struct pt_regs *ctx) {
    const struct abi_line_site *site = line_site_of(cookie_of(ctx));
    struct who who = whoami();
    struct speaker *speaker;
    s32 interactive = 0;

    if (!site || !wanted())
        return 0;
    speaker = speaker_at(ctx, &who, site);
    if (!speaker)
        return 0;
    speaker->text = 0;
    if (line_int(speaker, VAR_INTERACTIVE, &interactive) && interactive)
        speaker->text = arg(ctx, site->arg);
    return 0;
}

/* It did, or refused it. Who waited for the line when the capture began could not be seen to read
 * it, so it is told from here. */
SEC("uretprobe")
int line_replaced(struct pt_regs *ctx) {
    u64 cookie = cookie_of(ctx), after = PT_REGS_RC(ctx), before;
    struct speaker *speaker = speaker_known();

    if (!speaker || !speaker->text)
        return 0;
    before = speaker->text;
    speaker->text = 0;
    if (!speaker->reads) {
        if (after)
            line_text(cookie, LINE_TYPED, LINE_AWAITS, after, TO_ZERO);
        return 0;
    }
    if (after == before)
        return 0;
    line_text(cookie, LINE_BEFORE, LINE_AWAITS, before, TO_ZERO);
    if (after)
        line_text(cookie, LINE_AFTER, LINE_AWAITS, after, TO_ZERO);
    else
        line_event(LINE_AFTER, LINE_AWAITS, 0);
    return 0;
}

/* The program has a whole command between two of its pointers. */
SEC("uprobe")
int line_whole(struct pt_regs *ctx) {
    u64 cookie = cookie_of(ctx), begin = 0, end = 0;
    const struct abi_line_site *site = line_site_of(cookie);
    struct who who = whoami();
    struct speaker *speaker;
    u8 flags = LINE_AWAITS;

    if (!site || !wanted())
        return 0;
    speaker = speaker_at(ctx, &who, site);
    if (!speaker || !line_pointer(speaker, VAR_BEGIN, &begin) ||
        !line_pointer(speaker, VAR_END, &end))
        return 0;
    if (site->flags & LINE_SITE_META)
        flags |= LINE_META;
    if (begin && end > begin)
        line_text(cookie, LINE_TYPED, flags, begin, end - begin);
    return 0;
}

/* Nothing but where the program's variables are. */
SEC("uprobe")
int line_known(struct pt_regs *ctx) {
    const struct abi_line_site *site = line_site_of(cookie_of(ctx));
    struct who who = whoami();

    if (site && wanted())
        speaker_at(ctx, &who, site);
    return 0;
}

SEC("raw_tp/sched_process_exec")
int line_exec(void *ctx) {
    u32 tgid = bpf_get_current_pid_tgid() >> 32;

    if (bpf_map_lookup_elem(&speakers, &tgid)) {
        bpf_map_delete_elem(&speakers, &tgid);
        line_event(LINE_EXEC, 0, 0);
    }
    return 0;
}

SEC("raw_tp/sched_process_exit")
int line_exit(void *ctx) {
    struct task_struct *task = (void *)bpf_get_current_task();
    u32 tgid = bpf_get_current_pid_tgid() >> 32;
    u32 code, signal;

    if (!bpf_map_lookup_elem(&speakers, &tgid))
        return 0;
    /* Called for each thread; the process is gone with the last one. */
    if (BPF_CORE_READ(task, signal, live.counter) > 0)
        return 0;
    bpf_map_delete_elem(&speakers, &tgid);
    code = BPF_CORE_READ(task, exit_code);
    signal = code & 0x7f;
    line_event(LINE_EXIT, LINE_STATUS, signal ? 128 + signal : code >> 8 & 0xff);
    return 0;
}

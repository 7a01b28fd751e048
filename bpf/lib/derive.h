/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What secrets are computed from, and which secret it will be. */
#ifndef ECAPTURE_DERIVE_H
#define ECAPTURE_DERIVE_H

/* The first fields of a HkdfLabel: its secret's length, big-endian, and the text's. */
struct hkdf_label {
    u8 len[2];
    u8 text_len;
};

/* OSSL_PARAM, which is OpenSSL's binary interface. */
struct ossl_param {
    u64 key;
    u32 type;
    u32 pad;
    u64 data;
    u64 size;
    u64 returned;
};

/* Parameters that are looked at: a derivation has up to eight. */
#define PARAMS 10

/* TLS 1.3 has a parameter `label`; TLS 1.2 several `seed`s, the first of which is the text. */
static __always_inline u8 derived_by_params(u64 at) {
    struct ossl_param param;
    char key[8];
    u8 label = 0;

    for (int i = 0; i < PARAMS && !label; i++) {
        if (bpf_probe_read_user(&param, sizeof(param), (void *)(at + i * sizeof(param))))
            break;
        if (!param.key)
            break;
        __builtin_memset(key, 0, sizeof(key));
        if (bpf_probe_read_user_str(key, sizeof(key), (void *)param.key) <= 0)
            break;
        if (!__builtin_memcmp(key, "label\0\0", 8) || !__builtin_memcmp(key, "seed\0\0\0", 8))
            label = derived_at(param.data, param.size ?: ABI_LABEL);
    }
    return label;
}

/* Which secret a call computes, or uses if it is TLS 1.2's; and how long it will be if the text
 * says so. 0: none of ours. */
static __always_inline u8 derived(struct pt_regs *ctx, const struct abi_site *site, u32 *len) {
    struct hkdf_label hkdf;
    u64 at;

    if (!reach(ctx, &site->label, &at))
        return 0;
    if (site->flags & SITE_PARAMS)
        return derived_by_params(at);
    if (!(site->flags & SITE_HKDF))
        return used_at(at);
    if (bpf_probe_read_user(&hkdf, sizeof(hkdf), (void *)at) || !hkdf.text_len)
        return 0;
    *len = hkdf.len[0] << 8 | hkdf.len[1];
    return derived_at(at + sizeof(hkdf), hkdf.text_len);
}

/* Whether a call is a step of the one that the thread is in: further down the same stack. */
static __always_inline bool computes_part(const struct derivation *outer,
                                          const struct derivation *inner) {
    return outer->out && outer->site != inner->site && outer->sp - inner->sp < 1 << 20;
}

#endif

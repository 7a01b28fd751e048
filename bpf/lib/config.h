/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the user half decides before the programs are loaded. Read-only data: the verifier knows
 * the values, so what is switched off costs nothing and an absent helper is never looked at.
 */
#ifndef ECAPTURE_CONFIG_H
#define ECAPTURE_CONFIG_H

const volatile struct abi_row rows[ABI_ROWS];

const volatile u32 cfg_shards = 1;
const volatile u64 cfg_ring_bytes = 0;    /* of one ring */
const volatile u64 cfg_ctrl_reserve = 0;  /* of these, kept free of payload */
const volatile u64 cfg_call_cap = ~0ULL;  /* payload bytes taken of one call */
const volatile u32 cfg_filter_pid = 0;    /* the `pids` set holds who is wanted */
const volatile u32 cfg_filter_uid = 0;    /* the same for `uids` */
const volatile u32 cfg_filter_comm = 0;   /* the same for `comms` */
const volatile u32 cfg_fixed = 0;         /* no attach cookies: the next two say what is probed */
const volatile u32 cfg_fixed_row = 0;
const volatile u32 cfg_fixed_file = 0;

#endif

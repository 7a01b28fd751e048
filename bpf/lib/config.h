/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The user half's decisions, see struct abi_config. */
#ifndef ECAPTURE_CONFIG_H
#define ECAPTURE_CONFIG_H

const volatile struct abi_config config = {.shards = 1};

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel half as one object, so that its programs share their maps. No library is named here.
 */
#include "lib/vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>

#include "abi.h"
#include "lib/config.h"
#include "lib/maps.h"
#include "lib/who.h"
#include "lib/args.h"
#include "lib/calls.h"
#include "lib/record.h"
#include "lib/left.h"
#include "lib/conn.h"
#include "lib/sock.h"
#include "lib/flow.h"
#include "lib/secret.h"
#include "lib/derive.h"
#include "lib/hello.h"
#include "lib/pause.h"
#include "lib/kind.h"
#include "lib/copy.h"
#include "lib/netfd.h"
#include "lib/line.h"

#include "shape/buf.bpf.c"
#include "shape/goroutine.bpf.c"
#include "shape/secret.bpf.c"
#include "shape/found.bpf.c"
#include "shape/line.bpf.c"
#include "net/sock.bpf.c"
#include "net/flow.bpf.c"
#include "net/hello.bpf.c"
#include "proc.bpf.c"

/* The kernel must see a licence that it knows as compatible; the text's own is in the headers. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

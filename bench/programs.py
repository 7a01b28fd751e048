#!/usr/bin/env python3
"""Time inside ecapture's BPF programs, per run and per request, while nginx is under load:
  bench/programs.py [1k|100k] [words for `ecapture tls` …]
The kernel counts it (kernel.bpf_stats_enabled), which slows each run by some 20 ns. What a request
costs beyond this and the baseline is the kernel's way to the programs: see `empty` in run.py.
"""

import os
import struct
import sys
import tempfile
from pathlib import Path

import run
import sites
import tools
from load import flat_out
from server import Nginx, Site

ENABLE_STATS, PROG_FD_BY_ID = 32, 13


def programs(pid: int) -> dict[str, tuple[int, int]]:
    """Runs and nanoseconds of each BPF program that a process holds, by name."""
    found = {}
    for number in sites.ids(pid, "prog_id"):
        fd = sites.bpf(PROG_FD_BY_ID, struct.pack("<I", number))
        told = sites.info(fd, b"", 232)
        os.close(fd)
        spent, runs = struct.unpack_from("<QQ", told, 192)
        found[told[64:80].split(b"\0")[0].decode()] = runs, spent
    return found


def main() -> None:
    file = sys.argv[1] if len(sys.argv) > 1 else "1k"
    program = os.environ.get("ECAPTURE", run.HERE.parent / "target/release/ecapture")
    counting = sites.bpf(ENABLE_STATS, struct.pack("<I", 0))
    with tempfile.TemporaryDirectory(dir=run.room_for_captures()) as into:
        site = Site(run.SIZES)
        server = Nginx(site, min(os.sched_getaffinity(0)))
        try:
            tool = tools.ecapture(program, *sys.argv[2:])(server.worker, Path(into))
            row = flat_out(site.url(file), max(os.sched_getaffinity(0)), 3, False, lambda: None)
            counted = programs(tool.pid)
            server.stop()
            tool.stop()
        finally:
            server.kill()
            site.remove()
            os.close(counting)
    print(f"{row['requests'] / row['seconds']:.0f} req/s with statistics")
    for name, (runs, spent) in sorted(counted.items(), key=lambda each: -each[1][1]):
        if runs:
            print(f"{name:20} {runs / row['requests']:6.2f} runs/request "
                  f"{spent / runs:7.0f} ns/run {spent / row['requests']:7.0f} ns/request")


if __name__ == "__main__":
    main()

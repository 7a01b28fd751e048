"""What ecapture costs while the server it watches has nothing to do."""

import time
from pathlib import Path

import meter
from server import Nginx, Site
from tools import Ecapture


def idle(tool: type[Ecapture], site: Site, cpu: int, into: Path, seconds: float) -> dict:
    """Wake-ups and CPU time of every thread over some seconds without traffic."""
    server = Nginx(site, cpu)
    try:
        running = tool(server.worker, into)
        try:
            before, started = _settled(running.pid), meter.processes_started()
            time.sleep(seconds)
            after, started = meter.threads(running.pid), meter.processes_started() - started
        finally:
            server.stop()
            running.stop()
    finally:
        server.kill()
    threads = {}
    for name, (wakeups, cpu_ns) in after.items():
        woken_before, spent_before = before.get(name, (0, 0))
        threads[name] = {"wakeups": wakeups - woken_before, "cpu_ns": cpu_ns - spent_before}
    return {"seconds": seconds, "threads": threads, "processes_started": started}


# They look for new libraries: one takes what the kernel tells of mappings, one what is in them.
SEEKERS = ("arrivals", "hooks")


def unexcused(idle: dict) -> dict[str, int]:
    """Threads that woke up for nothing, and how often. Those that look for new libraries may wake
    for each mapping of a process that the machine starts, which is not ours to prevent."""
    return {name: thread["wakeups"] for name, thread in idle["threads"].items()
            if thread["wakeups"] and not (seeks(name) and idle["processes_started"])}


def seeks(name: str) -> bool:
    """Whether a thread of this name looks for new libraries."""
    return name.endswith(SEEKERS)


def _settled(pid: int) -> dict[str, tuple[int, int]]:
    """After the start the threads run until they have found nothing to do, with naps of up to 0.1 s
    in between: waits for half a second in which nothing ran."""
    before, quiet = meter.threads(pid), 0
    for _ in range(50):
        time.sleep(0.1)
        after = meter.threads(pid)
        quiet = quiet + 1 if after == before else 0
        before = after
        if quiet == 5:
            break
    return before

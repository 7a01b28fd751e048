"""What a process cost: CPU time, memory and wake-ups, read from the kernel."""

import os
import platform
import subprocess
import time
from pathlib import Path


def cpu_ns(pid: int) -> int:
    """CPU time of all threads of a process so far.

    This is clock_getcpuclockid(3), spelled out: /proc/PID/stat says the same in steps of 10 ms,
    which is too coarse for a process that takes a thousandth of a CPU.
    """
    return time.clock_gettime_ns((~pid << 3) | 2)


def peak_rss(pid: int) -> int:
    """The most memory that the process held at once, in bytes."""
    return _status(Path(f"/proc/{pid}/status"), "VmHWM") * 1024


def threads(pid: int) -> dict[str, tuple[int, int]]:
    """Of each thread, by number and name: how often it slept and was woken, and its CPU ns."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        name = (task / "comm").read_text().strip()
        cpu = int((task / "schedstat").read_text().split()[0])
        found[f"{task.name} {name}"] = _status(task / "status", "voluntary_ctxt_switches"), cpu
    return found


def busy_s() -> float:
    """CPU time that the whole machine has spent on anything, in steps of 10 ms."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq = ticks[:7]
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def processes_started() -> int:
    """Processes and threads that the machine has started since it was booted."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith("processes "):
            return int(line.split()[1])
    return 0


def machine() -> dict[str, str]:
    """What the figures depend on and were measured on."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    virtual = subprocess.run(["systemd-detect-virt", "--vm"], capture_output=True, text=True,
                             check=False).stdout.strip() if _exists("systemd-detect-virt") else ""
    return {
        "uname": " ".join(platform.uname()),
        "cpu": f"{os.cpu_count()} × {models[0] if models else platform.machine()}",
        "virtual": virtual or ("yes" if any(" hypervisor" in line for line in info) else "no"),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') >> 20} MiB",
        "system": _os_name(),
    }


def packages(*names: str) -> dict[str, str]:
    """Versions of Debian packages; those that are not installed are left out."""
    form = "${Package} ${Version} ${db:Status-Status}\n"
    told = subprocess.run(["dpkg-query", "-W", "-f", form, *names], capture_output=True, text=True,
                          check=False).stdout
    words = (line.split() for line in told.splitlines())
    return {each[0]: each[1] for each in words if each[-1] == "installed"}


def _status(path: Path, field: str) -> int:
    for line in path.read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return 0


def _os_name() -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.split("=", 1)[1].strip('"')
    return ""


def _exists(program: str) -> bool:
    return any(os.access(os.path.join(d, program), os.X_OK) for d in os.get_exec_path())

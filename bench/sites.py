"""Where another process's probes stand, and empty programs at the same places.

The kernel is asked, not the process: bpf(2) tells of every link which function of which file it
holds (Linux 6.6 and later). The difference between no probes and empty ones is what the kernel
takes for a breakpoint; no program can be cheaper at these sites.
"""

import contextlib
import ctypes
import os
import platform
import struct
from pathlib import Path
from typing import NamedTuple

PROG_LOAD, INFO_BY_FD, LINK_CREATE, LINK_FD_BY_ID = 5, 15, 28, 30
PROG_TYPE_KPROBE = 2
AT_PERF_EVENT, AT_UPROBE_MULTI = 41, 48
LINK_PERF_EVENT, LINK_UPROBE_MULTI = 7, 12
RETURN = 1  # in a link's flags, and the type of a perf link that stands on the return side is 2
CALLS = {"x86_64": (321, 298), "aarch64": (280, 241)}  # bpf, perf_event_open
UPROBES = Path("/sys/bus/event_source/devices/uprobe")

_libc = ctypes.CDLL(None, use_errno=True)


class Site(NamedTuple):
    """A probe: one breakpoint, or several that one link holds."""
    file: str
    offsets: tuple[int, ...]
    returns: bool
    multi: bool


def held_by(pid: int) -> list[Site]:
    """The uprobes whose links a process has open."""
    sites = []
    for number in ids(pid, "link_id"):
        link = bpf(LINK_FD_BY_ID, struct.pack("<I", number))
        sites += _site_of(link)
        os.close(link)
    return sites


def ids(pid: int, field: str) -> set[int]:
    """The numbers of all links, or programs, that a process holds."""
    numbers = set()
    for entry in Path(f"/proc/{pid}/fdinfo").iterdir():
        # A descriptor that was closed meanwhile has nothing to tell.
        with contextlib.suppress(FileNotFoundError):
            numbers |= {int(line.split(":")[1]) for line in entry.read_text().splitlines()
                        if line.startswith(field + ":")}
    return numbers


class Empty:
    """Empty programs at `sites`, for one process."""

    def __init__(self, sites: list[Site], pid: int):
        self.fds: list[int] = []
        programs = {multi: self._load(multi) for multi in {site.multi for site in sites}}
        for site in sites:
            self._attach(site, pid, programs[site.multi])

    def remove(self) -> None:
        for fd in reversed(self.fds):
            os.close(fd)

    def _load(self, multi: bool) -> int:
        """`return 0`, for the kind of link that the site has."""
        code = struct.pack("<BBhi", 0xb7, 0, 0, 0) + struct.pack("<BBhi", 0x95, 0, 0, 0)
        code_at, licence = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b"GPL")
        attr = struct.pack("<IIQQIIQII16sII", PROG_TYPE_KPROBE, 2, ctypes.addressof(code_at),
                           ctypes.addressof(licence), 0, 0, 0, 0, 0, b"empty", 0,
                           AT_UPROBE_MULTI if multi else 0)
        return self._keep(bpf(PROG_LOAD, attr))

    def _attach(self, site: Site, pid: int, program: int) -> None:
        path = ctypes.create_string_buffer(os.fsencode(site.file))
        if site.multi:
            offsets = (ctypes.c_uint64 * len(site.offsets))(*site.offsets)
            attr = struct.pack("<IIIIQQQQIII", program, 0, AT_UPROBE_MULTI, 0,
                               ctypes.addressof(path), ctypes.addressof(offsets), 0, 0,
                               len(site.offsets), RETURN if site.returns else 0, pid)
            self._keep(bpf(LINK_CREATE, attr))
            return
        kind = int((UPROBES / "type").read_text())
        bit = int((UPROBES / "format/retprobe").read_text().removeprefix("config:"))
        # struct perf_event_attr up to config2: the file's path and the offset in it.
        event = struct.pack("<IIQQQQQIIQQ", kind, 72, site.returns << bit, 0, 0, 0, 0, 0, 0,
                            ctypes.addressof(path), site.offsets[0])
        event_at = ctypes.create_string_buffer(event)
        number = CALLS[platform.machine()][1]
        fd = self._keep(_check(_libc.syscall(number, event_at, pid, -1, -1, 8)))
        self._keep(bpf(LINK_CREATE, struct.pack("<IIII", program, fd, AT_PERF_EVENT, 0)))

    def _keep(self, fd: int) -> int:
        self.fds.append(fd)
        return fd


def _site_of(link: int) -> list[Site]:
    """struct bpf_link_info: type, id, program, and from byte 16 on what the type has to say."""
    path = ctypes.create_string_buffer(4096)
    offsets = (ctypes.c_uint64 * 4096)()
    kind = struct.unpack_from("<I", info(link, b""))[0]
    if kind == LINK_UPROBE_MULTI:
        ask = struct.pack("<16xQQQQIIII", ctypes.addressof(path), ctypes.addressof(offsets), 0, 0,
                          len(path), len(offsets), 0, 0)
        count, flags = struct.unpack_from("<II", info(link, ask), 52)
        return [Site(os.fsdecode(path.value), tuple(offsets[:count]), bool(flags & RETURN), True)]
    if kind == LINK_PERF_EVENT:
        ask = struct.pack("<16xIIQI", 0, 0, ctypes.addressof(path), len(path))
        told = info(link, ask)
        side, offset = struct.unpack_from("<I", told, 16)[0], struct.unpack_from("<I", told, 36)[0]
        if side in (1, 2):
            return [Site(os.fsdecode(path.value), (offset,), side == 2, False)]
    return []


def info(fd: int, ask: bytes, size: int = 128) -> bytes:
    """What the kernel tells of a link or a program, into and according to the structure `ask`."""
    answer = ctypes.create_string_buffer(ask, size)
    bpf(INFO_BY_FD, struct.pack("<IIQ", fd, size, ctypes.addressof(answer)))
    return answer.raw


def bpf(command: int, attr: bytes) -> int:
    """The system call, whose attributes end in zeros."""
    attr_at = ctypes.create_string_buffer(attr, 160)
    return _check(_libc.syscall(CALLS[platform.machine()][0], command, attr_at, 160))


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result

"""What can watch the server: ecapture in several ways, empty probes, and other tools."""

import json
import os
import platform
import re
import signal
import subprocess
import time
from pathlib import Path

import meter
import sites

HERE = Path(__file__).parent
SUMMARY = re.compile(r"read (\d+) B, write (\d+) B, in gaps (\d+) B.*lost events (\d+), "
                     r"unaccounted (\d+) B")


class Unavailable(Exception):
    """Why a tool can't be compared on this machine."""


class Nothing:
    """The baseline."""
    pid = None

    def __init__(self, worker: int, into: Path):
        pass

    def stop(self) -> dict:
        return {}


class Program:
    """A tool that runs beside the server, from the moment it is ready until it has written all.

    `ready` is in the line on standard error after which it captures; `event` is in the output once
    per record that it shows, and also wherever `not_event` is.
    """
    ready = ""
    event = b""
    not_event = b""
    environment: dict[str, str] = {}

    def __init__(self, worker: int, into: Path):
        self.output = into / "captured"
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                self.command(worker), stdout=output, stderr=subprocess.PIPE, text=True,
                errors="replace", env=os.environ | self.environment)
        self.pid = self.process.pid
        self.log = ""
        try:
            ready = self.wait_until_ready()
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        if not ready:
            self.process.wait()
            said = self.log.strip().splitlines() or ["it ended without a word"]
            raise Unavailable(f"{Path(self.process.args[0]).name}: {said[-1]}")
        self.cpu_at_start = meter.cpu_ns(self.pid)

    def command(self, worker: int) -> list:
        raise NotImplementedError

    def wait_until_ready(self) -> bool:
        for line in self.process.stderr:
            self.log += line
            if self.ready in line:
                return True
        return False

    def stop(self) -> dict:
        """Ends it, and what it told: events, bytes, lost, and CPU time until all was written."""
        os.kill(self.pid, signal.SIGINT)
        self.log += self.process.stderr.read()
        _, status, usage = os.wait4(self.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        cpu_s = usage.ru_utime + usage.ru_stime - self.cpu_at_start / 1e9
        events = count(self.output, self.event) - count(self.output, self.not_event)
        told = {"tool_cpu_all_s": cpu_s, "events": events, **self.told()}
        self.output.unlink()
        return told

    def told(self) -> dict:
        return {}


class Ecapture(Program):
    """ecapture with more `words` on its command line."""
    ready = "ready: "
    program = "ecapture"
    words: tuple[str, ...] = ()
    decoded = False

    def command(self, worker: int) -> list:
        how = [] if self.decoded else ["--raw"]
        return [self.program, "tls", f"--pid={worker}", *how, *self.words, "-o", self.output]

    @property
    def event(self) -> bytes:
        # In text an arrow is in every header line, and what the server sends is ASCII.
        return b'"dir":"' if "json" in self.words else "→".encode()[:2]

    @property
    def not_event(self) -> bytes:
        return b'"type":"gap"' if "json" in self.words else b" gap "

    def told(self) -> dict:
        if self.process.returncode:
            raise RuntimeError(f"ecapture failed:\n{self.log}")
        if "json" in self.words:
            with open(self.output, "rb") as output:
                output.seek(max(0, self.output.stat().st_size - 4096))
                end = json.loads(output.read().splitlines()[-1])
            read, write = end["captured"]["read"], end["captured"]["write"]
            gaps, lost = end["gaps"]["bytes"], end["lost_events"]
            unaccounted = end["unaccounted"]
        else:
            found = SUMMARY.search(self.log)
            if not found:
                raise RuntimeError(f"no summary:\n{self.log}")
            read, write, gaps, lost, unaccounted = map(int, found.groups())
        return {"captured": read + write, "gaps": gaps, "lost": lost, "unaccounted": unaccounted}


class Messages(Ecapture):
    """ecapture as it is by default: it shows the messages in the bytes."""
    decoded = True


class Keylog(Ecapture):
    """ecapture that writes session keys and no plaintext; a line is an event. A version that does
    not offer it says so and is left out."""
    event = b"\n"

    def command(self, worker: int) -> list:
        return [self.program, "tls", f"--pid={worker}", "-m", "keylog", "-k", self.output]

    def told(self) -> dict:
        if self.process.returncode:
            raise RuntimeError(f"ecapture failed:\n{self.log}")
        return {}


class Packets(Ecapture):
    """ecapture that writes the packets of loopback and their keys, read whole, to a file."""
    written = re.compile(r"(\d+) packets written, (\d+) dropped by the kernel")

    def command(self, worker: int) -> list:
        return [self.program, "tls", "-m", "pcap", "-i", "lo", "-w", self.output, *self.words]

    def told(self) -> dict:
        found = self.written.search(self.log)
        if self.process.returncode or not found:
            raise RuntimeError(f"ecapture failed:\n{self.log}")
        written, dropped = map(int, found.groups())
        return {"events": written, "lost": dropped}


def ecapture(program: str, *words: str, kind: type[Ecapture] = Ecapture) -> type[Ecapture]:
    return type(kind.__name__, (kind,), {"program": program, "words": words})


class Empty:
    """Empty programs exactly where ecapture's stand: what the kernel takes for the breakpoints."""
    pid = None
    returns = True

    def __init__(self, real: type[Ecapture], worker: int, into: Path):
        running = real(worker, into)
        try:
            held = sites.held_by(running.pid)
        except OSError as error:
            raise Unavailable(f"this kernel does not tell where probes stand: {error}") from error
        finally:
            running.stop()
        # A link of one probe knows its file by the name it was opened with, which was a descriptor.
        hooked = re.findall(r"hooked (/.*?): ", running.log)
        held = [site._replace(file=hooked[0]) if site.file.startswith("/proc/self/fd/") else site
                for site in held]
        held = [site for site in held if self.returns or not site.returns]
        self.count = sum(len(site.offsets) for site in held)
        self.probes = sites.Empty(held, worker)

    def stop(self) -> dict:
        self.probes.remove()
        return {"probes": self.count}


class EmptyEntries(Empty):
    """The same without the return side: what is between the two is what that takes."""
    returns = False


class Bpftrace(Program):
    """A script of a few lines, with buffers as large as ecapture's rings."""
    ready = "__BPFTRACE_NOTIFY_PROBES_ATTACHED"
    event = b"SSL "
    environment = {"__BPFTRACE_NOTIFY_PROBES_ATTACHED": "1", "BPFTRACE_STRLEN": "200",
                   "BPFTRACE_PERF_RB_PAGES": "4096"}

    def command(self, worker: int) -> list:
        return ["bpftrace", HERE / "peers/sslsnoop.bt", str(worker)]

    def told(self) -> dict:
        with open(self.output, "rb") as output:
            lost = sum(int(line.split()[1]) for line in output if line.startswith(b"Lost "))
        return {"lost": lost}


class Tcpdump(Program):
    """The packets of loopback, encrypted, and thrown away."""
    ready = "listening on"

    def command(self, worker: int) -> list:
        return ["tcpdump", "-i", "lo", "-Z", "root", "-w", "/dev/null"]

    def told(self) -> dict:
        captured = re.search(r"(\d+) packets? captured", self.log)
        dropped = re.search(r"(\d+) packets? dropped by kernel", self.log)
        if not captured or not dropped:
            raise RuntimeError(f"tcpdump failed:\n{self.log}")
        return {"events": int(captured[1]), "lost": int(dropped[1])}


class Sslsniff(Program):
    """The ready-made tool of bpfcc-tools. Its table's head comes out when its probes stand."""
    event = b"----- DATA -----"
    environment = {"PYTHONUNBUFFERED": "1"}

    def __init__(self, worker: int, into: Path):
        build = Path(f"/lib/modules/{platform.release()}/build")
        if not build.exists() and not Path("/sys/kernel/kheaders.tar.xz").exists():
            raise Unavailable("sslsniff compiles against the kernel's headers, and there are none "
                              f"for {platform.release()}")
        super().__init__(worker, into)

    def command(self, worker: int) -> list:
        return ["sslsniff-bpfcc", "-p", str(worker)]

    def wait_until_ready(self) -> bool:
        while self.process.poll() is None:
            if self.output.stat().st_size:
                return True
            time.sleep(0.01)
        self.log = self.process.stderr.read()
        return False


def count(path: Path, marker: bytes) -> int:
    """How often a marker occurs in a file of any size."""
    if not marker:
        return 0
    total, tail = 0, b""
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            total += (tail + piece).count(marker)
            tail = (tail + piece)[len(tail + piece) - len(marker) + 1:]
    return total

"""The clients: wrk as fast as it can, and a client of our own at a fixed rate."""

import json
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

from meter import cpu_ns

HERE = Path(__file__).parent
CONNECTIONS = 50


def flat_out(url: str, cpu: int, seconds: float, fresh: bool, meter: Callable[[], None]) -> dict:
    """wrk with one thread; `fresh` has the server end each connection after one request."""
    header = ["-H", "Connection: close"] if fresh else []
    command = ["taskset", "-c", str(cpu), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s",
               "-s", HERE / "wrk.lua", *header, url]
    before = _children_s()
    meter()
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    meter()
    return json.loads(told.splitlines()[-1]) | {"client_cpu_s": _children_s() - before}


class Pace:
    """The client at a fixed rate, compiled once."""

    def __init__(self, into: Path):
        self.program = into / "pace"
        subprocess.run(["gcc", "-O2", "-Wall", "-o", self.program, HERE / "pace.c", "-lssl",
                        "-lcrypto"], check=True)

    def run(self, url: str, cpu: int, seconds: float, rate: int, meter: Callable[[], None]) -> dict:
        """The meter is read when all connections stand and when all answers have come."""
        server, path = url.removeprefix("https://").split("/", 1)
        address, port = server.split(":")
        command = ["taskset", "-c", str(cpu), self.program, address, port, "/" + path, str(rate),
                   f"{seconds:g}", str(CONNECTIONS)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as client:
            if client.stdout.readline() != "connected\n":
                raise RuntimeError("the client at a fixed rate could not connect")
            before = cpu_ns(client.pid)
            meter()
            client.stdin.write("go\n")
            client.stdin.flush()
            told = client.stdout.readline()
            meter()
            spent = cpu_ns(client.pid) - before
            client.stdin.close()
        if client.returncode:
            raise RuntimeError("the client at a fixed rate failed, see above")
        return json.loads(told) | {"client_cpu_s": spent / 1e9}


def _children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime

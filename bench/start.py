#!/usr/bin/env python3
"""How long ecapture takes from its start to `ready`, beside many programs that use libssl.

`start.py [--processes N] [--rounds N]` prints a line for each kind of capture.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from server import Site

KINDS = {
    "text": ("-m", "text", "-o", "/dev/null"),
    "keylog": ("-m", "keylog", "-k", "/dev/null"),
    "pcap": ("-m", "pcap", "-i", "lo", "-w", "/dev/null"),
}
PROCESSES = 100


class Crowd:
    """Servers that wait for clients, each with libssl and libcrypto mapped."""

    def __init__(self, site: Site, number: int):
        command = ["openssl", "s_server", "-quiet", "-accept", "127.0.0.1:0",
                   "-cert", site.dir / "cert.pem", "-key", site.dir / "key.pem"]
        self.servers = []
        try:
            for _ in range(number):
                self.servers.append(subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL))
            for server in self.servers:
                while not _listens(server):
                    time.sleep(0.01)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        for server in self.servers:
            server.kill()
        for server in self.servers:
            server.wait()


def start(program: str, site: Site, processes: int, rounds: int) -> dict:
    """Seconds to `ready` of each kind, in turn. A first run of each fills the cache of keys."""
    crowd = Crowd(site, processes)
    try:
        with tempfile.TemporaryDirectory(prefix="ecapture-bench-") as cache:
            seconds = {kind: [] for kind in KINDS}
            for turn in range(rounds + 1):
                for kind, words in KINDS.items():
                    took = _one(program, words, cache)
                    if turn:
                        seconds[kind].append(took)
        running = sum(entry.isdigit() for entry in os.listdir("/proc"))
    finally:
        crowd.stop()
    return {"servers": processes, "processes": running, "seconds": seconds}


def _one(program: str, words: tuple[str, ...], cache: str) -> float:
    before = time.monotonic()
    process = subprocess.Popen(
        [program, "tls", *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, errors="replace",
        env=os.environ | {"XDG_CACHE_HOME": cache})
    log = ""
    try:
        for line in process.stderr:
            log += line
            if "ready: " in line:
                took = time.monotonic() - before
                break
        else:
            raise RuntimeError(f"ecapture did not start:\n{log}")
    finally:
        process.terminate()
        process.stderr.read()
        process.wait()
    return took


def _listens(server: subprocess.Popen) -> bool:
    if server.poll() is not None:
        raise RuntimeError("openssl s_server ended")
    sockets = Path(f"/proc/{server.pid}/fd")
    return any(os.readlink(link).startswith("socket:") for link in sockets.iterdir())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ecapture", default=os.environ.get(
        "ECAPTURE", Path(__file__).parent.parent / "target/release/ecapture"))
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("start.py: probes need root")
    site = Site({})
    try:
        found = start(options.ecapture, site, options.processes, options.rounds)
    finally:
        site.remove()
    for kind, seconds in found["seconds"].items():
        print(f"{kind}: {statistics.median(seconds):.2f} s ({min(seconds):.2f}–"
              f"{max(seconds):.2f}) to ready, {found['processes']} processes, "
              f"{found['servers']} of them with libssl")


if __name__ == "__main__":
    main()

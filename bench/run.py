#!/usr/bin/env python3
"""Compares a TLS server that ecapture watches with one that nobody or another tool watches.

nginx with one worker on one CPU, its client on another, every variant in its own run, the variants
of a round one after the other, the rounds again and again. See README.md.
"""

import argparse
import contextlib
import dataclasses
import datetime
import functools
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import check
import meter
import plot
import table
import tools
from idle import idle
from load import Pace, flat_out
from server import Nginx, Site
from start import PROCESSES, start

HERE = Path(__file__).parent
SIZES = {"1k": 1 << 10, "100k": 100 << 10}
PACKAGES = ("nginx", "libssl3", "wrk", "bpftrace", "bpfcc-tools", "tcpdump")


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A kind of traffic, and who watches it. A rate of 0 is as fast as it goes."""
    key: str
    title: str
    file: str
    variants: tuple[str, ...]
    rate: int = 0
    fresh: bool = False


SCENARIOS = (
    Scenario("1k", "1 KB, keep-alive, flat out", "1k",
             ("baseline", "text", "messages", "json", "text -t 256", "keylog", "pcap", "empty",
              "empty entries", "bpftrace", "sslsniff", "tcpdump")),
    Scenario("100k", "100 KB, keep-alive, flat out", "100k",
             ("baseline", "text", "json", "text -t 256", "text -t 1024", "empty", "bpftrace",
              "sslsniff")),
    Scenario("fresh", "1 KB, new connection per request", "1k",
             ("baseline", "text", "json", "keylog", "empty", "bpftrace", "sslsniff"), fresh=True),
    *(Scenario(f"rate-{rate}", f"1 KB, keep-alive, {rate} req/s", "1k",
               ("baseline", "text", "empty", "bpftrace", "sslsniff"), rate)
      for rate in (100, 1000, 10000)),
)
# Before the name of a variant that the binary of `--other` runs, too.
OTHER = "other "
# The time to `ready`, which is no traffic.
START = "start"
QUICK = {"1k": ("baseline", "text", "json", "empty"), "rate-1000": ("baseline", "text")}


class Bench:
    """What all runs share."""

    def __init__(self, options: argparse.Namespace, site: Site, into: Path):
        self.options, self.site, self.into = options, site, into
        cpus = sorted(os.sched_getaffinity(0))
        self.server_cpu, self.client_cpu = cpus[0], cpus[-1]
        self.pace = Pace(site.dir)
        make = functools.partial(tools.ecapture, options.ecapture)
        self.tools = {
            "baseline": tools.Nothing,
            "text": make(),
            "json": make("--format", "json"),
            "text -t 256": make("-t", "256"),
            "text -t 1024": make("-t", "1024"),
            "messages": make(kind=tools.Messages),
            "keylog": make(kind=tools.Keylog),
            "pcap": make(kind=tools.Packets),
            "empty": functools.partial(tools.Empty, make()),
            "empty entries": functools.partial(tools.EmptyEntries, make()),
            "bpftrace": tools.Bpftrace,
            "sslsniff": tools.Sslsniff,
            "tcpdump": tools.Tcpdump,
        }
        if options.other:
            other = functools.partial(tools.ecapture, options.other)
            self.tools |= {
                OTHER + "text": other(),
                OTHER + "messages": other(kind=tools.Messages),
                OTHER + "empty": functools.partial(tools.Empty, other()),
            }

    def one(self, scenario: Scenario, variant: str) -> dict:
        """One run: a fresh server, the tool, the traffic, and what each of them counted."""
        seconds, url = self.options.seconds, self.site.url(scenario.file)
        server = Nginx(self.site, self.server_cpu)
        try:
            tool = self.tools[variant](server.worker, self.into)
            clocks = []

            def read_clocks() -> None:
                clocks.append((meter.cpu_ns(server.worker) / 1e9,
                               meter.cpu_ns(tool.pid) / 1e9 if tool.pid else 0.0, meter.busy_s()))

            try:
                if scenario.rate:
                    row = self.pace.run(url, self.client_cpu, seconds, scenario.rate, read_clocks)
                else:
                    row = flat_out(url, self.client_cpu, seconds, scenario.fresh, read_clocks)
                if tool.pid:
                    row["tool_rss"] = meter.peak_rss(tool.pid)
            finally:
                # The server first, so that the tool sees the last byte of it.
                served = server.stop()
                told = tool.stop()
        finally:
            server.kill()
        (nginx, own, busy) = (after - before for before, after in zip(*clocks))
        row |= {"rps": row["requests"] / row["seconds"], "served": served["requests"],
                "moved": served["read"] + served["write"], "nginx_cpu": nginx / row["seconds"],
                "tool_cpu": own / row["seconds"],
                "client_cpu": row["client_cpu_s"] / row["seconds"],
                "other_cpu": (busy - nginx - own - row["client_cpu_s"]) / row["seconds"], **told}
        if "captured" in row:
            row["missing"] = row["moved"] - row["captured"] - row["gaps"]
        return row

    def scenario(self, scenario: Scenario, variants: tuple[str, ...]) -> tuple[dict, dict]:
        """All rounds, each starting with another variant, and why some variants are not there."""
        rows: dict[str, list[dict]] = {variant: [] for variant in variants}
        absent: dict[str, str] = {}
        for turn in range(self.options.rounds):
            start = turn % len(variants)
            for variant in variants[start:] + variants[:start]:
                if variant in absent:
                    continue
                try:
                    row = self.one(scenario, variant)
                except tools.Unavailable as why:
                    absent[variant] = str(why)
                    say(f"{scenario.title}: {variant} left out: {why}")
                    continue
                rows[variant].append(row)
                say(f"{scenario.title}: round {turn + 1}: {variant}: {row['rps']:.0f} req/s")
        return {variant: each for variant, each in rows.items() if each}, absent

    def all(self) -> dict:
        options = self.options
        results = {"date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
                   "machine": meter.machine(), "packages": meter.packages(*PACKAGES),
                   "rounds": options.rounds, "seconds": options.seconds,
                   "cpus": {"nginx": self.server_cpu, "client": self.client_cpu},
                   "output": str(self.into.parent), "scenarios": {}}
        for scenario in SCENARIOS:
            variants = scenario.variants
            if options.quick and not options.only:
                variants = QUICK.get(scenario.key, ())
            if options.variants:
                variants = ("baseline", *(v for v in variants if v in options.variants))
            if options.other:
                variants = (*variants, *(OTHER + v for v in variants if OTHER + v in self.tools))
            if not variants or (options.only and scenario.key not in options.only):
                continue
            rows, absent = self.scenario(scenario, variants)
            results["scenarios"][scenario.key] = {
                "title": scenario.title, "rate": scenario.rate, "rows": rows, "absent": absent}
        if options.only is None and not options.quick or START in (options.only or ()):
            say("start")
            results["start"] = start(options.ecapture, self.site, PROCESSES, options.rounds)
        say("idle")
        results["idle"] = idle(self.tools["text"], self.site, self.server_cpu, self.into,
                               2 if options.quick else 10)
        return results


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, help="how often each variant runs (default 5)")
    parser.add_argument("--seconds", type=int, help="how long each run is (default 5)")
    parser.add_argument("--quick", action="store_true", help="few variants, 3 rounds of 2 s")
    parser.add_argument("--only", action="append", choices=[*(s.key for s in SCENARIOS), START],
                        help="only this traffic; may be repeated")
    parser.add_argument("--variants", type=lambda words: words.split(","), metavar="A,B",
                        help="only these beside the baseline")
    parser.add_argument("--check", action="store_true",
                        help="fail if the target suffers, or a byte is unaccounted for")
    parser.add_argument("--ecapture", default=os.environ.get(
        "ECAPTURE", HERE.parent / "target/release/ecapture"), help="the binary")
    parser.add_argument("--other", metavar="BINARY",
                        help="another ecapture to compare with: the variants `other …`")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="where to write")
    parser.add_argument("--captures", type=Path,
                        help="folder for captured data (default: in memory if there is room)")
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 5)
    options.seconds = options.seconds or (2 if options.quick else 5)
    return options


def room_for_captures() -> Path:
    """Memory, so that no disk is measured; a run of 5 s can fill some gigabytes."""
    shared = Path("/dev/shm")
    if shared.is_dir() and shutil.disk_usage(shared).free > 8 << 30:
        return shared
    return Path(tempfile.gettempdir())


def put_first(nice: int) -> None:
    """Server, client and tools before whatever else the machine does; they inherit it. Where the
    kernel groups processes by session, it is the session that must be nice, or not. A container
    may be allowed neither, and a session may have no group: the figures are noisier then."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(nice))


def main() -> int:
    options = arguments()
    if os.geteuid() != 0:
        sys.exit("run.py: probes need root: sudo make bench")
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("run.py: one CPU for the server and one for its client are needed")
    if not os.access(options.ecapture, os.X_OK):
        sys.exit(f"run.py: no program at {options.ecapture}: make build, or name it by --ecapture")
    # Ended from outside, it still takes down what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    into = Path(tempfile.mkdtemp(dir=options.captures or room_for_captures(),
                                 prefix="ecapture-bench-"))
    site = Site(SIZES)
    try:
        put_first(-20)
        results = Bench(options, site, into).all()
        if options.check and not check.bytes_missing(results) and (dear := check.too_dear(results)):
            say("\n".join(["once more, with more rounds:", *dear]))
            options.rounds = 2 * options.rounds + 1
            results = Bench(options, site, into).all()
    finally:
        put_first(0)
        site.remove()
        shutil.rmtree(into)
    options.results.mkdir(exist_ok=True)
    name = f"{results['date'][:10]}-{platform.release()}.json"
    (options.results / name).write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    markdown = table.markdown(results)
    (options.results / "latest.md").write_text(markdown)
    (options.results / "latest.svg").write_text(plot.svg(results))
    print(markdown)
    failures = check.bytes_missing(results) + check.too_dear(results) if options.check else []
    for failure in failures:
        say(f"FAILED: {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

"""What is wanted of ecapture's cost, and what these results say of it."""

import dataclasses
import statistics
from collections.abc import Callable

from idle import seeks, unexcused
from ratios import added, against, spread


@dataclasses.dataclass(frozen=True)
class Target:
    """One figure: `values` has one for each round, or none if it was not measured."""
    what: str
    bound: str
    wanted: float
    form: str
    values: Callable[[dict], list[float]]

    def row(self, results: dict) -> str:
        """A row of the table: wanted, measured, and whether the median is good enough."""
        values = self.values(results)
        if not values:
            measured, verdict = "not measured", ""
        else:
            measured = spread(values, self.form)
            middle = float(format(statistics.median(values), self.form))
            good = middle >= self.wanted if self.bound == "≥" else middle <= self.wanted
            verdict = "reached" if good else "**missed**"
        return f"| {self.what} | {self.bound} {self.wanted:g} | {measured} | {verdict} |"


def table(results: dict) -> list[str]:
    """All targets as lines of Markdown."""
    return ["| what | wanted | measured | |", "|---|--:|--:|---|",
            *(target.row(results) for target in TARGETS)]


def _rows(results: dict, scenario: str, *variants: str) -> dict:
    """The rounds of a scenario, if all these variants ran in it."""
    rows = results["scenarios"].get(scenario, {"rows": {}})["rows"]
    return rows if all(variant in rows for variant in variants) else {}


def _ratio(scenario: str, variant: str, other: str) -> Callable[[dict], list[float]]:
    def values(results: dict) -> list[float]:
        rows = _rows(results, scenario, variant, other)
        return against(rows, variant, other) if rows else []
    return values


def _added(scenario: str) -> Callable[[dict], list[float]]:
    def values(results: dict) -> list[float]:
        rows = _rows(results, scenario, "text", "baseline")
        return added(rows, "text") if rows else []
    return values


def _per_event(results: dict) -> list[float]:
    rows = _rows(results, "1k", "text").get("text", [])
    return [row["tool_cpu_all_s"] * 1e6 / max(row["events"], 1) for row in rows]


def _lost(scenario: str, variant: str) -> Callable[[dict], list[float]]:
    def values(results: dict) -> list[float]:
        rows = _rows(results, scenario, variant).get(variant, [])
        return [row["lost"] for row in rows]
    return values


def _unaccounted(results: dict) -> list[float]:
    return [abs(row.get("missing", 0)) + row.get("unaccounted", 0)
            for scenario in results["scenarios"].values()
            for rows in scenario["rows"].values() for row in rows if "captured" in row]


def _start(kind: str) -> Callable[[dict], list[float]]:
    def values(results: dict) -> list[float]:
        return results.get("start", {}).get("seconds", {}).get(kind, [])
    return values


def _idle(results: dict) -> list[float]:
    return [sum(unexcused(results["idle"]).values())]


def _idle_cpu(results: dict) -> list[float]:
    idle = results["idle"]
    spent = sum(thread["cpu_ns"] for name, thread in idle["threads"].items()
                if not seeks(name))
    return [spent / idle["seconds"] / 1e7]


TARGETS = (
    Target("1 KB, flat out, text: requests/s against baseline", "≥", 0.66, ".2f",
           _ratio("1k", "text", "baseline")),
    Target("the same: lost events", "≤", 0, ".0f", _lost("1k", "text")),
    Target("the same: requests/s against empty programs", "≥", 0.93, ".2f",
           _ratio("1k", "text", "empty")),
    Target("1 KB as messages: requests/s against text (`--raw`)", "≥", 0.90, ".2f",
           _ratio("1k", "messages", "text")),
    Target("100 KB, `-t 1024`: requests/s against baseline", "≥", 0.80, ".2f",
           _ratio("100k", "text -t 1024", "baseline")),
    Target("the same: lost events", "≤", 0, ".0f", _lost("100k", "text -t 1024")),
    *(Target(f"{rate} requests/s: CPU added to nginx and ecapture's own, % of one", "≤", wanted,
             ".2f", _added(f"rate-{rate}"))
      for rate, wanted in ((100, 0.3), (1000, 1.5), (10000, 10))),
    Target("new connection per request: requests/s against baseline", "≥", 0.95, ".2f",
           _ratio("fresh", "text", "baseline")),
    Target("keys, 1 KB, keep-alive: requests/s against baseline", "≥", 0.97, ".2f",
           _ratio("1k", "keylog", "baseline")),
    Target("keys, new connection per request: requests/s against baseline", "≥", 0.93, ".2f",
           _ratio("fresh", "keylog", "baseline")),
    Target("packets of loopback, 1 KB, keep-alive: requests/s against baseline", "≥", 0.80, ".2f",
           _ratio("1k", "pcap", "baseline")),
    Target("the same: dropped packets", "≤", 0, ".0f", _lost("1k", "pcap")),
    *(Target(f"{kind}: ready beside 100 programs with libssl, s", "≤", 1, ".2f", _start(kind))
      for kind in ("text", "keylog", "pcap")),
    Target("ecapture's CPU per event, 1 KB, text, µs", "≤", 2, ".2f", _per_event),
    Target("idle: wake-ups", "≤", 0, ".0f", _idle),
    Target("idle: CPU, %", "≤", 0, ".1f", _idle_cpu),
    Target("bytes that are nowhere, in any run", "≤", 0, ".0f", _unaccounted),
)

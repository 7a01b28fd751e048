#!/usr/bin/env python3
"""Results as Markdown: medians over the rounds with the smallest and the largest value.

`table.py FILE.json` prints those of an earlier run.
"""

import json
import sys
from collections.abc import Callable

import targets
from idle import unexcused
from ratios import added, against, spread

FLAT = ("variant", "req/s", "of baseline", "p50 µs", "p99 µs", "nginx CPU %", "tool CPU %",
        "tool RSS MiB", "events", "MB captured", "MB in gaps", "lost events", "µs CPU/event")
PACED = ("variant", "req/s", "CPU added %", "p50 µs", "p99 µs", "nginx CPU %", "tool CPU %",
         "tool RSS MiB", "events", "lost events")


def markdown(results: dict) -> str:
    """The whole page."""
    machine, cpus = results["machine"], results["cpus"]
    lines = ["# Benchmark", "", f"{results['date']}, {results['rounds']} rounds of "
             f"{results['seconds']:g} s, medians (min–max). nginx on CPU {cpus['nginx']}, its "
             f"client on CPU {cpus['client']}, the tool where the kernel puts it.", ""]
    lines += [f"- {what}: {value}" for what, value in machine.items() if value]
    lines.append("- " + ", ".join(f"{name} {v}" for name, v in results["packages"].items()))
    lines.append(f"- captured data goes to files under {results['output']}")
    others = [row["other_cpu"] * 100 for scenario in results["scenarios"].values()
              for rows in scenario["rows"].values() for row in rows]
    if others:
        lines.append(f"- the rest of the machine used {spread(others, '.0f')} % of one CPU "
                     "meanwhile")
    lines += ["", "## Wanted and measured", "", *targets.table(results)]
    for scenario in results["scenarios"].values():
        lines += ["", f"## {scenario['title']}", "", *_table(scenario)]
        lines += [f"\n{variant} was left out: {why}."
                  for variant, why in scenario["absent"].items()]
    if start := results.get("start"):
        each = ", ".join(f"{kind} {spread(seconds, '.2f')} s"
                         for kind, seconds in start["seconds"].items())
        lines += ["", "## Start", "", f"To `ready`, with {start['processes']} processes, "
                  f"{start['servers']} of them with libssl, and a warm cache of keys: {each}."]
    idle = results["idle"]
    threads = ", ".join(f"{name.split()[1]} {thread['wakeups']} wake-ups and "
                        f"{thread['cpu_ns'] / 1e6:.1f} ms"
                        for name, thread in idle["threads"].items())
    lines += ["", "## Idle", "", f"{idle['seconds']} s without traffic: "
              f"{sum(unexcused(idle).values())} wake-ups for nothing. Per thread: {threads} of CPU "
              f"time. The machine started {idle['processes_started']} processes or threads, which "
              "the threads `arrivals` and `hooks` look at.", ""]
    return "\n".join(lines)


def _table(scenario: dict) -> list[str]:
    rows, paced = scenario["rows"], scenario["rate"] > 0
    heads = PACED if paced else FLAT
    lines = ["| " + " | ".join(heads) + " |", "|---" + "|--:" * (len(heads) - 1) + "|"]
    for variant, each in rows.items():
        cells = {"variant": variant, **_cells(each)}
        if variant != "baseline":
            cells["of baseline"] = spread(against(rows, variant, "baseline"), ".2f")
            cells["CPU added %"] = spread(added(rows, variant), ".2f")
        lines.append("| " + " | ".join(cells.get(head, "") for head in heads) + " |")
    if "text" in rows and "empty" in rows and not paced:
        lines.append(f"\ntext against empty programs at its {rows['empty'][0]['probes']} sites: "
                     + spread(against(rows, "text", "empty"), ".2f") + ".")
    if "text" in rows and "messages" in rows:
        lines.append("\nmessages against the bytes as they come (`--raw`): "
                     + spread(against(rows, "messages", "text"), ".2f") + ".")
    return lines


def _cells(rows: list[dict]) -> dict[str, str]:
    cells = {}

    def put(head: str, form: str, value: Callable[[dict], float], field: str = "rps") -> None:
        if field in rows[0]:
            cells[head] = spread([value(row) for row in rows], form)

    put("req/s", ".0f", lambda row: row["rps"])
    put("p50 µs", ".0f", lambda row: row["p50_us"])
    put("p99 µs", ".0f", lambda row: row["p99_us"])
    put("nginx CPU %", ".1f", lambda row: row["nginx_cpu"] * 100)
    put("tool CPU %", ".1f", lambda row: row["tool_cpu"] * 100, "tool_rss")
    put("tool RSS MiB", ".0f", lambda row: row["tool_rss"] / (1 << 20), "tool_rss")
    put("events", ".0f", lambda row: row["events"], "events")
    put("MB captured", ".1f", lambda row: row["captured"] / 1e6, "captured")
    put("MB in gaps", ".1f", lambda row: row["gaps"] / 1e6, "captured")
    put("lost events", ".0f", lambda row: row["lost"], "lost")
    put("µs CPU/event", ".2f", lambda row: row["tool_cpu_all_s"] * 1e6 / max(row["events"], 1),
        "events")
    return cells


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        print(markdown(json.load(file)))

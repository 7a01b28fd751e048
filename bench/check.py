"""What a change must not break, as CI sees it: generous to noise, strict about bytes."""

import statistics

from idle import unexcused
from table import against

RATIO = 0.5


def failures(results: dict) -> list[str]:
    """A sentence for each promise that was broken."""
    found = []
    for scenario in results["scenarios"].values():
        for variant, rows in scenario["rows"].items():
            for turn, row in enumerate(rows, 1):
                where = f"{scenario['title']}, {variant}, round {turn}"
                if row.get("missing"):
                    found.append(f"{where}: {row['missing']} bytes that nginx moved are neither "
                                 "captured nor in a gap")
                if row.get("unaccounted"):
                    found.append(f"{where}: ecapture says {row['unaccounted']} bytes unaccounted")
    flat = results["scenarios"].get("1k", {"rows": {}})["rows"]
    if "text" in flat:
        ratio = statistics.median(against(flat, "text", "baseline"))
        if ratio < RATIO:
            found.append(f"1 KB, keep-alive, flat out, text: {ratio:.2f} of the baseline's "
                         f"requests per second, at least {RATIO} is wanted")
    for thread, times in unexcused(results["idle"]).items():
        found.append(f"idle: thread {thread} was woken {times} times")
    return found


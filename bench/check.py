"""What a change must not break, as CI sees it: generous to noise, strict about bytes."""

import statistics

from idle import unexcused
from ratios import against

RATIO = 0.5
# Breakpoints alone cost half of the requests while a virtual machine's host is busy. Then what
# ecapture adds to them is what can be judged.
OF_EMPTY = 0.7


def bytes_missing(results: dict) -> list[str]:
    """A sentence for each byte that is nowhere. No noise explains that."""
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
    return found


def too_dear(results: dict) -> list[str]:
    """A sentence for each promise about cost that was broken, which a busy machine may do, too."""
    found = []
    flat = results["scenarios"].get("1k", {"rows": {}})["rows"]
    if "text" in flat:
        ratio = statistics.median(against(flat, "text", "baseline"))
        wanted = RATIO
        if "empty" in flat:
            floor = statistics.median(against(flat, "empty", "baseline"))
            wanted = min(RATIO, OF_EMPTY * floor)
        if ratio < wanted:
            found.append(f"1 KB, keep-alive, flat out, text: {ratio:.2f} of the baseline's "
                         f"requests per second, at least {wanted:.2f} is wanted")
    for thread, times in unexcused(results["idle"]).items():
        found.append(f"idle: thread {thread} was woken {times} times")
    return found


"""Figures of several rounds: how they are compared and how they are written."""

import statistics


def spread(values: list[float], form: str) -> str:
    """Median (min–max); one figure if they look the same."""
    middle, low, high = (format(value, form) for value in
                         (statistics.median(values), min(values), max(values)))
    return middle if low == high else f"{middle} ({low}–{high})"


def against(rows: dict, variant: str, other: str) -> list[float]:
    """Requests per second of one variant against another's of the same round."""
    return [row["rps"] / base["rps"] for row, base in zip(rows[variant], rows[other])]


def added(rows: dict, variant: str) -> list[float]:
    """CPU that a variant takes more than the baseline of the same round, in % of one CPU."""
    return [100 * (row["nginx_cpu"] - base["nginx_cpu"] + row["tool_cpu"])
            for row, base in zip(rows[variant], rows["baseline"])]

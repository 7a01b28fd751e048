#!/usr/bin/env python3
"""Results as an SVG: a panel per kind of traffic, a bar per variant, whiskers from the smallest to
the largest of the rounds. `plot.py FILE.json` prints that of an earlier run."""

import json
import statistics
import sys
from collections.abc import Callable
from xml.sax.saxutils import escape

from ratios import added, against

WIDTH, LABEL, BAR, GAP, HEAD = 760, 130, 18, 8, 46
ROOM = WIDTH - LABEL - 90  # for bars; the rest is for the figure behind them
MORE = "requests per second, baseline = 1; more is better"
LESS = "CPU added to nginx plus the tool's own, % of one CPU; less is better"
COLOURS = {"baseline": "#9aa5b1", "text": "#0b7285", "text -t 256": "#1098ad",
           "text -t 1024": "#1098ad", "json": "#3bc9db", "empty": "#ced4da",
           "bpftrace": "#e8590c", "sslsniff": "#f08c00"}
STYLE = ("text{font:13px sans-serif;fill:#212529}.title{font-weight:bold;font-size:14px}"
         ".note,.tick{font-size:11px;fill:#868e96}line{stroke:#212529}.grid{stroke:#e9ecef}")


def svg(results: dict) -> str:
    """The whole picture."""
    parts, top = [], 34
    for scenario in results["scenarios"].values():
        if scenario["rate"]:
            values = {variant: added(scenario["rows"], variant)
                      for variant in scenario["rows"] if variant != "baseline"}
            note = LESS
        else:
            values = {variant: against(scenario["rows"], variant, "baseline")
                      for variant in scenario["rows"]}
            note = MORE
        panel, height = _panel(scenario["title"], note, values)
        parts.append(f'<g transform="translate(0,{top})">{panel}</g>')
        top += height
    machine = results["machine"]
    head = (f'{results["date"][:10]}, {machine["cpu"]}, Linux {machine["uname"].split()[2]}, '
            f'{results["rounds"]} rounds of {results["seconds"]:g} s: medians, whiskers min–max')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top + 6}" '
            f'viewBox="0 0 {WIDTH} {top + 6}"><style>{STYLE}</style>'
            f'<rect width="100%" height="100%" fill="white"/>'
            f'<text class="note" x="12" y="20">{escape(head)}</text>\n{"".join(parts)}</svg>\n')


def _panel(title: str, note: str, values: dict[str, list[float]]) -> tuple[str, int]:
    highest = max((max(each) for each in values.values()), default=0)
    step = _step(highest)
    end = step * max(1, -(-highest // step))

    def x(value: float) -> float:
        return LABEL + ROOM * max(0.0, value) / end

    parts = [f'<text class="title" x="12" y="18">{escape(title)}</text>',
             f'<text class="note" x="12" y="34">{escape(note)}</text>']
    bottom = HEAD + len(values) * (BAR + GAP)
    for tick in range(int(end / step + 0.5) + 1):
        at = x(tick * step)
        parts.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{HEAD - 4}" '
                     f'y2="{bottom}"/><text class="tick" x="{at:.1f}" y="{bottom + 12}" '
                     f'text-anchor="middle">{tick * step:g}</text>')
    for index, (variant, each) in enumerate(values.items()):
        parts.append(_bar(variant, each, x, HEAD + index * (BAR + GAP)))
    return "\n".join(parts) + "\n", bottom + 34


def _bar(variant: str, values: list[float], x: Callable[[float], float], top: int) -> str:
    middle, low, high = statistics.median(values), x(min(values)), x(max(values))
    centre, colour = top + BAR / 2, COLOURS.get(variant, "#66a80f")
    return (f'<text x="{LABEL - 8}" y="{centre + 4.5}" text-anchor="end">{escape(variant)}</text>'
            f'<rect x="{LABEL}" y="{top}" width="{x(middle) - LABEL:.1f}" height="{BAR}" '
            f'fill="{colour}"/>'
            f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{centre}" y2="{centre}"/>'
            + "".join(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{centre - 4}" y2="{centre + 4}"/>'
                      for at in (low, high))
            + f'<text x="{max(high, x(middle)) + 8:.1f}" y="{centre + 4.5}">{middle:.2f}</text>')


def _step(highest: float) -> float:
    """A round distance between grid lines, for 3 to 10 of them."""
    step = 0.01
    while highest / step > 10:
        for factor in (2, 2.5, 2):
            step = round(step * factor, 6)
            if highest / step <= 10:
                break
    return step


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        print(svg(json.load(file)))

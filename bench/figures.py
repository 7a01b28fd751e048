#!/usr/bin/env python3
"""Puts the table of the last `make bench` into docs/performance.md, between its two marks, and its
plot beside it."""

import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs/performance.md"
MARKS = "<!-- figures -->\n", "<!-- end of figures -->\n"


def main() -> None:
    latest = HERE / "results/latest.md"
    if not latest.exists():
        sys.exit("figures.py: there are no results yet: sudo make bench")
    table = latest.read_text(encoding="utf-8")
    # Its title is the page's; its sections lie one level below the page's.
    table = re.sub(r"^# .*\n+", "", table)
    table = re.sub(r"^## ", "### ", table, flags=re.MULTILINE)
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    shutil.copyfile(latest.with_suffix(".svg"), PAGE.with_suffix(".svg"))
    plot = f"![The same as a plot]({PAGE.stem}.svg)\n"
    PAGE.write_text(before + MARKS[0] + table.rstrip() + "\n\n" + plot + MARKS[1]
                    + after, encoding="utf-8")


if __name__ == "__main__":
    main()

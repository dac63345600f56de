"""Print a table of what gaffer costs, compared with others in the same run: `make bench`.

Arguments select figures by name; docs/benchmarks.md says what each means.
"""

from __future__ import annotations

import argparse
import sys
import time
from http.client import HTTPException

from figures import FIGURES
from harness.processes import end_all, kill_leftovers
from harness.table import Row, markdown


def main() -> int:
    """Measure and print; return 0 if every bound is met."""
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="figure", help=", ".join(FIGURES))
    chosen = parser.parse_args().figures or list(FIGURES)
    if unknown := sorted(set(chosen) - set(FIGURES)):
        parser.error(f"no such figure: {', '.join(unknown)}; choose from: {', '.join(FIGURES)}")
    rows: list[Row] = []
    interrupted = False
    try:
        with kill_leftovers():
            failed = [name for name in chosen if not _measure(name, rows)]
    except* KeyboardInterrupt:
        interrupted = True
    if interrupted:
        return 130
    print(markdown(rows))
    return int(bool(failed) or any(row.met is False for row in rows))


def _measure(name: str, rows: list[Row]) -> bool:
    """Add the rows of a figure to `rows`; return whether it could be measured."""
    begin = time.monotonic()
    try:
        rows += FIGURES[name]()
    except (RuntimeError, OSError, HTTPException) as error:
        print(f"{name} could not be measured: {error}", file=sys.stderr)
        return False
    finally:
        end_all()
    print(f"{name}: {time.monotonic() - begin:.0f} s", file=sys.stderr)
    return True


if __name__ == "__main__":
    sys.exit(main())

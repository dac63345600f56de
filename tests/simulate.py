"""Simulate many seeds: `python -m tests.simulate --seeds 2000 [--first 0] [--hours 24]`."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import Counter

from tests.simulation import HOURS, run_seed


def main() -> int:
    """Run the seeds, print numbers of events and failed seeds; return 1 if any failed."""
    parser = argparse.ArgumentParser(description="Simulate the kernel, seed by seed.")
    parser.add_argument("--seeds", type=int, default=2000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--hours", type=float, default=HOURS, help="virtual hours for each seed")
    options = parser.parse_args()
    events: Counter[str] = Counter()
    failed = []
    began = time.perf_counter()
    for seed in range(options.first, options.first + options.seeds):
        try:
            events += run_seed(seed, options.hours).events
        except Exception:
            failed.append(seed)
            traceback.print_exc()
            print(f"seed {seed} FAILED", flush=True)
    took = time.perf_counter() - began
    hours = options.seeds * options.hours
    print(f"{options.seeds} seeds, {hours:g} virtual hours in {took:.1f} s: {hours / took:.0f} h/s")
    print(", ".join(f"{name} {count}" for name, count in events.most_common()))
    print(f"{len(failed)} failed: {failed}" if failed else "all held")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Write a numbered line to each output every half second, until SIGTERM or SIGINT."""

import itertools
import signal
import sys
import time


def stop(signum: int, frame: object) -> None:
    sys.exit(0)


def main() -> None:
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    for count in itertools.count(1):
        print(f"STDERR {count}", file=sys.stderr, flush=True)
        print(f"STDOUTi {count}", flush=True)
        time.sleep(0.5)


if __name__ == "__main__":
    main()

"""A child that writes at a rate: `python paced.py MB_PER_SECOND SIZE`, once it has read a line."""

from __future__ import annotations

import os
import sys
import time

BLOCK = bytes(65536)


def main() -> None:
    """Write SIZE bytes at the rate; when late, write as fast as possible."""
    rate, size = float(sys.argv[1]) * 1e6, int(sys.argv[2])
    sys.stdin.readline()
    written, begin = 0, time.monotonic()
    while written < size:
        written += os.write(1, BLOCK)
        early = begin + written / rate - time.monotonic()
        if early > 0.001:
            time.sleep(early)


if __name__ == "__main__":
    main()

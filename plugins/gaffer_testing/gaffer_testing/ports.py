"""Free ports, for programs that cannot bind port 0."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack

FIRST, LAST = 20_000, 32_000
"""Outside of the range from which Linux assigns ports, so that no other program gets them."""


def find_free_ports(count: int = 1) -> int:
    """Find consecutive ports of 127.0.0.1 that are free.

    They are chosen at random, so that tests that run at the same time get different ones.

    Args:
        count: how many.

    Returns:
        The first of them, a multiple of `count`.
    """
    blocks = range(FIRST // count + 1, LAST // count)
    return next(
        block * count
        for block in random.sample(blocks, len(blocks))
        if _are_free(block * count, count)
    )


def _are_free(first: int, count: int) -> bool:
    try:
        with ExitStack() as stack:
            for port in range(first, first + count):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
    except OSError:
        return False
    return True

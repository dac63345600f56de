"""Whether whoever reads our output is still there."""

from __future__ import annotations

import os
import select
import stat
from math import inf
from typing import TextIO

import trio


async def wait_gone(stream: TextIO | None) -> None:
    """Wait until nobody reads a pipe any more, even if nothing is written; of anything else, for
    ever.
    """
    try:
        fd = stream.fileno() if stream is not None else -1
        is_pipe = stat.S_ISFIFO(os.fstat(fd).st_mode)
    except (OSError, ValueError):
        is_pipe = False
    if not is_pipe:
        await trio.sleep(inf)
    while not _is_broken(fd):
        # The end for writing is never readable but when it is broken.
        await trio.lowlevel.wait_readable(fd)


def _is_broken(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))

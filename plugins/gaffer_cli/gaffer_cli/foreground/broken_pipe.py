"""Notice that the reader of standard output is gone."""

from __future__ import annotations

import os
import select
import stat
from math import inf
from typing import TextIO

import trio


async def wait_broken_pipe(stream: TextIO | None) -> None:
    """Wait until a pipe has no reader, even if nothing is written; forever if it is not a pipe."""
    try:
        fd = stream.fileno() if stream is not None else -1
        is_pipe = stat.S_ISFIFO(os.fstat(fd).st_mode)
    except (OSError, ValueError):
        is_pipe = False
    if not is_pipe:
        await trio.sleep(inf)
    while not _is_broken(fd):
        # The write end of a pipe becomes readable only by POLLERR.
        await trio.lowlevel.wait_readable(fd)


def _is_broken(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))

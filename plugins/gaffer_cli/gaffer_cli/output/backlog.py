"""The last that processes have written, as far as gafferd keeps it."""

from __future__ import annotations

from collections.abc import Iterator

from gaffer_client import NotFoundError, Process, Server

from gaffer_cli.output.records import Note, Told, not_redirected, told_of
from gaffer_cli.output.selection import Chosen


def kept(server: Server, chosen: Chosen) -> Iterator[Told | Note]:
    """What is kept of the chosen processes."""
    for pid in chosen.pids_to_read():
        try:
            yield from kept_of(server.process(pid))
        except NotFoundError:
            continue


def kept_of(process: Process) -> Iterator[Told | Note]:
    """What is kept of one process, which may have ended.

    Raises:
        NotFoundError: nothing is.
    """
    info = process.info(ended=True)
    if not info.redirect_output:
        yield not_redirected(info)
        return
    with process.lines(tail=True, follow=False) as lines:
        yield from filter(None, (told_of(info, line) for line in lines))

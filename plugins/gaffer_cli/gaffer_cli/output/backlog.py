"""The last output of processes that gafferd stores."""

from __future__ import annotations

from collections.abc import Iterator

from gaffer_client import NotFoundError, Process, Server

from gaffer_cli.output.records import Note, OutputRecord, not_redirected_note, to_record
from gaffer_cli.output.selection import Selection


def read_backlog(server: Server, selection: Selection) -> Iterator[OutputRecord | Note]:
    """Read the stored output of the selected processes."""
    for pid in selection.pids_to_read():
        try:
            yield from read_process_backlog(server.process(pid))
        except NotFoundError:
            continue


def read_process_backlog(process: Process) -> Iterator[OutputRecord | Note]:
    """Read the stored output of one process, which may have exited.

    Raises:
        NotFoundError: nothing is stored.
    """
    info = process.info(ended=True)
    if not info.redirect_output:
        yield not_redirected_note(info)
        return
    with process.lines(tail=True, follow=False) as lines:
        yield from filter(None, (to_record(info, line) for line in lines))

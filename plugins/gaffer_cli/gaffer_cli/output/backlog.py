"""The last output of processes that gafferd stores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from gaffer_client import NotFoundError, Process, Server

from gaffer_cli.output.merge import merge_by_time
from gaffer_cli.output.records import Note, OutputRecord, not_redirected_note, to_record
from gaffer_cli.output.selection import Selection


def read_backlog(
    server: Server, selection: Selection, limit: int | None = None
) -> Iterator[OutputRecord | Note]:
    """Read the stored output of the selected processes, merged by time.

    Args:
        server: the client of gafferd.
        selection: the processes.
        limit: at most so many lines, the last ones; None for all.
    """
    records: list[OutputRecord] = []
    for pid in selection.pids_to_read():
        with suppress(NotFoundError):
            for record in read_process_backlog(server.process(pid)):
                if isinstance(record, OutputRecord):
                    records.append(record)
                else:
                    yield record
    yield from merge_by_time(records, limit)


def read_process_backlog(process: Process) -> Iterator[OutputRecord | Note]:
    """Read the stored output of one process, which may have exited.

    Raises:
        NotFoundError: nothing is stored.
    """
    info = process.info(ended=True)
    if not info.redirect_output:
        yield not_redirected_note(info)
        return
    with process.lines(tail=True, follow=False, times=True) as lines:
        yield from filter(None, (to_record(info, line) for line in lines))

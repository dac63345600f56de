"""Records of the output of processes, and notes about it."""

from __future__ import annotations

from typing import NamedTuple

from gaffer_client import Line, ProcessInfo


class OutputRecord(NamedTuple):
    """A line of a process, or the size of a gap in its output.

    Attributes:
        process: the process.
        stream: the name of the stream.
        text: the line, without its end.
        lost: the number of missing bytes before it; None if unknown.
        time: when gafferd read it, in seconds since the epoch; None if unknown.
    """

    process: ProcessInfo
    stream: str
    text: str = ""
    lost: int | None = 0
    time: float | None = None


class Connected(NamedTuple):
    """The output of a process is followed from now on; what is stored of it comes next."""

    pid: int


class Note(NamedTuple):
    """A message for people, printed next to the output.

    Attributes:
        once: whether it is printed only once.
    """

    text: str
    once: bool = False


def to_record(process: ProcessInfo, line: Line) -> OutputRecord | None:
    """Make the record of a line; None for a stream that is not redirected output."""
    if line.label not in process.redirect_output:
        return None
    return OutputRecord(process, line.label, line.text, line.lost, line.time)


def not_redirected_note(process: ProcessInfo) -> Note:
    """Make the note for a process whose output cannot be read."""
    text = f"{process.name}: its output is not read: its redirect_output is empty"
    return Note(text, once=True)

"""What is told of the output of processes."""

from __future__ import annotations

from typing import NamedTuple

from gaffer_client import Line, ProcessInfo


class Told(NamedTuple):
    """A line of a process, or how much of its output is missing.

    Attributes:
        process: of which.
        stream: of which of its outputs.
        text: the line, without its end.
        lost: how many bytes before it are missing; None if nobody knows.
    """

    process: ProcessInfo
    stream: str
    text: str = ""
    lost: int | None = 0


class Note(NamedTuple):
    """Something that people should know, beside the output.

    Attributes:
        once: whether it need not be said again.
    """

    text: str
    once: bool = False


def told_of(process: ProcessInfo, line: Line) -> Told | None:
    """A line; None of a stream that is not for people."""
    if line.label not in process.redirect_output:
        return None
    return Told(process, line.label, line.text, line.lost)


def not_redirected(process: ProcessInfo) -> Note:
    """Why there is nothing to tell of a process."""
    text = f"{process.name} has no redirect_output, so that nobody can read what it writes"
    return Note(text, once=True)

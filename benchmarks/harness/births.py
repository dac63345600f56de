"""Children that report their own start, so that every supervisor is timed in the same way."""

from __future__ import annotations

import os
import select
import time
from pathlib import Path
from typing import NamedTuple


class Birth(NamedTuple):
    """The report of a child that it runs: name, pid, and arrival in monotonic seconds."""

    name: str
    pid: int
    at: float


class Births:
    """A FIFO in a folder, and a program there that writes to it and then sleeps."""

    def __init__(self, folder: Path) -> None:
        fifo, self._script = folder / "births", folder / "child"
        os.mkfifo(fifo)
        # Open for writing too: otherwise read() returns EOF when no child has it open.
        self._fd = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        self._script.write_text(f"#!/bin/sh\necho $1 $$ >{fifo}\nexec sleep 1000\n")
        self._script.chmod(0o755)
        self._text = b""

    def command(self, name: str) -> list[str]:
        """Return the command of a child with that name."""
        return [str(self._script), name]

    def wait(self, seconds: float) -> list[Birth]:
        """Wait at most `seconds` for a report; return all that have arrived."""
        if not select.select([self._fd], [], [], max(0.0, seconds))[0]:
            return []
        self._text += os.read(self._fd, 65536)
        now = time.monotonic()
        *lines, self._text = self._text.split(b"\n")
        reports = (line.decode().split() for line in lines)
        return [Birth(name, int(pid), now) for name, pid in reports]

    def collect(self, count: int, seconds: float) -> dict[str, Birth]:
        """Wait for the reports of `count` different children.

        Raises:
            TimeoutError: fewer children reported in time.
        """
        found: dict[str, Birth] = {}
        deadline = time.monotonic() + seconds
        while len(found) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(found)} of {count} children started in {seconds:g} s")
            found.update((birth.name, birth) for birth in self.wait(deadline - time.monotonic()))
        return found

    def close(self) -> None:
        """Close the FIFO."""
        os.close(self._fd)

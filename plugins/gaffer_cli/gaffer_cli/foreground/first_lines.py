"""The lines that are printed before the first process starts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from gaffer_kernel import hookimpl


class FirstLines:
    """A plugin that prints lines as soon as the console is open.

    Args:
        lines: the lines.
        print_line: prints one.
    """

    name = "first_lines"
    gaffer_after = ("console",)

    def __init__(self, lines: Sequence[str], print_line: Callable[[str], None]) -> None:
        self._lines = lines
        self._print_line = print_line

    @hookimpl
    @asynccontextmanager
    async def gaffer_service(self) -> AsyncIterator[None]:
        """Print the lines."""
        for line in self._lines:
            self._print_line(line)
        yield

"""Output and life of gaffer's processes on the terminal, prefixed and coloured.

gafferd finds the plugin by itself; a program that embeds a kernel passes it a `ConsoleOutput()`.
"""

from __future__ import annotations

from gaffer_console.color import COLORS, Color, colored, status_bar
from gaffer_console.console import ConsoleOutput, VerboseConsole

__all__ = ["COLORS", "Color", "ConsoleOutput", "colored", "status_bar"]


def __getattr__(name: str) -> object:
    """`plugin`, which the entry point names: a new console each time it is asked for.

    Not this module itself: gaffer_event does not tell which kernel an event comes from, so each
    kernel needs a console of its own.
    """
    if name == "plugin":
        return VerboseConsole()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

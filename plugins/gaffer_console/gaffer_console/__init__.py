"""Output and events of gaffer's processes on the terminal, prefixed and coloured.

gafferd finds the plugin by its entry point; a program that embeds a kernel passes it a
`ConsoleOutput()`. The kernel is not imported before that, because commands that must start fast
also use `color` and `text`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gaffer_console.color import COLORS, Color, colored, status_bar

if TYPE_CHECKING:
    from gaffer_console.console import ConsoleOutput

__all__ = ["COLORS", "Color", "ConsoleOutput", "colored", "status_bar"]


def __getattr__(name: str) -> object:
    if name == "ConsoleOutput":
        from gaffer_console.console import ConsoleOutput

        return ConsoleOutput
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""A pseudo-terminal in place of a pipe: programs keep colours, and write line by line."""

from __future__ import annotations

import os
import termios
from contextlib import ExitStack

from gaffer_kernel.errors import SpawnError
from gaffer_kernel.processes.terminal_size import TerminalSize

OUTPUT_FLAGS = 1
"""Which of the attributes of a terminal tells what becomes of what is written to it."""


def open_terminal(
    terminal_size: TerminalSize, reader: ExitStack, writer: ExitStack
) -> tuple[int, int]:
    """Open a pseudo-terminal whose end to read behaves as that of a pipe does.

    What is written comes out unchanged, and EIO follows when the last writer has closed it. It is
    nobody's controlling terminal: a Ctrl-C or a hang-up of it reaches no process.

    Args:
        terminal_size: its size.
        reader: closes our end.
        writer: closes the end of the child.

    Returns:
        Our end and that of the child.

    Raises:
        SpawnError: `no_resources`.
    """
    try:
        master, slave = os.openpty()
    except OSError as error:
        raise SpawnError("no_resources", f"no pseudo-terminal: {error.strerror}") from None
    reader.callback(os.close, master)
    with ExitStack() as both_ways:
        both_ways.callback(os.close, slave)
        # For writing only, as a pipe: a program that asks its terminal something must not wait for
        # an answer that nobody can give.
        write = os.open(f"/proc/self/fd/{slave}", os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC)
        writer.callback(os.close, write)
        _set_up(slave, terminal_size)
    return master, write


def _set_up(slave: int, terminal_size: TerminalSize) -> None:
    attributes = termios.tcgetattr(slave)
    # Or each \n would come out as \r\n.
    attributes[OUTPUT_FLAGS] &= ~termios.OPOST
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    termios.tcsetwinsize(slave, (terminal_size.lines, terminal_size.columns))

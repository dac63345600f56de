"""A pseudo-terminal in place of a pipe: programs keep colours, and write line by line."""

from __future__ import annotations

import os
import termios
from contextlib import ExitStack

from gaffer_kernel.errors import SpawnError
from gaffer_kernel.processes.terminal_size import TerminalSize

OFLAG = 1
"""The index of the output modes in the list of tcgetattr."""


def open_pty(size: TerminalSize, reader: ExitStack, writer: ExitStack) -> tuple[int, int]:
    """Open a pseudo-terminal whose read end behaves like that of a pipe.

    Output comes out unchanged, and EIO follows when the last writer has closed it. It is no
    process's controlling terminal, so it sends no SIGINT and no SIGHUP.

    Args:
        size: the size of the terminal.
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
        # O_WRONLY, like a pipe: a program that queries its terminal must not wait for a reply that
        # never comes.
        write = os.open(f"/proc/self/fd/{slave}", os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC)
        writer.callback(os.close, write)
        _configure(slave, size)
    return master, write


def _configure(slave: int, size: TerminalSize) -> None:
    attributes = termios.tcgetattr(slave)
    # With OPOST each \n would come out as \r\n.
    attributes[OFLAG] &= ~termios.OPOST
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    termios.tcsetwinsize(slave, (size.lines, size.columns))

"""A program on a pseudo-terminal, and the screen that a user would see."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

import pyte

TIMEOUT = 60.0
"""Seconds to wait for a text, on a very busy machine."""


class Terminal:
    """A program whose standard streams are a terminal of `columns` and `lines`.

    As a context manager it ends the program with SIGINT, as Ctrl-C does.
    """

    def __init__(self, command, columns, lines, **settings):
        """Start a command.

        Args:
            command: the program, found in PATH, and its arguments.
            columns: of the terminal.
            lines: of the terminal.
            settings: `cwd` and `env` of the program.
        """
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self._pid, self._master = pty.fork()
        if self._pid == 0:
            os.chdir(settings["cwd"])
            os.execvpe(command[0], command, {**settings["env"], "TERM": "xterm-256color"})
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)

    def show(self, text):
        """Write a text on the screen, as if the user had typed it before."""
        self._stream.feed(text.encode())

    def type(self, text):
        os.write(self._master, text.encode())

    def shows(self, text):
        """Return whether a line of the screen has a text."""
        return any(text in line for line in self.screen.display)

    def wait_for(self, text):
        """Read until the screen shows a text."""
        deadline = time.monotonic() + TIMEOUT
        while not self.shows(text):
            if not self._read(deadline - time.monotonic()):
                shown = "\n".join(self.screen.display)
                raise RuntimeError(f"the screen does not show {text!r}:\n{shown}")

    def run_for(self, seconds):
        """Read what the program writes in this time."""
        deadline = time.monotonic() + seconds
        while self._read(deadline - time.monotonic()):
            pass

    def get_rows(self):
        """Return the lines of the screen, each a list of characters of pyte."""
        return [
            [self.screen.buffer[line][column] for column in range(self.screen.columns)]
            for line in range(self.screen.lines)
        ]

    def _read(self, seconds):
        """Read once; return False after that many seconds, or if the program has exited."""
        if seconds <= 0 or not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # EIO: the program has exited
            return False
        self._stream.feed(data)
        return bool(data)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        os.kill(self._pid, signal.SIGINT)
        while self._read(TIMEOUT):
            pass
        os.waitpid(self._pid, 0)
        os.close(self._master)

"""A command on a terminal of its own."""

import errno
import fcntl
import os
import re
import signal
import struct
import subprocess
import termios

import trio

TIMEOUT = 60.0
"""Seconds to wait for a text, on a very busy machine."""

SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[()].|\][^\x07]*\x07|[=>78M])")


class TerminalProgram:
    """A command whose standard streams are a terminal.

    Attributes:
        process: of the command.
        raw: its whole output.
        before: the terminal settings before it started.
    """

    def __init__(self, argv, *, width=80, height=24, **settings):
        self._master, self._slave = os.openpty()
        self.resize(width, height)
        self.before = termios.tcgetattr(self._slave)
        self.raw = ""
        self._seen = 0
        self.process = subprocess.Popen(
            argv,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            **settings,
        )
        os.set_blocking(self._master, False)

    def resize(self, width, height):
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    @property
    def settings(self):
        """The current terminal settings."""
        return termios.tcgetattr(self._slave)

    def type(self, text):
        os.write(self._master, text.encode())

    async def until(self, text):
        """Wait until a text appears after the previous one; return the output so far."""
        with trio.move_on_after(TIMEOUT):
            while (found := self.text[self._seen :].find(text)) < 0:
                if not self._read():
                    await trio.sleep(0.01)
        assert found >= 0, f"no {text!r} in {self.text[self._seen :][-2000:]!r}"
        self._seen += found + len(text)
        return self.text

    async def ended(self):
        """Wait until it exits; return its status."""
        with trio.fail_after(TIMEOUT):
            while self.process.poll() is None:
                self._read()
                await trio.sleep(0.01)
        while self._read():
            pass
        return self.process.returncode

    @property
    def text(self):
        """Its output without escape sequences."""
        return SEQUENCE.sub("", self.raw)

    def hang_up(self):
        """Hang up the terminal."""
        os.close(self._master)
        self._master = None

    def _read(self):
        if self._master is None:
            return False
        try:
            data = os.read(self._master, 65536).decode(errors="replace")
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return False
        self.raw += data
        return bool(data)

    def close(self):
        """Kill it."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self._master is not None:
            os.close(self._master)
        os.close(self._slave)

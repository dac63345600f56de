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

PATIENCE = 60.0
"""Seconds for something to appear, on a very busy machine."""

SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[()].|\][^\x07]*\x07|[=>78M])")


class Pseudo:
    """A command whose standard streams are a terminal.

    Attributes:
        process: of the command.
        raw: all that it has written.
        before: how the terminal was set.
    """

    def __init__(self, argv, *, width=80, height=24, **settings):
        self._ours, self._its = os.openpty()
        self.resize(width, height)
        self.before = termios.tcgetattr(self._its)
        self.raw = ""
        self._seen = 0
        self.process = subprocess.Popen(
            argv,
            stdin=self._its,
            stdout=self._its,
            stderr=self._its,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            **settings,
        )
        os.set_blocking(self._ours, False)

    def resize(self, width, height):
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    @property
    def settings(self):
        """How the terminal is set now."""
        return termios.tcgetattr(self._its)

    def type(self, text):
        os.write(self._ours, text.encode())

    async def until(self, text):
        """Wait until this appears, after what was waited for before; return what is there then."""
        with trio.move_on_after(PATIENCE):
            while (found := self.text[self._seen :].find(text)) < 0:
                if not self._read():
                    await trio.sleep(0.01)
        assert found >= 0, f"no {text!r} in {self.text[self._seen :][-2000:]!r}"
        self._seen += found + len(text)
        return self.text

    async def ended(self):
        """Wait until it has ended; its status."""
        with trio.fail_after(PATIENCE):
            while self.process.poll() is None:
                self._read()
                await trio.sleep(0.01)
        while self._read():
            pass
        return self.process.returncode

    @property
    def text(self):
        """All that it has written, without what steers the terminal."""
        return SEQUENCE.sub("", self.raw)

    def hang_up(self):
        """Take the terminal away."""
        os.close(self._ours)
        self._ours = None

    def _read(self):
        if self._ours is None:
            return False
        try:
            data = os.read(self._ours, 65536).decode(errors="replace")
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return False
        self.raw += data
        return bool(data)

    def close(self):
        """End it, whatever it does."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self._ours is not None:
            os.close(self._ours)
        os.close(self._its)

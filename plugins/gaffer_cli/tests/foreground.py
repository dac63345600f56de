"""A gaffer in the foreground, in a pipe or in a terminal, and all that it has started."""

import fcntl
import os
import pty
import re
import secrets
import select
import signal
import subprocess
import termios
import time
from contextlib import suppress
from pathlib import Path

BRAND = "GAFFER_TEST_BRAND"
PATIENCE = 60.0
"""Seconds for whatever a test waits for."""


class Foreground:
    """Runs a command, and reads what it prints.

    Its processes carry a brand in their environment, by which those that are left are found.
    """

    def __init__(self, argv, cwd, environ, *, terminal=None):
        self.text = ""
        self._brand = secrets.token_hex(8)
        environ = {**environ, BRAND: self._brand}
        if terminal is None:
            self._end, writer = os.pipe()
            stdin = subprocess.DEVNULL
        else:
            self._end, writer = pty.openpty()
            os.set_blocking(self._end, True)
            termios.tcsetwinsize(writer, terminal)
            stdin = writer
        self.process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=environ,
            stdin=stdin,
            stdout=writer,
            stderr=writer,
            # What is typed reaches it as it would in a shell.
            preexec_fn=_take_the_terminal if terminal else _begin_afresh,
        )
        os.close(writer)

    def wait_for(self, pattern):
        """Read until a line matches all of a pattern; the match."""
        deadline = time.monotonic() + PATIENCE
        while not (found := self._found(pattern)):
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.text!r}"
            assert self._read(0.1), f"no {pattern!r} in all of {self.text!r}"
        return found

    def wait_for_text(self, text):
        """Read until a text has come, whether its line is complete or not."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.text:
            assert time.monotonic() < deadline, f"no {text!r} in {self.text!r}"
            assert self._read(0.1), f"no {text!r} in all of {self.text!r}"

    def _found(self, pattern):
        lines = self.text.replace("\r\n", "\n").split("\n")[:-1]
        return next(filter(None, (re.fullmatch(pattern, line) for line in lines)), None)

    def _read(self, seconds):
        """Whether there may be more."""
        if select.select([self._end], [], [], seconds)[0]:
            try:
                data = os.read(self._end, 65536)
            except OSError:
                data = b""
            self.text += data.decode(errors="replace")
            return bool(data)
        return True

    def stop_reading(self):
        """Close the end of its output."""
        os.close(self._end)
        self._end = None

    def press(self, keys):
        """Type something."""
        os.write(self._end, keys)

    def signal(self, signum):
        self.process.send_signal(signum)

    def insist(self, act, text):
        """Do something again and again until a text has come."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.text:
            assert time.monotonic() < deadline, f"no {text!r} in {self.text!r}"
            act()
            # A terminal throws away what it has not yet handed over when Ctrl-C is pressed: pressed
            # again at once, it would never show the text.
            rest = time.monotonic() + 0.2
            while time.monotonic() < rest and text not in self.text:
                self._read(0.05)

    def wait_full(self):
        """Wait, without reading, until the pipe takes no more of its output."""
        deadline = time.monotonic() + PATIENCE
        while self._is_writable():
            assert time.monotonic() < deadline, "it does not write so much"
            time.sleep(0.02)

    def _is_writable(self):
        # Opened anew for a look: the end of its own is closed here.
        writer = os.open(f"/proc/self/fd/{self._end}", os.O_WRONLY | os.O_NONBLOCK)
        try:
            return bool(select.select([], [writer], [], 0)[1])
        finally:
            os.close(writer)

    def end(self):
        """Its status, when it has ended by itself."""
        deadline = time.monotonic() + PATIENCE
        while self._end is not None and self._read(0.1):
            assert time.monotonic() < deadline, f"it does not end: {self.text!r}"
        return self.process.wait(PATIENCE)

    @property
    def lines(self):
        """Names and texts of the lines so far."""
        found = re.findall(r"^\d\d:\d\d:\d\d (\S+) +\| (.*?)\r?$", self.text, re.MULTILINE)
        return [(name, text) for name, text in found]

    def texts(self, name):
        return [text for each, text in self.lines if each == name]

    def left(self):
        """The pids of what it has started and left behind."""
        wanted = f"{BRAND}={self._brand}".encode()
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with suppress(OSError):
                    if wanted in (folder / "environ").read_bytes().split(b"\0"):
                        found.append(int(folder.name))
        return found

    def wait_alone(self):
        """Wait until nothing of it is left."""
        deadline = time.monotonic() + PATIENCE
        while left := self.left():
            assert time.monotonic() < deadline, f"left behind: {left}"
            time.sleep(0.02)

    def close(self):
        """End whatever is left after a test that has failed."""
        self.process.kill()
        for pid in self.left():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        if self._end is not None:
            os.close(self._end)


def _begin_afresh():
    """Leave the session of the tests, and whatever signals whoever runs them has ignored."""
    os.setsid()
    for signum in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTSTP):
        signal.signal(signum, signal.SIG_DFL)


def _take_the_terminal():
    _begin_afresh()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)

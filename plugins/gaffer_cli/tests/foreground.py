"""A gaffer in the foreground, in a pipe or on a terminal, and its processes."""

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

MARKER = "GAFFER_TEST_MARKER"
TIMEOUT = 60.0
"""Seconds that a test waits."""


class Foreground:
    """Runs a command, and reads its output.

    A variable in their environment identifies its processes, to find those that remain.
    """

    def __init__(self, argv, cwd, environ, *, terminal=None):
        self.text = ""
        self._marker = secrets.token_hex(8)
        environ = {**environ, MARKER: self._marker}
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
            # Its own session and controlling terminal, so that keys send signals as in a shell.
            preexec_fn=_set_controlling_terminal if terminal else _start_session,
        )
        os.close(writer)

    def wait_for(self, pattern):
        """Read until a line matches a pattern fully; return the match."""
        deadline = time.monotonic() + TIMEOUT
        while not (found := self._found(pattern)):
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.text!r}"
            assert self._read(0.1), f"no {pattern!r} in all of {self.text!r}"
        return found

    def wait_for_text(self, text):
        """Read until a text appears, also in an incomplete line."""
        deadline = time.monotonic() + TIMEOUT
        while text not in self.text:
            assert time.monotonic() < deadline, f"no {text!r} in {self.text!r}"
            assert self._read(0.1), f"no {text!r} in all of {self.text!r}"

    def _found(self, pattern):
        lines = self.text.replace("\r\n", "\n").split("\n")[:-1]
        return next(filter(None, (re.fullmatch(pattern, line) for line in lines)), None)

    def _read(self, seconds):
        """Return whether there may be more output."""
        if select.select([self._end], [], [], seconds)[0]:
            try:
                data = os.read(self._end, 65536)
            except OSError:
                data = b""
            self.text += data.decode(errors="replace")
            return bool(data)
        return True

    def stop_reading(self):
        """Close the read end of its output."""
        os.close(self._end)
        self._end = None

    def press(self, keys):
        """Type keys."""
        os.write(self._end, keys)

    def signal(self, signum):
        self.process.send_signal(signum)

    def repeat_until(self, act, text):
        """Repeat an action until a text appears."""
        deadline = time.monotonic() + TIMEOUT
        while text not in self.text:
            assert time.monotonic() < deadline, f"no {text!r} in {self.text!r}"
            act()
            # A terminal flushes its output queue on Ctrl-C: pressed again at once, it would never
            # show the text.
            rest = time.monotonic() + 0.2
            while time.monotonic() < rest and text not in self.text:
                self._read(0.05)

    def wait_full(self):
        """Wait, without reading, until the pipe is full."""
        deadline = time.monotonic() + TIMEOUT
        while self._is_writable():
            assert time.monotonic() < deadline, "it does not fill the pipe"
            time.sleep(0.02)

    def _is_writable(self):
        # Opened again, because the write end is closed here.
        writer = os.open(f"/proc/self/fd/{self._end}", os.O_WRONLY | os.O_NONBLOCK)
        try:
            return bool(select.select([], [writer], [], 0)[1])
        finally:
            os.close(writer)

    def end(self):
        """Wait until it exits by itself; return its status."""
        deadline = time.monotonic() + TIMEOUT
        while self._end is not None and self._read(0.1):
            assert time.monotonic() < deadline, f"it does not exit: {self.text!r}"
        return self.process.wait(TIMEOUT)

    @property
    def lines(self):
        """The names and texts of the lines so far."""
        found = re.findall(r"^\d\d:\d\d:\d\d (\S+) +\| (.*?)\r?$", self.text, re.MULTILINE)
        return [(name, text) for name, text in found]

    def texts(self, name):
        return [text for each, text in self.lines if each == name]

    def find_left(self):
        """Return the pids of its processes that still run."""
        wanted = f"{MARKER}={self._marker}".encode()
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with suppress(OSError):
                    if wanted in (folder / "environ").read_bytes().split(b"\0"):
                        found.append(int(folder.name))
        return found

    def wait_all_gone(self):
        """Wait until no process of it remains."""
        deadline = time.monotonic() + TIMEOUT
        while left := self.find_left():
            assert time.monotonic() < deadline, f"left behind: {left}"
            time.sleep(0.02)

    def close(self):
        """Kill all processes that remain after a failed test."""
        self.process.kill()
        for pid in self.find_left():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        if self._end is not None:
            os.close(self._end)


def _start_session():
    """Start a session, and reset signals that the parent of the tests ignores."""
    os.setsid()
    for signum in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTSTP):
        signal.signal(signum, signal.SIG_DFL)


def _set_controlling_terminal():
    _start_session()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)

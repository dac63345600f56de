"""Forks a daemon, and reports its start to the process that launched it."""

from __future__ import annotations

import os
import sys

from gaffer_kernel.errors import GafferError

_READY = b"\0"


class Launcher:
    """The process that launched this daemon and waits for the outcome of its start."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def ready(self, text: str = "") -> bool:
        """Report success; return False if the launching process no longer waits.

        Args:
            text: printed there on standard output.
        """
        return self._send(_READY + text.encode(errors="backslashreplace"))

    def failed(self, reason: str) -> bool:
        """Report a failure; return False if the launching process no longer waits."""
        return self._send(reason.encode(errors="backslashreplace"))

    def _send(self, message: bytes) -> bool:
        pipe, self._pipe = self._pipe, -1
        if pipe < 0:
            return False
        try:
            os.write(pipe, message)
        except BrokenPipeError:
            return False
        finally:
            os.close(pipe)
        return True


def daemonize() -> Launcher | None:
    """Become a daemon: a new session, umask 022, stdin, stdout and stderr on /dev/null.

    The working directory stays the same, so that relative paths remain valid. Call it before
    anything exists that fork(2) does not copy: threads, trio, a file lock.

    Returns:
        In the daemon, the launcher: call `ready` or `failed` of it. In the launching process None,
        once the daemon is ready.

    Raises:
        GafferError: in the launching process: the daemon failed, with its reason.
    """
    reader, writer = os.pipe()
    # Buffered text would be written by both processes.
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()
    child = os.fork()
    if child:
        os.close(writer)
        os.waitpid(child, 0)
        _wait(reader)
        return None
    os.close(reader)
    launcher = Launcher(writer)
    os.setsid()
    _fork_again(launcher)
    os.umask(0o022)
    _detach_stdio()
    return launcher


def _wait(pipe: int) -> None:
    with open(pipe, "rb") as report:
        message = report.read()
    if not message.startswith(_READY):
        raise GafferError(
            message.decode(errors="replace") or "the daemon ended before it was ready"
        )
    print(message.removeprefix(_READY).decode(errors="replace"), end="")


def _fork_again(launcher: Launcher) -> None:
    """Fork a second time: a process that is not a session leader gets no controlling terminal."""
    try:
        child = os.fork()
    except OSError as error:
        launcher.failed(f"cannot fork: {error.strerror}")
        os._exit(1)
    if child:
        os._exit(0)


def _detach_stdio() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    os.close(null)

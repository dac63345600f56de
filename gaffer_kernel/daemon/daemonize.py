"""Going to the background, and telling the process that stays in front how it went."""

from __future__ import annotations

import os
import sys

from gaffer_kernel.errors import GafferError

_READY = b"\0"


class Launcher:
    """The process that launched this daemon and waits to hear of it."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def ready(self) -> bool:
        """Let it end with success; False when it has not waited."""
        return self._tell(_READY)

    def failed(self, reason: str) -> bool:
        """Let it end with a failure; False when it has not waited, or was told before."""
        return self._tell(reason.encode(errors="backslashreplace"))

    def _tell(self, message: bytes) -> bool:
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
    """Go on as a daemon: in a session of its own, umask 022, stdin, stdout and stderr on /dev/null.

    The working directory stays: paths that are relative to it stay right. To be called before there
    is anything that a fork does not take along: threads, trio, a lock on a file.

    Returns:
        In the daemon, the launcher, which has to be told `ready` or `failed`. In the launching
        process None, once the daemon is ready.

    Raises:
        GafferError: in the launching process: the daemon failed; with its reason.
    """
    heard, told = os.pipe()
    # What is in the buffers would be written twice.
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()
    child = os.fork()
    if child:
        os.close(told)
        os.waitpid(child, 0)
        _wait(heard)
        return None
    os.close(heard)
    launcher = Launcher(told)
    os.setsid()
    _fork_again(launcher)
    os.umask(0o022)
    _detach_stdio()
    return launcher


def _wait(pipe: int) -> None:
    with open(pipe, "rb") as report:
        said = report.read()
    if said != _READY:
        raise GafferError(said.decode(errors="replace") or "the daemon ended before it was ready")


def _fork_again(launcher: Launcher) -> None:
    """Leave the place of the session's leader: only a leader can be given a terminal."""
    try:
        child = os.fork()
    except OSError as error:
        launcher.failed(f"no second fork: {error.strerror}")
        os._exit(1)
    if child:
        os._exit(0)


def _detach_stdio() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    os.close(null)

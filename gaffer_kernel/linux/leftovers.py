"""Processes that an earlier gafferd left running, because it was killed.

The mark in their environment names the gafferd that started them and the configuration of that one:
`INSTANCE.CONFIGURATION.PID.START:NUMBER`. They are leftovers of this configuration if that process
is gone, and if they are in this pid namespace: in another one its number means nothing.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import trio

from gaffer_kernel.linux.orphans import DETACHED
from gaffer_kernel.linux.procfs import ProcessIdentity, describe_command, identify, read_environ

log = logging.getLogger(__name__)

SCAN_INTERVAL = 0.1
"""Seconds between two scans of all processes while leftovers are being ended."""
STOP_TIMEOUT = 10.0
"""Seconds between SIGTERM and SIGKILL."""
KILL_TIMEOUT = 5.0
"""Seconds for which SIGKILL is sent again and again."""
MAX_NAMED = 20
"""Leftovers that are logged one by one."""


class Leftover(NamedTuple):
    """A process of an earlier gafferd.

    Attributes:
        os_pid: its number.
        start_ticks: when it was born, as in `current_ticks`.
        job: the shown name and number of its instance: `web.1`.
        command: its command line, shortened.
    """

    os_pid: int
    start_ticks: int
    job: str
    command: str


def make_origin(path: Path) -> str:
    """Return the part of a mark that names a configuration of this user.

    Args:
        path: the configuration file.
    """
    text = f"{os.geteuid()} {os.path.realpath(path)}"
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:12]


def make_instance(origin: str | None) -> str:
    """Return a new beginning of marks, for this process.

    Args:
        origin: names the configuration; None without one: what this process leaves behind is not
            found again then.
    """
    token = secrets.token_hex(4)
    own = identify(os.getpid()) if origin is not None else None
    return token if own is None else f"{token}.{origin}.{os.getpid()}.{own.start_ticks}"


def find_leftovers(origin: str) -> list[Leftover]:
    """Find the leftovers of a configuration, except this process and its ancestors.

    It reads all of /proc, which blocks for some milliseconds.

    Args:
        origin: names the configuration.

    Raises:
        OSError: no descriptor or memory is left; see `is_shortage`.
    """
    spared = _list_ancestors()
    namespace = _read_namespace("self")
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) in spared:
            continue
        identity = identify(int(name))
        if identity is None or identity.is_zombie or not _is_leftover(identity, origin):
            continue
        if _read_namespace(name) == namespace:
            found.append(_describe(int(name), identity))
    return found


def warn_of_leftovers(origin: str) -> None:
    """Log the leftovers of a configuration."""
    try:
        found = find_leftovers(origin)
    except (OSError, MemoryError) as error:
        log.warning("cannot look for processes of an earlier gafferd: %s", error)
        return
    for each in found[:MAX_NAMED]:
        log.warning(
            "%s: os pid %d (%s) of an earlier gafferd still runs, and is not supervised: stop it,"
            " or start gafferd with --orphans kill",
            *(each.job, each.os_pid, each.command),
        )
    if len(found) > MAX_NAMED:
        log.warning("%d more processes of an earlier gafferd run", len(found) - MAX_NAMED)


async def end_leftovers(origin: str, stop_timeout: float = STOP_TIMEOUT) -> None:
    """End the leftovers of a configuration: SIGTERM, then SIGKILL. Logs each.

    Args:
        origin: names the configuration.
        stop_timeout: seconds between the two signals.

    If cancelled, some may still run.
    """
    signalled: set[int] = set()
    kill_at = trio.current_time() + stop_timeout
    while found := find_leftovers(origin):
        if trio.current_time() >= kill_at + KILL_TIMEOUT:
            pids = ", ".join(str(each.os_pid) for each in found)
            log.error("processes of an earlier gafferd cannot be ended: os pids %s", pids)
            return
        if trio.current_time() >= kill_at:
            _signal(found, signal.SIGKILL)
        else:
            _terminate([each for each in found if each.os_pid not in signalled])
            signalled |= {each.os_pid for each in found}
        await trio.sleep(SCAN_INTERVAL)


def _terminate(found: Sequence[Leftover]) -> None:
    for each in found:
        log.warning(
            "%s: os pid %d (%s) of an earlier gafferd still runs: sent SIGTERM",
            *(each.job, each.os_pid, each.command),
        )
    _signal(found, signal.SIGTERM)
    # A process in SIGSTOP could not handle SIGTERM.
    _signal(found, signal.SIGCONT)


def _signal(found: Sequence[Leftover], signum: int) -> None:
    for each in found:
        # ESRCH: gone. EPERM: it runs as another user by now.
        with suppress(ProcessLookupError, PermissionError), _opened(each.os_pid) as pidfd:
            identity = identify(each.os_pid)
            # The number may have been reused since the scan, but not since the pidfd was opened.
            if identity is not None and identity.start_ticks == each.start_ticks:
                signal.pidfd_send_signal(pidfd, signum)


@contextmanager
def _opened(pid: int) -> Iterator[int]:
    pidfd = os.pidfd_open(pid)
    try:
        yield pidfd
    finally:
        os.close(pidfd)


def _is_leftover(identity: ProcessIdentity, origin: str) -> bool:
    return any(_is_left_by_dead(mark, origin) for mark in (identity.marks or "").split())


def _is_left_by_dead(mark: str, origin: str) -> bool:
    """Return whether a mark is that of a process of this configuration whose gafferd is gone."""
    instance, _, _ = mark.partition(":")
    parts = instance.split(".")
    if len(parts) != 4 or parts[1] != origin or mark.endswith(DETACHED):
        return False
    pid, start_ticks = parts[2:]
    if not pid.isdecimal():
        return False
    gafferd = identify(int(pid))
    return gafferd is None or gafferd.is_zombie or str(gafferd.start_ticks) != start_ticks


def _list_ancestors() -> set[int]:
    """Return this process and those above it: a job may have started this gafferd."""
    found = set()
    pid = os.getpid()
    while pid and pid not in found:
        found.add(pid)
        try:
            status = Path(f"/proc/{pid}/stat").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            break
        pid = int(status.rpartition(b")")[2].split()[1])
    return found


def _read_namespace(process: str) -> str | None:
    """Return the pid namespace of a process; None if it is gone, or may not be inspected."""
    try:
        return os.readlink(f"/proc/{process}/ns/pid")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def _describe(pid: int, identity: ProcessIdentity) -> Leftover:
    environ = read_environ(pid)
    job, session = environ.get("GAFFER_JOB", "?"), environ.get("GAFFER_SESSION", "default")
    shown = job if session == "default" else f"{session}.{job}"
    number = environ.get("GAFFER_NUMBER")
    name = f"{shown}.{number}" if number else shown
    return Leftover(pid, identity.start_ticks, name, describe_command(pid))

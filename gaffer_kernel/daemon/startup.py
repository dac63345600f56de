"""The report of a start (pid, addresses, pid file), and the default pid file of a daemon."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from gaffer_kernel.daemon.log import describe_log
from gaffer_kernel.daemon.pidfile import PidFile
from gaffer_kernel.errors import GafferError
from gaffer_kernel.kernel import Kernel

log = logging.getLogger(__name__)

FOLDER = "~/.gaffer"
"""The folder of the default pid file; created with mode 0700."""


def get_addresses(kernel: Kernel) -> list[str]:
    """Return where plugins listen: the attribute `addresses` of each service that has one."""
    found = (getattr(service, "addresses", ()) for service in kernel.services.values())
    return [each for addresses in found for each in addresses if isinstance(each, str)]


def take_default_pidfile(program: str, addresses: Sequence[str]) -> PidFile | None:
    """Lock and write the pid file of a daemon for which none was named.

    It is called `gafferd-PORT.pid`, by the first port of `addresses`, or `gafferd.pid` without one.

    Returns:
        The file; None if it cannot be used, which is logged: the daemon runs without it.
    """
    ports = (port for each in addresses if (port := _get_port(each)) is not None)
    port = next(ports, None)
    folder = Path(os.path.expanduser(FOLDER))
    path = folder / (f"{program}.pid" if port is None else f"{program}-{port}.pid")
    file = PidFile(path)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        file.take()
    except GafferError as error:
        log.warning("%s: running without a pid file: name another with --pidfile", error)
        return None
    except OSError as error:
        log.warning("pid file %s: %s: running without a pid file", path, error.strerror)
        return None
    return file


def describe_daemon(addresses: Sequence[str], pidfile: Path | None) -> str:
    """Describe this process in a line: pid, addresses, pid file."""
    parts = [f"pid {os.getpid()}", *addresses]
    if pidfile is not None:
        parts.append(f"pid file {pidfile}")
    return ", ".join(parts)


def describe_start(
    program: str, distribution: str, kernel: Kernel, addresses: Sequence[str]
) -> str:
    """Describe a program on a terminal, in two lines."""
    from importlib_metadata import version

    jobs = len(kernel.manager.jobs())
    count = f"{jobs or 'no'} job{'' if jobs == 1 else 's'}"
    where = ", ".join(addresses) or "no address"
    first = f"{program} {version(distribution)}, pid {os.getpid()}: {where}, {count}"
    return f"{first}\n{describe_log()}; Ctrl-C stops it"


def _get_port(address: str) -> int | None:
    try:
        return urlsplit(address).port
    except ValueError:
        return None

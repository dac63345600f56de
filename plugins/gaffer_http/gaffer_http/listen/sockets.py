"""The sockets that listen: made before anything is served, so that a busy port ends the start."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gaffer_kernel import GafferError

from gaffer_http.listen.address import Address, TcpAddress, UnixAddress
from gaffer_http.listen.endpoints import Endpoint

STALLED_AFTER = 30_000
"""Milliseconds after which the system gives up a peer that takes nothing more, or is gone."""

QUIET = 15
"""Seconds of silence after which the system asks whether a peer is still there."""

ASK_AGAIN = 5
"""Seconds until it asks again, as long as there is no answer."""


@dataclass(frozen=True, slots=True)
class Listening:
    """A socket that accepts connections.

    Attributes:
        endpoint: whose rules hold for them.
        socket: not blocking; whoever opened it closes it.
        url: what to tell people: `http://127.0.0.1:5000`, `http+unix:/run/gaffer.sock`.
    """

    endpoint: Endpoint
    socket: socket.socket
    url: str

    def __str__(self) -> str:
        """The URL, and what callers must show there."""
        note = self.endpoint.auth_note
        return f"{self.url} ({note})" if note else self.url


@contextmanager
def listening(endpoints: Iterable[Endpoint]) -> Iterator[list[Listening]]:
    """Listen on every address of every endpoint as long as the block lasts.

    Leaving the block closes the sockets and removes the files of unix ones.

    Raises:
        GafferError: an address cannot be had; nothing listens then.
    """
    with ExitStack() as stack:
        yield [
            Listening(endpoint, sock, _url(endpoint, sock))
            for endpoint in endpoints
            for sock in _open_all(endpoint, stack)
        ]


def _open_all(endpoint: Endpoint, stack: ExitStack) -> list[socket.socket]:
    sockets = []
    for address in endpoint.addresses:
        try:
            sockets.append(stack.enter_context(_open(address, endpoint)))
        except OSError as error:
            raise _failure(endpoint, address, error) from error
    return sockets


def _failure(endpoint: Endpoint, address: Address, error: OSError) -> GafferError:
    reason = error.strerror or str(error)
    if error.errno == errno.EADDRINUSE:
        reason = "another program listens there"
    return GafferError(f"endpoint {endpoint.name}: cannot listen on {address}: {reason}")


@contextmanager
def _open(address: Address, endpoint: Endpoint) -> Iterator[socket.socket]:
    match address:
        case UnixAddress():
            opening = _unix(address, endpoint.mode)
        case TcpAddress():
            opening = _tcp(address)
    with opening as sock:
        sock.setblocking(False)
        sock.listen(endpoint.backlog)
        yield sock


@contextmanager
def _tcp(address: TcpAddress) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if address.ip.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # What is accepted inherits it: a peer that vanished or never reads is given up. The system
        # asks, not we by pings: a program that is only busy for a while need not answer.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_AFTER)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, QUIET)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, ASK_AGAIN)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((str(address.ip), address.port))
        yield sock


@contextmanager
def _unix(address: UnixAddress, mode: int) -> Iterator[socket.socket]:
    path = address.path
    _remove_stale(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        # On Linux the file is made with the mode of the socket: 0600 from its first instant, and
        # no other thread's files are touched, as with umask.
        os.fchmod(sock.fileno(), 0o600)
        sock.bind(str(path))
        ours = path.lstat()
        try:
            # The umask would have taken bits away from it.
            path.chmod(mode)
            yield sock
        finally:
            _remove_own(path, ours)


def _remove_stale(path: Path) -> None:
    """Remove the socket of a program that is gone; leave everything else, for `bind` to refuse."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        # Not blocking: a program with a full backlog is alive, too.
        probe.setblocking(False)
        if probe.connect_ex(str(path)) == errno.ECONNREFUSED:
            path.unlink(missing_ok=True)


def _remove_own(path: Path, ours: os.stat_result) -> None:
    try:
        # A successor may have put its own socket there.
        if os.path.samestat(path.lstat(), ours):
            path.unlink()
    except FileNotFoundError:
        pass


def _url(endpoint: Endpoint, sock: socket.socket) -> str:
    scheme = "https" if endpoint.tls else "http"
    name = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        return f"{scheme}+unix:{name}"
    host = f"[{name[0]}]" if sock.family == socket.AF_INET6 else name[0]
    return f"{scheme}://{host}:{name[1]}"

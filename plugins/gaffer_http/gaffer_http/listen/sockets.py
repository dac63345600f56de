"""The listening sockets: opened before anything is served, so that a busy port ends the start."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from gaffer_kernel import GafferError

from gaffer_http.listen.address import Address, TcpAddress, UnixAddress
from gaffer_http.listen.endpoints import Endpoint
from gaffer_http.listen.holder import describe_holder
from gaffer_http.listen.loopback import (
    exists,
    is_served,
    other_loopback,
    pair_ports,
    stop_listening,
)

USER_TIMEOUT_MS = 30_000
"""Milliseconds after which the system gives up a peer that takes nothing, or is gone
(TCP_USER_TIMEOUT)."""

KEEPALIVE_IDLE = 15
"""Seconds of silence before the system probes whether a peer is still there (TCP_KEEPIDLE)."""

KEEPALIVE_INTERVAL = 5
"""Seconds until the next probe, while there is no answer (TCP_KEEPINTVL)."""

MAX_TRIES = 100
"""Ports to try for port 0, until one is free on both loopback addresses."""


@dataclass(frozen=True, slots=True)
class Listening:
    """A socket that accepts connections.

    Attributes:
        endpoint: whose settings apply to them.
        socket: not blocking; the code that opened it closes it.
        url: the URL for people: `http://127.0.0.1:5000`, `http+unix:/run/gaffer.sock`.
    """

    endpoint: Endpoint
    socket: socket.socket
    url: str

    def __str__(self) -> str:
        """Return the URL, and what callers must show there."""
        note = self.endpoint.auth_note
        return f"{self.url} ({note})" if note else self.url


@contextmanager
def listening(endpoints: Iterable[Endpoint]) -> Iterator[list[Listening]]:
    """Listen on every address of every endpoint while the block lasts.

    A port on 127.0.0.1 or [::1] is taken on the other one as well: see `listen.loopback`. Leaving
    the block closes the sockets and removes the files of unix ones.

    Raises:
        GafferError: an address is not available; nothing listens then.
    """
    endpoints = list(endpoints)
    served = [address for endpoint in endpoints for address in endpoint.addresses]
    with ExitStack() as stack:
        yield [
            Listening(endpoint, sock, _url(endpoint, sock))
            for endpoint in endpoints
            for sock in _Opener(endpoint, served, stack).open_all()
        ]


class _Opener:
    """Opens the sockets of one endpoint.

    Args:
        endpoint: which.
        served: the addresses of all endpoints.
        stack: closes the sockets.
    """

    def __init__(self, endpoint: Endpoint, served: list[Address], stack: ExitStack) -> None:
        self._endpoint = endpoint
        self._served = served
        self._stack = stack

    def open_all(self) -> list[socket.socket]:
        """Open all sockets; those that are only held are not returned."""
        addresses = self._endpoint.addresses
        pairs = pair_ports(addresses)
        found: dict[int, list[socket.socket]] = {}
        for index, address in enumerate(addresses):
            if index in pairs:
                first, second = self._open_both(address, other_loopback(address), hold=False)
                found[index], found[pairs[index]] = [first], second
            elif index not in found:
                other = self._missing_twin(address)
                hold = not self._endpoint.both_loopbacks
                first, second = self._open_both(address, other, hold=hold)
                found[index] = [first] if hold else [first, *second]
        return [sock for index in range(len(addresses)) for sock in found[index]]

    def _missing_twin(self, address: Address) -> TcpAddress | None:
        other = other_loopback(address)
        if other is None or not exists(other) or (other.port and is_served(other, self._served)):
            return None
        return other

    def _open_both(
        self, address: Address, other: TcpAddress | None, *, hold: bool
    ) -> tuple[socket.socket, list[socket.socket]]:
        """Open an address and, on the same port, its other loopback address if there is one."""
        tries = MAX_TRIES if other is not None and other.port == 0 else 1
        while True:
            tries -= 1
            with ExitStack() as attempt:
                first = self._open(address, attempt)
                second = []
                if other is not None:
                    other = replace(other, port=first.getsockname()[1])
                    try:
                        second.append(attempt.enter_context(_open(other, self._endpoint)))
                    except OSError as error:
                        if error.errno == errno.EADDRINUSE and tries:
                            continue
                        raise _failure(self._endpoint, other, error) from error
                    if hold:
                        stop_listening(second[0])
                self._stack.push(attempt.pop_all())
                return first, second

    def _open(self, address: Address, stack: ExitStack) -> socket.socket:
        try:
            return stack.enter_context(_open(address, self._endpoint))
        except OSError as error:
            raise _failure(self._endpoint, address, error) from error


def _failure(endpoint: Endpoint, address: Address, error: OSError) -> GafferError:
    subject = f"endpoint {endpoint.name}: cannot listen on {address}"
    if error.errno == errno.EACCES and isinstance(address, TcpAddress) and address.port < 1024:
        # ip(7): net.ipv4.ip_unprivileged_port_start
        remedy = "bind port 1024 or higher, or give gafferd CAP_NET_BIND_SERVICE"
        return GafferError(f"{subject}: {error.strerror}: {remedy}")
    if error.errno != errno.EADDRINUSE:
        return GafferError(f"{subject}: {error.strerror or error}")
    if isinstance(address, UnixAddress):
        return GafferError(f"{subject}: another program listens there")
    # The configuration does not name this address: say why it matters.
    why = "" if address in endpoint.addresses else f" (localhost, like {other_loopback(address)})"
    return GafferError(f"{subject}{why}: {describe_holder(address)}: stop it or bind another port")


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
        # Accepted sockets inherit these options: a peer that vanished or never reads is given up.
        # The system probes, not a websocket ping: a client that is only busy need not answer.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((str(address.ip), address.port))
        yield sock


@contextmanager
def _unix(address: UnixAddress, mode: int) -> Iterator[socket.socket]:
    path = address.path
    _remove_stale(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        _bind_with_mode(sock, path, mode)
        ours = path.lstat()
        try:
            yield sock
        finally:
            _remove_own(path, ours)


def _bind_with_mode(sock: socket.socket, path: Path, mode: int) -> None:
    """Bind a unix socket whose file has its mode from the start.

    A later chmod(2) by path could be redirected by a user who can write the directory. On Linux the
    file gets the mode of the socket without the bits of the umask, which must therefore contain
    none of them. The umask is that of all threads: a file that another thread creates meanwhile
    gets at most the bits of `mode`.
    """
    os.fchmod(sock.fileno(), mode)
    before = os.umask(0o777 & ~mode)
    try:
        sock.bind(str(path))
    finally:
        os.umask(before)


def _remove_stale(path: Path) -> None:
    """Remove the socket of a program that has exited; keep anything else, so that bind(2) fails."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        # Not blocking: a program with a full backlog (EAGAIN) is running, too.
        probe.setblocking(False)
        if probe.connect_ex(str(path)) == errno.ECONNREFUSED:
            path.unlink(missing_ok=True)


def _remove_own(path: Path, ours: os.stat_result) -> None:
    try:
        # A successor may have created its own socket there.
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

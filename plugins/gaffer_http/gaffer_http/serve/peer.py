"""The peer of a connection: the user whose program is connected, or an address."""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Network, ip_address
from pathlib import Path

import trio

from gaffer_http.serve.containers import is_unconfined, is_unconfined_socket, overflow_uid
from gaffer_http.sock_diag import (
    CLOSE_WAIT,
    ESTABLISHED,
    FIN_WAIT1,
    FIN_WAIT2,
    Ends,
    TcpSocket,
    find_connection,
)

log = logging.getLogger(__name__)

_UCRED = struct.Struct("=iII")
_SO_PEERPIDFD = 77
"""Since Linux 6.5."""

_LIVE = frozenset({ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT})
"""States in which a program can still be connected, even if one half is shut down."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection.

    Attributes:
        uid: the user; None if unknown, as for another machine or a container.
        pid: the process, of a unix socket; None otherwise.
        address: of the other machine; None within this one.
        note: a description if the user is unknown.
    """

    uid: int | None
    pid: int | None = None
    address: str | None = None
    note: str | None = None

    def __str__(self) -> str:
        if self.uid is not None:
            return f"user {self.uid}"
        return self.address or self.note or "an unknown user"

    @property
    def group(self) -> str:
        """The name that limits count by: the user, the IPv4 address, or the /64 network of IPv6.

        A single machine can use every address of its /64.
        """
        if self.uid is not None or self.address is None:
            return str(self)
        address = ip_address(self.address.partition("%")[0])
        if isinstance(address, IPv4Address):
            return str(address)
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(IPv6Network((address.packed, 64), strict=False))


def get_peer(sock: socket.socket | trio.socket.SocketType) -> Peer:
    """Look up the peer of a connection. Takes a fraction of a millisecond and waits for nothing.

    Works for unix sockets and for TCP over loopback; any other connection only has an address.
    Never raises: if the user is unknown, also because the other end has disconnected already, the
    Peer has no uid. A program in a container has no uid if it appears as root or as our own user,
    nor has one that appears as the overflow uid inside a user namespace.
    """
    try:
        if sock.family == socket.AF_UNIX:
            return _unix_peer(sock)
        address = sock.getpeername()[0]
        if not ip_address(address.partition("%")[0]).is_loopback:
            return Peer(None, address=address)
        return _tcp_peer(_ends(sock))
    except (OSError, ValueError, struct.error) as error:
        log.debug("cannot identify the peer: %s", error)
        return Peer(None)


def _unix_peer(sock: socket.socket | trio.socket.SocketType) -> Peer:
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, _ = _UCRED.unpack(credentials)
    if uid == overflow_uid():
        return Peer(None, pid)
    if _counts(uid) and not _is_unconfined(sock, pid, uid):
        return _confined(uid, pid)
    return Peer(uid, pid)


def _is_unconfined(sock: socket.socket | trio.socket.SocketType, pid: int, uid: int) -> bool:
    # A process of a pid namespace that we cannot see has the pid 0.
    if pid <= 0:
        return False
    try:
        pidfd = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD)
    except OSError as error:
        # Older kernels do not know the option (ENOPROTOOPT); any other error means that the process
        # has exited.
        return error.errno == errno.ENOPROTOOPT and is_unconfined(pid, uid)
    try:
        found = is_unconfined(pid, uid)
        with suppress(PermissionError):
            # The process still exists, so no other process can have got its pid in between.
            signal.pidfd_send_signal(pidfd, 0)
    except ProcessLookupError:
        return False
    finally:
        os.close(pidfd)
    return found


def _tcp_peer(ends: Ends) -> Peer:
    try:
        found = find_connection(ends)
    except OSError:
        # Not every container has sock_diag; the file is slower, but always exists.
        found = _read_proc(ends)
    # A connection that its program has closed remains without an inode, with the uid 0.
    if found.inode == 0 or found.state not in _LIVE:
        raise OSError(errno.ENOTCONN, "the other end is closed")
    if found.uid == overflow_uid():
        return Peer(None)
    if _counts(found.uid) and not is_unconfined_socket(found):
        return _confined(found.uid)
    return Peer(found.uid)


def _counts(uid: int) -> bool:
    """Return whether a uid could be that of an owner: no other uid gives permissions."""
    return uid in (0, os.geteuid())


def _confined(uid: int, pid: int | None = None) -> Peer:
    return Peer(None, pid, note=f"user {uid} of a container")


def _ends(sock: socket.socket | trio.socket.SocketType) -> Ends:
    (source, source_port, *_), (target, target_port, *_) = sock.getpeername(), sock.getsockname()
    pack = socket.inet_pton
    family = sock.family
    return Ends(family, pack(family, source), source_port, pack(family, target), target_port)


def _read_proc(ends: Ends) -> TcpSocket:
    """Find the peer's socket in the list of all connections, which has no cgroups."""
    name = "tcp6" if ends.family == socket.AF_INET6 else "tcp"
    wanted = [_in_hex(ends.source, ends.source_port), _in_hex(ends.target, ends.target_port)]
    for line in Path("/proc/net", name).read_text().splitlines():
        fields = line.split()
        if fields[1:3] == wanted:
            state, uid, inode = int(fields[3], 16), int(fields[7]), int(fields[9])
            return TcpSocket(ends.family, ends.source, state, uid, inode)
    raise OSError(errno.ENOENT, "no such connection")


def _in_hex(address: bytes, port: int) -> str:
    words = struct.unpack(f"={len(address) // 4}I", address)
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"

"""Who is at the other end of a connection: which user's program, or which address."""

from __future__ import annotations

import errno
import logging
import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Network, ip_address
from pathlib import Path

import trio

log = logging.getLogger(__name__)

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_NLMSG_ERROR = 2
_ALL_STATES = 0xFFFFFFFF
_NO_COOKIE = b"\xff" * 8

_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI")
_UCRED = struct.Struct("=iII")
_PORTS = slice(20, 24)
_UID_AND_INODE = struct.Struct("=80x I I")
_ERRNO = struct.Struct("=16x i")


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end.

    Attributes:
        uid: the user; None when that could not be told, as of another machine.
        pid: the process, of a unix socket; None otherwise.
        address: of the other machine; None within this one.
    """

    uid: int | None
    pid: int | None = None
    address: str | None = None

    def __str__(self) -> str:
        if self.uid is not None:
            return f"user {self.uid}"
        return self.address or "an unknown user"

    @property
    def group(self) -> str:
        """What limits count by: the user, the IPv4 address, or the /64 network of IPv6.

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


def peer_of(sock: socket.socket | trio.socket.SocketType) -> Peer:
    """Look up who made a connection. Takes a fraction of a millisecond and waits for nothing.

    Works for unix sockets and for TCP over loopback; of any other connection only the address is
    told. Never raises: when it cannot be told,
    also because the other end is gone already, the Peer has no uid.
    """
    try:
        if sock.family == socket.AF_UNIX:
            credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
            pid, uid, _ = _UCRED.unpack(credentials)
            return Peer(uid, pid)
        address = sock.getpeername()[0]
        if not ip_address(address.partition("%")[0]).is_loopback:
            return Peer(None, address=address)
        return Peer(_tcp_uid(_Ends.of(sock)))
    except (OSError, struct.error) as error:
        log.debug("cannot tell who connected: %s", error)
        return Peer(None)


@dataclass(frozen=True, slots=True)
class _Ends:
    """A TCP connection inside this machine, seen from the other end: `source` is the peer's."""

    family: int
    source: bytes
    source_port: int
    target: bytes
    target_port: int

    @classmethod
    def of(cls, sock: socket.socket | trio.socket.SocketType) -> _Ends:
        (source, source_port, *_), (target, target_port, *_) = (
            sock.getpeername(),
            sock.getsockname(),
        )
        pack = socket.inet_pton
        family = sock.family
        return cls(family, pack(family, source), source_port, pack(family, target), target_port)


def _tcp_uid(ends: _Ends) -> int:
    try:
        uid, inode = _ask_kernel(ends)
    except OSError:
        # Not every container has this part of the kernel; the file is slower, and always there.
        uid, inode = _read_proc(ends)
    # A connection that its program has closed lingers without an inode, and belongs to "user 0".
    if inode == 0:
        raise OSError(errno.ENOTCONN, "the other end is closed")
    return uid


def _ask_kernel(ends: _Ends) -> tuple[int, int]:
    """The uid and the inode of the peer's socket, by netlink (sock_diag(7))."""
    ports = struct.pack("!HH", ends.source_port, ends.target_port)
    addresses = ends.source.ljust(16, b"\0") + ends.target.ljust(16, b"\0")
    request = _REQUEST.pack(ends.family, socket.IPPROTO_TCP, 0, 0, _ALL_STATES)
    request += ports + addresses + bytes(4) + _NO_COOKIE
    length = _HEADER.size + len(request)
    header = _HEADER.pack(length, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as netlink:
        netlink.sendto(header + request, (0, 0))
        answer = netlink.recv(8192, socket.MSG_DONTWAIT)
    _, kind, *_ = _HEADER.unpack_from(answer)
    if kind == _NLMSG_ERROR:
        (negative,) = _ERRNO.unpack_from(answer)
        raise OSError(-negative, "sock_diag")
    # With no such connection the kernel answers with a socket that listens on its port.
    if answer[_PORTS] != ports:
        raise OSError(errno.ENOENT, "sock_diag")
    uid, inode = _UID_AND_INODE.unpack_from(answer)
    return uid, inode


def _read_proc(ends: _Ends) -> tuple[int, int]:
    """The same, from the list of all connections."""
    name = "tcp6" if ends.family == socket.AF_INET6 else "tcp"
    wanted = [_in_hex(ends.source, ends.source_port), _in_hex(ends.target, ends.target_port)]
    for line in Path("/proc/net", name).read_text().splitlines():
        fields = line.split()
        if fields[1:3] == wanted:
            return int(fields[7]), int(fields[9])
    raise OSError(errno.ENOENT, "no such connection")


def _in_hex(address: bytes, port: int) -> str:
    words = struct.unpack(f"={len(address) // 4}I", address)
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"

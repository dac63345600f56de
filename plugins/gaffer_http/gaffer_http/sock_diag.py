"""Queries to the Linux kernel about TCP sockets of this machine (sock_diag(7))."""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_NLM_F_DUMP = 0x300
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_ALL_STATES = 0xFFFFFFFF
_NO_COOKIE = b"\xff" * 8
_CGROUP_ID = 21
"""INET_DIAG_CGROUP_ID, since Linux 5.9."""

_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI")
_MESSAGE = struct.Struct("=16x BB 2x 2s2s 16s16s 12x 12x II")
_ATTRIBUTE = struct.Struct("=HH")
_ERRNO = struct.Struct("=16x i")

ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT, LISTEN = 1, 4, 5, 8, 10
"""States of a TCP socket, as in the kernel's `tcp_states.h`."""


@dataclass(frozen=True, slots=True)
class TcpSocket:
    """The report of the operating system about one socket.

    Attributes:
        family: AF_INET or AF_INET6.
        ip: its own address, as bytes.
        state: `ESTABLISHED`, `LISTEN`...
        uid: of its owner, as seen from our user namespace.
        inode: 0 when no process holds it any longer.
        cgroup: the id of the cgroup it was created in; None if the kernel does not report it.
    """

    family: int
    ip: bytes
    state: int
    uid: int
    inode: int
    cgroup: int | None = None


@dataclass(frozen=True, slots=True)
class Ends:
    """A TCP connection inside this machine, seen from the other end: `source` is the peer's."""

    family: int
    source: bytes
    source_port: int
    target: bytes
    target_port: int

    def request(self) -> bytes:
        """Return the connection in the form of sock_diag."""
        ports = struct.pack("!HH", self.source_port, self.target_port)
        return ports + self.source.ljust(16, b"\0") + self.target.ljust(16, b"\0")


def find_connection(ends: Ends) -> TcpSocket:
    """Find the peer's socket of a connection.

    Raises:
        OSError: there is no such connection, or the kernel has no sock_diag.
    """
    with _netlink(ends.family, ends.request(), _NLM_F_REQUEST) as netlink:
        answer = netlink.recv(8192, socket.MSG_DONTWAIT)
    _check(answer)
    found, ports = _parse(answer)
    # If there is no such connection, the kernel answers with a socket that listens on its port.
    if ports != struct.pack("!HH", ends.source_port, ends.target_port):
        raise OSError(errno.ENOENT, "sock_diag")
    return found


def sockets_on_port(family: int, port: int) -> Iterator[TcpSocket]:
    """Find every socket with a local port, also those that are only bound (since Linux 6.8).

    Raises:
        OSError: the kernel has no sock_diag.
    """
    name = struct.pack("!HH", port, 0) + bytes(32)
    with _netlink(family, name, _NLM_F_REQUEST | _NLM_F_DUMP) as netlink:
        while True:
            answer = netlink.recv(65536, socket.MSG_DONTWAIT)
            while answer:
                length, kind, *_ = _HEADER.unpack_from(answer)
                if kind == _NLMSG_DONE:
                    return
                _check(answer)
                found, ports = _parse(answer[:length])
                # Linux reports all sockets that are only bound, whichever port is asked for.
                if ports[:2] == name[:2]:
                    yield found
                answer = answer[-(-length // 4) * 4 :]


def _netlink(family: int, name: bytes, flags: int) -> socket.socket:
    request = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, _ALL_STATES)
    request += name + bytes(4) + _NO_COOKIE
    header = _HEADER.pack(_HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, flags, 0, 0)
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
    try:
        netlink.sendto(header + request, (0, 0))
    except BaseException:
        netlink.close()
        raise
    return netlink


def _check(answer: bytes) -> None:
    _, kind, *_ = _HEADER.unpack_from(answer)
    if kind == _NLMSG_ERROR:
        (negative,) = _ERRNO.unpack_from(answer)
        raise OSError(-negative, "sock_diag")


def _parse(answer: bytes) -> tuple[TcpSocket, bytes]:
    family, state, local, remote, ip, _, uid, inode = _MESSAGE.unpack_from(answer)
    ip = ip[:4] if family == socket.AF_INET else ip
    cgroup = _cgroup(answer[_MESSAGE.size :])
    return TcpSocket(family, ip, state, uid, inode, cgroup), local + remote


def _cgroup(attributes: bytes) -> int | None:
    while len(attributes) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(attributes)
        if kind == _CGROUP_ID:
            return int.from_bytes(attributes[4:12], sys.byteorder)
        attributes = attributes[-(-max(length, 4) // 4) * 4 :]
    return None

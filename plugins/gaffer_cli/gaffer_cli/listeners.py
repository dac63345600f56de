"""The programs of this machine that listen on TCP ports, from /proc."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from gaffer_client.address import Address

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LISTEN = "0A"
_PEER_CREDENTIALS = struct.Struct("3i")
_CONNECT_TIMEOUT = 1.0


class Listener(NamedTuple):
    """A socket that listens: its port, the uid of its owner, and the inode of the socket."""

    port: int
    uid: int
    inode: int


def find_listeners() -> list[Listener]:
    """Return the sockets that listen on a TCP port of this machine, on any of its addresses."""
    found: list[Listener] = []
    for table in _TABLES:
        # A machine without IPv6 has no second table.
        with suppress(OSError):
            found += map(_parse, filter(_listens, _read_lines(table)))
    return found


def describe_holder(port: int) -> str:
    """Describe the program that listens on a port: `process 7 (nc) of user 1000`.

    Slow: it looks through the open files of every process that it may read.
    """
    found = [each for each in find_listeners() if each.port == port]
    pids = sorted({pid for each in found for pid in _find_pids(each.inode)})
    names = [f"process {pid} ({_get_program(pid)})" for pid in pids] or ["a program"]
    return " and ".join(names) + "".join(f" of user {each.uid}" for each in found[:1])


def find_gafferd_ports(address: Address) -> set[int]:
    """Return the ports on which a gafferd listens, as far as they can be seen from here.

    On this machine these are all ports of the process; on another one, the port of the address.
    """
    found = find_listeners()
    known = set() if address.socket is not None else {address.port}
    if address.socket is not None:
        pids = _get_socket_owner(address.socket)
    elif is_loopback(address.host):
        inodes = {each.inode for each in found if each.port == address.port}
        pids = {pid for inode in inodes for pid in _find_pids(inode)}
    else:
        return known
    sockets = {inode for pid in pids for inode in _get_sockets(pid)}
    return known | {each.port for each in found if each.inode in sockets}


def is_loopback(host: str) -> bool:
    """Return whether a host, a name or an IP address, is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _read_lines(table: str) -> list[list[str]]:
    return [line.split() for line in Path(table).read_text().splitlines()[1:]]


def _listens(fields: list[str]) -> bool:
    return fields[3] == _LISTEN


def _parse(fields: list[str]) -> Listener:
    return Listener(int(fields[1].rpartition(":")[2], 16), int(fields[7]), int(fields[9]))


def _get_socket_owner(path: str) -> set[int]:
    """Return the pid of the program that listens on a unix socket, if it can be reached."""
    with socket.socket(socket.AF_UNIX) as sock, suppress(OSError):
        sock.settimeout(_CONNECT_TIMEOUT)
        sock.connect(path)
        size = _PEER_CREDENTIALS.size
        credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        return {_PEER_CREDENTIALS.unpack(credentials)[0]} - {0}  # 0: in another pid namespace
    return set()


def _find_pids(inode: int) -> set[int]:
    pids = (int(each) for each in os.listdir("/proc") if each.isdecimal())
    return {pid for pid in pids if inode in _get_sockets(pid)}


def _get_sockets(pid: int) -> Iterator[int]:
    """Yield the inodes of the sockets that a process has open; none if we may not read them."""
    # ENOENT: the process has exited, or has closed the file; EACCES: it is of another user.
    with suppress(OSError), os.scandir(f"/proc/{pid}/fd") as entries:
        for entry in entries:
            with suppress(OSError):
                link = os.readlink(entry.path)
                if link.startswith("socket:["):
                    yield int(link[len("socket:[") : -1])


def _get_program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "?"

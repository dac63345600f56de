"""The program that listens on a TCP port, for error messages."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

from gaffer_http.listen.address import TcpAddress
from gaffer_http.procfs import holds_socket
from gaffer_http.sock_diag import LISTEN, TcpSocket, sockets_on_port


def describe_holder(address: TcpAddress) -> str:
    """Describe the program that holds an address: `process 7 (nc) of user 1000 listens there`.

    Slow: it looks through the open files of every process that it may read.
    """
    found = _find_holder(address)
    if found is None:
        return "another program listens there"
    processes = _processes(found.inode)
    name = " and ".join(processes) if processes else "a program"
    does = "listens there" if found.state == LISTEN else "has this port"
    return f"{name} of user {found.uid} {does}"


def _find_holder(address: TcpAddress) -> TcpSocket | None:
    candidates: list[TcpSocket] = []
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):
            candidates += sockets_on_port(family, address.port)
    # A connection that its program has closed has the inode 0.
    candidates = [each for each in candidates if each.inode]
    ours = address.ip.packed
    candidates = [each for each in candidates if each.ip == ours or not any(each.ip)]
    return min(candidates, key=lambda each: (each.state != LISTEN, each.ip != ours), default=None)


def _processes(inode: int) -> list[str]:
    return [
        f"process {process.name} ({_program(process)})"
        for process in Path("/proc").glob("[0-9]*")
        if holds_socket(process, inode)
    ]


def _program(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "?"

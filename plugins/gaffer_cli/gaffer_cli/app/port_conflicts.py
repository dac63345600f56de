"""PORT of processes: conflicts, ports of other programs, and the URLs of processes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from gaffer_client.address import Address

from gaffer_cli.exit_codes import CommandError
from gaffer_cli.invocation import Invocation
from gaffer_cli.listeners import (
    describe_holder,
    find_gafferd_ports,
    find_listeners,
    is_loopback,
)

if TYPE_CHECKING:
    from gaffer_procfile import Application
    from gaffer_procfile.ports import Ports

_LOOPBACK = "127.0.0.1"


def warn_port_conflicts(run: Invocation, ports: Iterable[Ports]) -> None:
    """Print a warning for each conflict. It is not an error: a worker may not use its PORT."""
    from gaffer_procfile.ports import find_port_conflicts

    for line in find_port_conflicts(ports):
        run.warn(f"warning: {line}")


def avoid_used_ports(app: Application) -> Application:
    """Return an application without processes whose PORT is used on this machine.

    Raises:
        CommandError: the first PORT is set, and another program listens there.
    """
    from gaffer_procfile.ports import find_taken_ports

    used = {each.port for each in find_listeners()}
    app = replace(app, used_ports=used)
    for process, port in find_taken_ports(app, used):
        raise CommandError(
            f"{process}: PORT {port} is in use: {describe_holder(port)} listens there: stop it, or"
            " give another port with -p"
        )
    return app


def avoid_gafferd_ports(app: Application, url: str) -> Application:
    """Return an application without processes whose PORT is one of gafferd's.

    Args:
        app: the application.
        url: the address of gafferd.

    Raises:
        CommandError: the first PORT is set, and gafferd listens there.
    """
    from gaffer_procfile.ports import find_taken_ports

    ports = find_gafferd_ports(Address.parse(url))
    app = replace(app, reserved_ports=ports)
    for process, port in find_taken_ports(app, ports):
        raise CommandError(
            f"{process}: PORT {port} is in use: gafferd listens there: give another port with -p"
        )
    return app


def get_host(url: str) -> str:
    """Return the host where the processes of a gafferd can be reached, from its address."""
    address = Address.parse(url)
    is_here = address.socket is not None or is_loopback(address.host)
    return _LOOPBACK if is_here else address.host

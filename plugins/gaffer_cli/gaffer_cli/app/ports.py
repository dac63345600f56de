"""Telling people of processes that get the same PORT."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gaffer_cli.invocation import Invocation

if TYPE_CHECKING:
    from gaffer_procfile.ports import Ports


def tell_clashes(run: Invocation, ports: Iterable[Ports]) -> None:
    """Warn, in a line each. It is no error: a worker may have no use for its PORT."""
    from gaffer_procfile.ports import find_port_conflicts

    for line in find_port_conflicts(ports):
        run.complain(f"warning: {line}")

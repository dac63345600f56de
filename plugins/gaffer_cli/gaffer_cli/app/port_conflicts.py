"""Warnings about processes that get the same PORT."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gaffer_cli.invocation import Invocation

if TYPE_CHECKING:
    from gaffer_procfile.ports import Ports


def warn_port_conflicts(run: Invocation, ports: Iterable[Ports]) -> None:
    """Print a warning for each conflict. It is not an error: a worker may not use its PORT."""
    from gaffer_procfile.ports import find_port_conflicts

    for line in find_port_conflicts(ports):
        run.warn(f"warning: {line}")

"""The process that has the standard input of gaffer."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from gaffer_kernel.plugin import Child, ChildListener, LinuxSystem, SpawnRequest

STDIN = 0


class InputOwner(NamedTuple):
    """An instance of a job: `web.1`."""

    job: str
    number: int


class ForegroundSystem(LinuxSystem):
    """The system of a program in the foreground: one instance inherits its standard input.

    The processes of all others read EOF, so that a program that asks for input does not hang.

    Args:
        owner: the instance; None for none.
    """

    def __init__(self, owner: InputOwner | None) -> None:
        super().__init__(own_process=True)
        self._owner = owner

    def spawn(self, request: SpawnRequest, listener: ChildListener) -> Child:
        """Start a process and watch it."""
        if self._owner is not None and _get_instance(request) == self._owner:
            request = replace(request, stdin=STDIN)
        return super().spawn(request, listener)


def _get_instance(request: SpawnRequest) -> tuple[str, int]:
    environ = request.environ
    return environ["GAFFER_JOB"], int(environ["GAFFER_NUMBER"])

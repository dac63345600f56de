"""Processes that only pretend."""

from __future__ import annotations

from gaffer_kernel.plugin import SpawnRequest
from gaffer_kernel.testing import FakeProcess, FakeSystem, Plan


class FakeProcesses(FakeSystem):
    """The system under the kernel of a test that asks for it.

    Attributes:
        plans: how they will live, by program; without a plan, until they are stopped.
        processes: those that are there, by os_pid.
    """

    def __init__(self) -> None:
        super().__init__(plan=self._plan_of)
        self.plans: dict[str, Plan] = {}

    def _plan_of(self, request: SpawnRequest) -> Plan:
        return self.plans.get(request.argv[0], Plan())

    def of(self, program: str) -> list[FakeProcess]:
        """Those of one program, the oldest first."""
        return [each for each in self.processes.values() if each.request.argv[0] == program]

"""Fake processes for tests."""

from __future__ import annotations

from gaffer_kernel.plugin import SpawnRequest
from gaffer_kernel.testing import FakeProcess, FakeSystem, Plan


class FakeProcesses(FakeSystem):
    """A fake system under the kernel of a test.

    Attributes:
        plans: the life of processes by program; without a plan they run until they are stopped.
        processes: the running processes by os_pid.
    """

    def __init__(self) -> None:
        super().__init__(plan=self._get_plan)
        self.plans: dict[str, Plan] = {}

    def _get_plan(self, request: SpawnRequest) -> Plan:
        return self.plans.get(request.argv[0], Plan())

    def by_program(self, program: str) -> list[FakeProcess]:
        """Return the processes of one program, the oldest first."""
        return [each for each in self.processes.values() if each.request.argv[0] == program]

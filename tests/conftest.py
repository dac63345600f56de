"""A kernel on a fake system and virtual time, and one on the real system: both with a recorder."""

from collections.abc import AsyncIterator

import pytest

from gaffer_kernel.kernel import Kernel, open_kernel
from gaffer_kernel.linux import LinuxSystem
from gaffer_kernel.testing import FakeSystem, Plan, Recorder


@pytest.fixture
def recorder() -> Recorder:
    """Keeps the events of the kernel under test."""
    return Recorder()


@pytest.fixture
def plans() -> dict[str, Plan]:
    """How fake processes live, by program: to be filled in by the test, at any time."""
    return {}


@pytest.fixture
def system(plans: dict[str, Plan]) -> FakeSystem:
    """The fake system under the fake kernel."""
    return FakeSystem(plan=lambda launch: plans.get(launch.argv[0], Plan()))


@pytest.fixture
async def kernel(
    autojump_clock: object, system: FakeSystem, recorder: Recorder
) -> AsyncIterator[Kernel]:
    """A kernel whose processes only pretend, on virtual time."""
    async with open_kernel(plugins=[recorder], system=system) as running:
        yield running


@pytest.fixture
async def real_kernel(recorder: Recorder) -> AsyncIterator[Kernel]:
    """A kernel embedded in this program: real processes, and no settings of ours changed."""
    async with open_kernel(plugins=[recorder], system=LinuxSystem()) as running:
        yield running

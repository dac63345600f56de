"""A kernel like that of gafferd, which changes settings of its own process."""

import ctypes
import resource
from collections.abc import AsyncIterator, Iterator

import pytest
from gaffer_testing.waiting import until

from gaffer_kernel.kernel import Kernel, open_kernel
from gaffer_kernel.linux import LinuxSystem
from gaffer_kernel.linux.orphans import PR_SET_CHILD_SUBREAPER
from tests.invariants import Ledger
from tests.real import branded, children


@pytest.fixture
def own_settings() -> Iterator[None]:
    """Restore what a kernel changes in its process."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.fixture
async def own_kernel(
    plugins: list[object], ledger: Ledger, brand: str, own_settings: None
) -> AsyncIterator[Kernel]:
    """A kernel like that of gafferd, which owns its process."""
    before = children()
    async with open_kernel(plugins=plugins, system=LinuxSystem(own_process=True)) as running:
        yield running
    ledger.check_over()
    await until(lambda: not branded(brand))
    assert children() == before

"""A kernel on a fake system and virtual time, and one on the real system: both with a recorder."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import trio
from gaffer_testing.waiting import until

from gaffer_kernel.events import Event
from gaffer_kernel.hookspecs import hookimpl
from gaffer_kernel.kernel import Kernel, open_kernel
from gaffer_kernel.linux import LinuxSystem
from gaffer_kernel.testing import FakeSystem, Plan, Recorder
from tests.invariants import Ledger
from tests.real import BRAND, Runner, branded, end_all


@pytest.fixture
def recorder() -> Recorder:
    """Keeps the events of the kernel under test."""
    return Recorder()


@pytest.fixture
def plans() -> dict[str, Plan]:
    """How fake processes live, by program; the test fills it, at any time."""
    return {}


@pytest.fixture
def system(plans: dict[str, Plan]) -> FakeSystem:
    """The fake system under the fake kernel."""
    return FakeSystem(plan=lambda request: plans.get(request.argv[0], Plan()))


class Adviser:
    """A plugin whose hooks return what the test sets, and which can call back during events."""

    def __init__(self) -> None:
        self.env: object = {}
        self.settings: object = None
        self.delay: object = None
        self.condition: object = None
        self.decides: object = None
        self.on_event: Callable[[Event], object] = lambda event: None

    @hookimpl
    def gaffer_process_env(self) -> object:
        return self.env

    @hookimpl
    def gaffer_spawn_settings(self) -> object:
        if isinstance(self.settings, BaseException):
            raise self.settings
        return self.settings

    @hookimpl
    def gaffer_start_condition(self) -> object:
        return self.condition

    @hookimpl
    def gaffer_readiness(self) -> object:
        return self.decides

    @hookimpl
    def gaffer_restart_delay(self) -> object:
        return self.delay

    @hookimpl
    def gaffer_event(self, event: Event) -> None:
        self.on_event(event)


@pytest.fixture
def adviser() -> Adviser:
    """The hooks of the kernel under test."""
    return Adviser()


@pytest.fixture
def ledger() -> Ledger:
    """Checks the events of the kernel under test."""
    return Ledger()


@pytest.fixture
def plugins(ledger: Ledger, recorder: Recorder, adviser: Adviser) -> list[object]:
    """The plugins of the kernel under test."""
    return [ledger, recorder, adviser]


@pytest.fixture
async def kernel(
    autojump_clock: object, system: FakeSystem, plugins: list[object], ledger: Ledger
) -> AsyncIterator[Kernel]:
    """A kernel with fake processes, on virtual time.

    pytest-trio takes the clock from the arguments of the test: it has to name `autojump_clock` too.
    """
    assert trio.lowlevel.current_clock() is autojump_clock, "name autojump_clock in the test"
    async with open_kernel(plugins=plugins, system=system) as running:
        yield running
    ledger.check_end(system)


@pytest.fixture
def brand(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A word in the environment of every process of this test; those left at its end are killed."""
    word = secrets.token_hex(8)
    monkeypatch.setenv(BRAND, word)
    yield word
    end_all(word)


@pytest.fixture
async def real_kernel(plugins: list[object], ledger: Ledger, brand: str) -> AsyncIterator[Kernel]:
    """A kernel embedded in this program: real processes, and no settings of ours changed."""
    async with open_kernel(plugins=plugins, system=LinuxSystem()) as running:
        yield running
    ledger.check_over()
    await until(lambda: not branded(brand))


@pytest.fixture
async def run(real_kernel: Kernel, recorder: Recorder, adviser: Adviser) -> Runner:
    """Runs programs on the real kernel."""
    runner = Runner(real_kernel, recorder)
    adviser.on_event = runner.heed
    return runner

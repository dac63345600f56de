"""The rules of restarts: which exits are followed by a restart, and after which delay."""

from math import inf

import pytest

from gaffer_kernel.jobs import restart
from gaffer_kernel.jobs.exits import ExitRecord
from gaffer_kernel.jobs.restart import Decision, RestartState
from gaffer_kernel.jobs.slots import Slot
from gaffer_kernel.names import JobName
from gaffer_kernel.testing import FakeSystem
from tests.fake_jobs import web

HALF = 0.5
"""The random number in the middle: a delay without jitter."""


def test_first_restart_follows_at_once():
    assert restart.backoff(0, web(), HALF) == 0.0


def test_backoff_doubles_up_to_the_maximum():
    delays = [restart.backoff(restarts, web(), HALF) for restarts in range(1, 12)]
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert delays == sorted(delays)
    assert delays[-1] == 10.0


def test_backoff_uses_the_delays_of_the_job():
    config = web(restart_delay="2s", restart_delay_max="5s")
    assert [restart.backoff(n, config, HALF) for n in range(5)] == [0, 2, 4, 5, 5]
    never_waits = web(restart_delay=0)
    assert restart.backoff(50, never_waits, HALF) == 0


@pytest.mark.parametrize("restarts", [100, 10_000, 2**70])
def test_backoff_stays_at_the_maximum_for_any_number_of_restarts(restarts):
    assert restart.backoff(restarts, web(), HALF) == 10.0


def test_jitter_is_a_tenth_in_both_directions():
    for restarts in range(1, 20):
        delay = restart.backoff(restarts, web(), HALF)
        assert restart.backoff(restarts, web(), 0.0) == pytest.approx(delay * 0.9)
        assert restart.backoff(restarts, web(), 1.0) == pytest.approx(delay * 1.1)


def test_busy_delay_is_short_but_not_zero():
    assert 0.1 < restart.busy_delay(0.0) < restart.busy_delay(1.0) <= 1.0


def record(exit_code: int | None = 1, term_signal: int = 0, uptime: float = 0.0) -> ExitRecord:
    return ExitRecord(1, at=uptime, uptime=uptime, exit_code=exit_code, term_signal=term_signal)


@pytest.mark.parametrize(
    ("rules", "exit_record", "rule"),
    [
        ({}, record(0), ""),
        ({}, record(3), ""),
        ({"restart": "never"}, record(0), "restart = never"),
        ({"restart": "never"}, record(3), "restart = never"),
        ({"restart": "never"}, record(None), "restart = never"),
        ({"restart": "on-failure"}, record(0), "restart = on-failure"),
        ({"restart": "on-failure"}, record(3), ""),
        ({"restart": "on-failure"}, record(0, 9), ""),
        ({"restart": "on-failure"}, record(None), ""),
        ({"restart": "on-failure", "success_codes": [3]}, record(3), "restart = on-failure"),
        ({"restart": "on-failure", "success_codes": [3]}, record(0), ""),
        ({"restart": "on-failure", "success_codes": []}, record(0), ""),
        ({"max_restarts": 5}, record(3), "max_restarts = 5"),
        ({"max_restarts": 6}, record(3), ""),
    ],
)
def test_rules_allow_or_forbid_the_sixth_restart(rules, exit_record, rule):
    assert restart.forbids_restart(web(**rules), 5, exit_record) == rule


def decide(state: RestartState, slot: Slot, exit_record: ExitRecord, **rules: object) -> Decision:
    return state.decide(slot, exit_record, web(**rules), lambda history: None)


@pytest.fixture
def state() -> RestartState:
    """The restarts of a job."""
    return RestartState(JobName("default", "web"), FakeSystem())


@pytest.mark.parametrize("uptime", [0.0, 1.1, 9.9])
def test_early_exits_back_off_alike_whatever_their_uptime(state, uptime):
    slot = Slot(1)
    delays = [decide(state, slot, record(uptime=uptime)).delay for _ in range(9)]
    assert delays[0] == 0
    assert delays[1:] == pytest.approx([0.1 * 2**n for n in range(7)] + [10], rel=0.1)


def test_a_life_of_healthy_after_resets_the_delays(state):
    slot = Slot(1)
    for _ in range(9):
        decide(state, slot, record(uptime=4.9), healthy_after=5)
    assert decide(state, slot, record(uptime=5.0), healthy_after=5).delay == 0
    assert decide(state, slot, record(uptime=0.0), healthy_after=5).delay < 0.2


def test_successful_exits_back_off_too(state):
    slot = Slot(1)
    delays = [decide(state, slot, record(0)).delay for _ in range(3)]
    assert delays == pytest.approx([0, 0.1, 0.2], rel=0.1)


def test_max_restarts_counts_restarts_since_a_healthy_life(state):
    slot = Slot(1)
    rules = {"max_restarts": 2, "healthy_after": 5}
    for uptime in (0.0, 0.0, 5.0, 0.0):
        assert decide(state, slot, record(uptime=uptime), **rules).delay < inf
    assert decide(state, slot, record(), **rules) == (inf, "max_restarts = 2")


def test_plugins_are_asked_only_if_a_restart_is_allowed(state):
    asked = []
    advise = lambda history: asked.append(len(history)) or 3.0  # noqa: E731
    assert state.decide(Slot(1), record(), web(), advise) == (3.0, "")
    assert state.decide(Slot(1), record(), web(restart="never"), advise).delay == inf
    assert state.decide(Slot(1, restarts=1), record(), web(max_restarts=1), advise).delay == inf
    assert asked == [1]

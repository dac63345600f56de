"""The four numbers of `flapping`, those of the seed."""

import pytest

from gaffer_kernel.jobs import flapping
from gaffer_kernel.jobs.config import Flapping
from gaffer_kernel.jobs.exits import ExitRecord
from gaffer_kernel.jobs.flapping import FlapRecord


def crash(at: float, uptime: float = 0.0) -> ExitRecord:
    return ExitRecord(number=1, at=at, uptime=uptime, exit_code=1, term_signal=0)


def flap_times(rule: Flapping, record: FlapRecord, *times: float) -> list[float]:
    return [at for at in times if flapping.count_crash(rule, record, crash(at))]


def test_flapping_defaults_are_the_numbers_of_the_seed():
    assert Flapping() == Flapping(attempts=2, window=1.0, retry_in=7.0, max_retry=5)
    assert Flapping(3, 2.0, 1.0, 0) == Flapping(attempts=3, window=2.0, retry_in=1.0, max_retry=0)


def test_attempts_crashes_within_the_window_are_flapping():
    rule = Flapping(attempts=3, window=1.0)
    assert flap_times(rule, FlapRecord(), 0.0, 0.4, 0.8) == [0.8]


def test_crashes_further_apart_than_the_window_are_not_flapping():
    rule = Flapping(attempts=2, window=1.0)
    assert flap_times(rule, FlapRecord(), 0.0, 1.5, 3.0, 4.5) == []


def test_the_window_slides():
    rule = Flapping(attempts=3, window=1.0)
    assert flap_times(rule, FlapRecord(), 0.0, 0.9, 1.8, 1.85) == [1.85]


def test_a_crash_exactly_one_window_ago_still_counts():
    assert flap_times(Flapping(attempts=2, window=1.0), FlapRecord(), 5.0, 6.0) == [6.0]


def test_every_crash_is_flapping_with_one_attempt():
    assert flap_times(Flapping(attempts=1, window=0.0), FlapRecord(), 1.0, 50.0) == [1.0, 50.0]


def test_crashes_are_counted_from_zero_after_each_flap():
    rule = Flapping(attempts=2, window=10.0)
    assert flap_times(rule, FlapRecord(), 0.0, 1.0, 2.0, 3.0) == [1.0, 3.0]


def test_each_flap_uses_a_retry_and_the_next_one_gives_up():
    rule, record = Flapping(attempts=1, max_retry=2), FlapRecord()
    given_up = []
    for at in range(4):
        flapping.count_crash(rule, record, crash(float(at)))
        given_up.append(flapping.gives_up(rule, record))
    assert given_up == [False, False, True, True]


def test_first_flap_gives_up_without_retries():
    rule, record = Flapping(attempts=1, max_retry=0), FlapRecord()
    assert flapping.count_crash(rule, record, crash(0.0))
    assert flapping.gives_up(rule, record)


@pytest.mark.parametrize(
    ("window", "uptime", "reset"),
    [(1.0, 1.01, True), (1.0, 1.0, False), (0.1, 0.9, False), (0.1, 1.1, True), (5.0, 4.0, False)],
)
def test_an_uptime_above_the_window_and_a_second_resets_the_retries(window, uptime, reset):
    rule, record = Flapping(attempts=2, window=window), FlapRecord(retries=3)
    flapping.count_crash(rule, record, crash(100.0, uptime))
    assert record.retries == (0 if reset else 3)


def test_clear_resets_a_record():
    record = FlapRecord(crashes=[1.0, 2.0], retries=4)
    record.clear()
    assert record == FlapRecord()


def test_two_records_do_not_share_state():
    first, second = FlapRecord(), FlapRecord()
    flapping.count_crash(Flapping(), first, crash(0.0))
    assert second.crashes == []

"""When a process that ended by itself is started again: the rules alone."""

import pytest

from gaffer_kernel.jobs import restart
from gaffer_kernel.jobs.config import Flapping
from gaffer_kernel.jobs.restart import ExitRecord, FlapRecord


def end(at: float, uptime: float = 0.0) -> ExitRecord:
    return ExitRecord(number=1, at=at, uptime=uptime, exit_code=1, term_signal=0)


def flap_times(rule: Flapping, record: FlapRecord, *times: float) -> list[float]:
    return [at for at in times if restart.count_crash(rule, record, end(at))]


# Without flapping: a delay that grows


def test_after_a_long_life_and_after_the_first_short_one_the_next_start_is_at_once():
    assert restart.backoff(0, 0.5) == 0.0
    assert restart.backoff(1, 0.5) == 0.0


def test_the_delay_doubles_up_to_its_cap():
    delays = [restart.backoff(lives, 0.0) for lives in range(2, 12)]
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert delays == sorted(delays)
    assert delays[-1] == restart.MAX_DELAY


@pytest.mark.parametrize("lives", [100, 10_000, 2**70])
def test_however_often_it_crashes_the_delay_stays_at_the_cap(lives):
    assert restart.backoff(lives, 0.0) == restart.MAX_DELAY


def test_chance_takes_at_most_a_tenth_away_and_adds_nothing():
    for lives in range(2, 20):
        longest = restart.backoff(lives, 0.0)
        assert longest * 0.9 <= restart.backoff(lives, 1.0) < restart.backoff(lives, 0.5) < longest


def test_a_busy_system_is_tried_again_soon_but_not_at_once():
    assert 0.1 < restart.busy_delay(1.0) < restart.busy_delay(0.0) <= 1.0


# With flapping: the seed's four numbers


def test_the_seeds_numbers_are_the_defaults():
    assert Flapping() == Flapping(attempts=2, window=1.0, retry_in=7.0, max_retry=5)
    assert Flapping(3, 2.0, 1.0, 0) == Flapping(attempts=3, window=2.0, retry_in=1.0, max_retry=0)


def test_as_many_ends_within_the_window_as_attempts_are_flapping():
    rule = Flapping(attempts=3, window=1.0)
    assert flap_times(rule, FlapRecord(), 0.0, 0.4, 0.8) == [0.8]


def test_ends_further_apart_than_the_window_are_not():
    rule = Flapping(attempts=2, window=1.0)
    assert flap_times(rule, FlapRecord(), 0.0, 1.5, 3.0, 4.5) == []


def test_the_window_slides():
    rule = Flapping(attempts=3, window=1.0)
    assert flap_times(rule, FlapRecord(), 0.0, 0.9, 1.8, 1.85) == [1.85]


def test_an_end_exactly_a_window_ago_still_counts():
    assert flap_times(Flapping(attempts=2, window=1.0), FlapRecord(), 5.0, 6.0) == [6.0]


def test_with_one_attempt_every_end_is_flapping():
    assert flap_times(Flapping(attempts=1, window=0.0), FlapRecord(), 1.0, 50.0) == [1.0, 50.0]


def test_counting_begins_anew_after_each_flap():
    rule = Flapping(attempts=2, window=10.0)
    assert flap_times(rule, FlapRecord(), 0.0, 1.0, 2.0, 3.0) == [1.0, 3.0]


def test_each_flap_uses_a_retry_up_and_the_one_after_the_last_gives_up():
    rule, record = Flapping(attempts=1, max_retry=2), FlapRecord()
    given_up = []
    for at in range(4):
        restart.count_crash(rule, record, end(float(at)))
        given_up.append(restart.gives_up(rule, record))
    assert given_up == [False, False, True, True]


def test_without_retries_the_first_flap_gives_up():
    rule, record = Flapping(attempts=1, max_retry=0), FlapRecord()
    assert restart.count_crash(rule, record, end(0.0))
    assert restart.gives_up(rule, record)


@pytest.mark.parametrize(
    ("window", "uptime", "forgiven"),
    [(1.0, 1.01, True), (1.0, 1.0, False), (0.1, 0.9, False), (0.1, 1.1, True), (5.0, 4.0, False)],
)
def test_a_life_longer_than_the_window_and_a_second_forgives_the_retries(window, uptime, forgiven):
    rule, record = Flapping(attempts=2, window=window), FlapRecord(retries=3)
    restart.count_crash(rule, record, end(100.0, uptime))
    assert record.retries == (0 if forgiven else 3)


def test_a_cleared_record_remembers_nothing():
    record = FlapRecord(crashes=[1.0, 2.0], retries=4)
    record.clear()
    assert record == FlapRecord()


def test_two_records_share_nothing():
    first, second = FlapRecord(), FlapRecord()
    restart.count_crash(Flapping(), first, end(0.0))
    assert second.crashes == []

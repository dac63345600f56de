"""When to try again, and when to give up."""

import math

from gaffer_client.feeds.backoff import MAX_DELAY, Backoff


def waits(backoff, now=0.0):
    while (delay := backoff.next_delay(now)) is not None:
        yield delay
        now += delay


def test_waits_grow_to_a_limit_and_end_with_the_patience():
    delays = list(waits(Backoff(60.0, rand=lambda: 1.0)))
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert max(delays) == MAX_DELAY
    assert math.isclose(sum(delays), 60.0)


def test_waits_differ_from_client_to_client():
    assert Backoff(60.0, rand=lambda: 0.0).next_delay(0) < Backoff(
        60.0, rand=lambda: 1.0
    ).next_delay(0)


def test_a_patience_without_end_never_gives_up():
    backoff = Backoff(math.inf, rand=lambda: 1.0)
    assert all(backoff.next_delay(now) <= MAX_DELAY for now in range(0, 100_000, 10))


def test_what_came_makes_the_next_failure_the_first_one():
    backoff = Backoff(10.0, rand=lambda: 1.0)
    assert [backoff.next_delay(0), backoff.next_delay(1)] == [0.1, 0.2]
    backoff.reset()
    assert backoff.next_delay(1000) == 0.1


def test_a_connection_that_lasted_makes_it_so_too_and_a_short_one_does_not():
    backoff = Backoff(10.0, rand=lambda: 1.0)
    backoff.next_delay(0)
    backoff.connected(1)
    assert backoff.next_delay(1.5) == 0.2
    backoff.connected(2)
    assert backoff.next_delay(500) == 0.1
    assert backoff.next_delay(511) is None

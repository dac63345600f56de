"""Tests of the delays between connection attempts."""

import math

from gaffer_client.feeds.backoff import MAX_DELAY, Backoff


def waits(backoff, now=0.0):
    while (delay := backoff.next_delay(now)) is not None:
        yield delay
        now += delay


def test_delays_grow_to_maximum_until_reconnect_timeout():
    delays = list(waits(Backoff(60.0, rand=lambda: 1.0)))
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert max(delays) == MAX_DELAY
    assert math.isclose(sum(delays), 60.0)


def test_delays_have_jitter():
    assert Backoff(60.0, rand=lambda: 0.0).next_delay(0) < Backoff(
        60.0, rand=lambda: 1.0
    ).next_delay(0)


def test_infinite_reconnect_timeout_never_gives_up():
    backoff = Backoff(math.inf, rand=lambda: 1.0)
    assert all(backoff.next_delay(now) <= MAX_DELAY for now in range(0, 100_000, 10))


def test_reset_restarts_delays():
    backoff = Backoff(10.0, rand=lambda: 1.0)
    assert [backoff.next_delay(0), backoff.next_delay(1)] == [0.1, 0.2]
    backoff.reset()
    assert backoff.next_delay(1000) == 0.1


def test_steady_connection_restarts_delays_and_short_one_does_not():
    backoff = Backoff(10.0, rand=lambda: 1.0)
    backoff.next_delay(0)
    backoff.connected(1)
    assert backoff.next_delay(1.5) == 0.2
    backoff.connected(2)
    assert backoff.next_delay(500) == 0.1
    assert backoff.next_delay(511) is None

"""Nodes and observers that send and never read, or whose connection is half open."""

import pytest
from gaffer_http.listen import sockets
from gaffer_testing.slow_reader import PING, TEXT, open_slow_reader
from gaffer_testing.waiting import until

SOON = 45.0
"""Seconds; the README says 5, and a busy machine may need more."""


@pytest.fixture(autouse=True)
def no_other_reason(monkeypatch):
    """Leave the connections of clients that do not read open, until something else closes them."""
    monkeypatch.setattr("gaffer_http.serve.transport.SEND_TIMEOUT", 1000.0)
    monkeypatch.setattr("gaffer_http.serve.connection.IDLE_TIMEOUT", 1000.0)


@pytest.mark.parametrize("kind", [TEXT, PING])
async def test_flood_without_reading_ends_with_its_lease(running_lookupd, kind):
    async with running_lookupd(lease=2) as lookupd, open_slow_reader(lookupd.url, "/ws") as client:
        await client.flood(kind)
        await client.wait_closed(SOON)


async def test_slow_reader_is_closed_when_its_token_is_revoked(lookupd):
    async with open_slow_reader(lookupd.url, "/ws", "web1") as client:
        await client.flood(TEXT, b'{"type": "PING", "msgid": 1}')
        lookupd.callers.known["web1"].revoke()
        await client.wait_closed(SOON)


@pytest.mark.root
async def test_half_open_observer_is_removed_without_any_change(running_lookupd, monkeypatch):
    # TCP keepalive starts after 15 seconds and gives up after 30: shorten both.
    monkeypatch.setattr(sockets, "KEEPALIVE_IDLE", 1)
    monkeypatch.setattr(sockets, "USER_TIMEOUT_MS", 2000)
    monkeypatch.setattr(sockets, "KEEPALIVE_INTERVAL", 1)
    async with (
        running_lookupd() as lookupd,
        open_slow_reader(lookupd.url, "/lookup/websocket") as observer,
    ):
        await until(lambda: lookupd.lookupd.changes.subscribers == 1)
        observer.drop_incoming()
        await until(lambda: lookupd.lookupd.changes.subscribers == 0)

"""Nodes and observers that talk and never read, or whose machine is gone without a word."""

import pytest
from gaffer_http.listen import sockets
from tests.slow_reader import PING, TEXT, deaf
from tests.waiting import until

SOON = 15.0
"""Seconds; README says 5, and a busy machine may need more, but not 30 and 10."""


@pytest.mark.parametrize("kind", [TEXT, PING])
async def test_a_flood_that_reads_no_answer_ends_with_its_lease(running_lookupd, kind):
    async with running_lookupd(lease=2) as lookupd, deaf(lookupd.url, "/ws") as client:
        await client.flood(kind)
        await client.ended(SOON)


async def test_one_who_reads_no_answer_is_gone_with_his_rights(lookupd):
    async with deaf(lookupd.url, "/ws", "web1") as client:
        await client.flood(TEXT, b'{"type": "PING", "msgid": 1}')
        lookupd.people.known["web1"].revoke()
        await client.ended(SOON)


async def test_an_observer_whose_machine_is_gone_is_forgotten_though_nothing_changes(
    running_lookupd, monkeypatch
):
    # The system is to ask sooner than after 15 seconds of silence, and to wait less than 30.
    monkeypatch.setattr(sockets, "QUIET", 1)
    monkeypatch.setattr(sockets, "STALLED_AFTER", 2000)
    monkeypatch.setattr(sockets, "ASK_AGAIN", 1)
    async with running_lookupd() as lookupd, deaf(lookupd.url, "/lookup/websocket") as observer:
        await until(lambda: lookupd.lookupd.changes.subscribers == 1)
        observer.lose()
        await until(lambda: lookupd.lookupd.changes.subscribers == 0)

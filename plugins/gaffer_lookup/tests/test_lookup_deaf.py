"""Nodes and observers that talk and never read."""

import pytest
from tests.deaf import PING, TEXT, deaf

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

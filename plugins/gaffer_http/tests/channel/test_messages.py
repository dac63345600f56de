"""What a client of the channel says: understood, or told why not."""

import json

import pytest
from trio_websocket import ConnectionClosed

from ..channel_client import talking


@pytest.mark.parametrize(
    ("text", "slug", "named"),
    [
        ("", "invalid_json", ""),
        ("{", "invalid_json", ""),
        ('{"event": NaN}', "invalid_json", "NaN"),
        ('{"event": "NOP", "event": "NOP"}', "invalid_json", "twice"),
        (b"\xff", "invalid_json", "UTF-8"),
        ("[" * 40 + "]" * 40, "invalid_json", "nested"),
        ('["NOP"]', "invalid_json", "object"),
        ("{}", "event_missing", "event"),
        ('{"event": "HELLO"}', "unknown_cmd", "SUB"),
        ('{"event": ["SUB"]}', "unknown_cmd", "SUB"),
        ('{"event": "SUB"}', "data_missing", "SUB"),
        ('{"event": "SUB", "data": "EVENTS"}', "data_missing", "SUB"),
        ('{"event": "SUB", "data": {}}', "topic_missing", "topic"),
        ('{"event": "SUB", "data": {"topic": 7}}', "bad_value", "topic"),
        ('{"event": "SUB", "data": {"topic": "EVENTS", "since": -1}}', "bad_value", "since"),
        ('{"event": "SUB", "data": {"topic": "EVENTS", "since": "1"}}', "bad_value", "since"),
        ('{"event": "SUB", "data": {"topic": "EVENTS", "credit": true}}', "bad_value", "credit"),
        ('{"event": "SUB", "data": {"topic": "EVENTS", "credits": 1}}', "bad_value", "'credit'"),
        ('{"event": "SUB", "data": {"topic": "EVENTS"}, "id": 1}', "bad_value", "id"),
        ('{"event": "UNSUB", "data": {}}', "topic_missing", "topic"),
        ('{"event": "CREDIT", "data": {"topic": "EVENTS"}}', "bytes_missing", "bytes"),
        ('{"event": "CREDIT", "data": {"topic": "EVENTS", "bytes": -1}}', "bad_value", "bytes"),
        ('{"event": "CMD", "data": {"name": "jobs"}}', "cmd_identity_missing", "identity"),
        ('{"event": "CMD", "data": {"identity": 1}}', "cmd_name_missing", "name"),
        ('{"event": "CMD", "data": {"identity": [], "name": "jobs"}}', "bad_value", "identity"),
        (
            '{"event": "CMD", "data": {"identity": 1, "name": "jobs", "args": "x"}}',
            "bad_value",
            "args",
        ),
    ],
)
async def test_what_cannot_be_understood_is_told(api, text, slug, named):
    async with talking(api) as talker:
        await talker.socket.send_message(text)
        message = await talker.hear()
        assert message["event"] == "gaffer:error"
        assert (message["data"]["error"], message["data"]["reason"]) == ("invalid_msg", slug)
        assert named in message["data"]["message"]
        # It goes on.
        assert await talker.do("jobs") == {"jobs": []}


async def test_nothing_is_answered_to_nop(api):
    async with talking(api) as talker:
        await talker.say("NOP")
        assert await talker.do("jobs") == {"jobs": []}


async def test_bytes_are_as_good_as_text(api):
    async with talking(api) as talker:
        call = {"event": "CMD", "data": {"identity": "a", "name": "jobs"}}
        await talker.socket.send_message(json.dumps(call).encode())
        assert (await talker.hear())["data"] == {"id": "a", "result": {"jobs": []}}


async def test_a_message_that_is_too_large_closes(api):
    async with talking(api) as talker:
        await talker.socket.send_message(" " * 65_537)
        with pytest.raises(ConnectionClosed) as raised:
            await talker.hear()
        assert raised.value.reason.code == 1009


async def test_characters_of_several_bytes_count_as_such(api):
    async with talking(api) as talker:
        await talker.socket.send_message("\u20ac" * 30_000)
        with pytest.raises(ConnectionClosed) as raised:
            await talker.hear()
        assert raised.value.reason.code == 1009


async def test_an_unknown_parameter_is_refused(api):
    answer = await api.ask_websocket("/channel?topic=EVENTS")
    assert (answer.status, answer.slug) == (400, "bad_value")

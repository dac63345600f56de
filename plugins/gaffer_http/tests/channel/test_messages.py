"""Messages from clients of the channel, valid and invalid."""

import json

import pytest
from trio_websocket import ConnectionClosed

from ..channel_client import open_channel


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
async def test_invalid_message_is_answered_with_an_error(api, text, slug, named):
    async with open_channel(api) as channel:
        await channel.socket.send_message(text)
        message = await channel.receive()
        assert message["event"] == "gaffer:error"
        assert (message["data"]["error"], message["data"]["reason"]) == ("invalid_msg", slug)
        assert named in message["data"]["message"]
        # The channel stays usable.
        assert await channel.do("jobs") == {"jobs": []}


async def test_nop_has_no_reply(api):
    async with open_channel(api) as channel:
        await channel.send("NOP")
        assert await channel.do("jobs") == {"jobs": []}


async def test_binary_messages_are_accepted(api):
    async with open_channel(api) as channel:
        call = {"event": "CMD", "data": {"identity": "a", "name": "jobs"}}
        await channel.socket.send_message(json.dumps(call).encode())
        assert (await channel.receive())["data"] == {"id": "a", "result": {"jobs": []}}


async def test_oversized_message_closes_the_channel(api):
    async with open_channel(api) as channel:
        await channel.socket.send_message(" " * 65_537)
        with pytest.raises(ConnectionClosed) as raised:
            await channel.receive()
        assert raised.value.reason.code == 1009


async def test_message_size_is_counted_in_bytes(api):
    async with open_channel(api) as channel:
        await channel.socket.send_message("\u20ac" * 30_000)
        with pytest.raises(ConnectionClosed) as raised:
            await channel.receive()
        assert raised.value.reason.code == 1009


async def test_unknown_parameter_is_refused(api):
    answer = await api.ask_websocket("/channel?topic=EVENTS")
    assert (answer.status, answer.slug) == (400, "bad_value")

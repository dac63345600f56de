"""The reply to each message of a node, valid or not."""

import json

import pytest

from gaffer_lookup.protocol import Identify, encode_message
from gaffer_lookup.registry import MemoryBackend, Registry
from gaffer_lookup.registry.message_handler import handle_message

IDENTIFY = {"type": "IDENTIFY", "name": "web1", "origin": "http://web1:5000", "version": "0.1"}


@pytest.fixture
async def node_session():
    return Registry(MemoryBackend(lambda *args, **kwargs: None)).connect("token a")


@pytest.fixture
def ask(node_session):
    def ask(message):
        raw = message if isinstance(message, str | bytes) else json.dumps(message)
        return json.loads(handle_message(node_session, raw))

    return ask


@pytest.mark.parametrize("msgid", ["5d41402a", 7, ""])
async def test_reply_has_the_msgid_of_its_message(ask, msgid):
    assert ask({**IDENTIFY, "msgid": msgid}) == {"ok": True, "msgid": msgid}
    error = ask({**IDENTIFY, "msgid": msgid})
    assert error.pop("message")
    assert error == {"errno": 409, "reason": "conflict", "msgid": msgid}


async def test_every_message_type_is_executed(ask):
    for number, message in enumerate(
        [
            IDENTIFY,
            {"type": "PING"},
            {"type": "REGISTER_JOB", "job_name": "default.web"},
            {"type": "REGISTER_PROCESS", "job_name": "default.web", "pid": 1},
            {"type": "REGISTER_JOBS", "jobs": {"db": [1, 2], "cache": []}},
            {"type": "UNREGISTER_PROCESS", "job_name": "default.web", "pid": 1},
            {"type": "UNREGISTER_JOB", "job_name": "default.web"},
        ]
    ):
        assert ask({**message, "msgid": number}) == {"ok": True, "msgid": number}


async def test_encoded_message_is_executed(ask):
    message = Identify(msgid=1, name="web1", origin="http://web1:5000", version="0.1")
    assert ask(encode_message(message)) == {"ok": True, "msgid": 1}


@pytest.mark.parametrize(
    "raw",
    [
        *("", "{", "[]", "null", '"PING"', "NaN", "{'type': 'PING'}", b"\xff", "[" * 100_000),
        *('{"type": "PING", "msgid": "\ud800"}'.encode("utf-8", "surrogatepass"), "9" * 5000),
    ],
)
async def test_invalid_json_is_a_bad_message(ask, raw):
    error = ask(raw)
    assert (error["errno"], error["reason"], error["msgid"]) == (400, "bad_message", None)


@pytest.mark.parametrize(
    "message",
    [
        *({}, {"type": "SHUTDOWN"}, {"type": None}, {"type": ["PING"]}),
        *({"type": "REGISTER_JOB"}, {"type": "REGISTER_JOB", "job_name": 1}),
        {"type": "REGISTER_JOB", "job_name": "web", "pid": 1},
        *({"type": "REGISTER_PROCESS", "job_name": "web", "pid": pid} for pid in (0, "1", True)),
        *({"type": "REGISTER_PROCESS", "job_name": "web", "pid": pid} for pid in (-1, 1.5, 10**30)),
        {"type": "IDENTIFY", "name": None, "origin": None, "version": None},
        {"type": "PING", "token": "x"},
        {"type": "REGISTER_JOBS", "jobs": ["db"]},
        {"type": "REGISTER_JOBS", "jobs": {"db": [0]}},
    ],
)
async def test_invalid_message_is_a_bad_message(ask, message):
    ask({**IDENTIFY, "msgid": 1})
    ask({"type": "REGISTER_JOB", "job_name": "web", "msgid": 1})
    error = ask({**message, "msgid": 2})
    assert (error["errno"], error["reason"], error["msgid"]) == (400, "bad_message", 2)


@pytest.mark.parametrize("msgid", [None, [], {}, True, 1.5, "x" * 257])
async def test_invalid_msgid_is_not_echoed(ask, msgid):
    error = ask({"type": "PING", "msgid": msgid})
    assert (error["errno"], error["reason"]) == (400, "bad_message")
    assert error["msgid"] in (None, "x" * 257)


async def test_message_without_msgid_is_a_bad_message(ask):
    assert ask({"type": "PING"})["errno"] == 400

"""What a node is answered, whatever it says."""

import json

import pytest

from gaffer_lookup.protocol import Identify, say
from gaffer_lookup.registry import MemoryKeeper, Registry
from gaffer_lookup.registry.message_handler import answer

IDENTIFY = {"type": "IDENTIFY", "name": "web1", "origin": "http://web1:5000", "version": "0.1"}


@pytest.fixture
async def registrant():
    return Registry(MemoryKeeper(lambda *args, **kwargs: None)).connect("token a")


@pytest.fixture
def ask(registrant):
    def ask(said):
        raw = said if isinstance(said, str | bytes) else json.dumps(said)
        return json.loads(answer(registrant, raw))

    return ask


@pytest.mark.parametrize("msgid", ["5d41402a", 7, ""])
async def test_an_answer_bears_the_number_of_its_message(ask, msgid):
    assert ask({**IDENTIFY, "msgid": msgid}) == {"ok": True, "msgid": msgid}
    error = ask({**IDENTIFY, "msgid": msgid})
    assert error.pop("message")
    assert error == {"errno": 409, "reason": "conflict", "msgid": msgid}


async def test_every_word_is_understood(ask):
    for number, said in enumerate(
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
        assert ask({**said, "msgid": number}) == {"ok": True, "msgid": number}


async def test_what_our_own_node_says_is_understood(ask):
    said = Identify(msgid=1, name="web1", origin="http://web1:5000", version="0.1")
    assert ask(say(said)) == {"ok": True, "msgid": 1}


@pytest.mark.parametrize(
    "raw",
    [
        *("", "{", "[]", "null", '"PING"', "NaN", "{'type': 'PING'}", b"\xff", "[" * 100_000),
        *('{"type": "PING", "msgid": "\ud800"}'.encode("utf-8", "surrogatepass"), "9" * 5000),
    ],
)
async def test_what_is_no_message_is_a_bad_one(ask, raw):
    error = ask(raw)
    assert (error["errno"], error["reason"], error["msgid"]) == (400, "bad_message", None)


@pytest.mark.parametrize(
    "said",
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
async def test_a_message_that_means_nothing_is_a_bad_one_and_does_nothing(ask, said):
    ask({**IDENTIFY, "msgid": 1})
    ask({"type": "REGISTER_JOB", "job_name": "web", "msgid": 1})
    error = ask({**said, "msgid": 2})
    assert (error["errno"], error["reason"], error["msgid"]) == (400, "bad_message", 2)


@pytest.mark.parametrize("msgid", [None, [], {}, True, 1.5, "x" * 257])
async def test_a_number_that_is_none_is_not_repeated(ask, msgid):
    error = ask({"type": "PING", "msgid": msgid})
    assert (error["errno"], error["reason"]) == (400, "bad_message")
    assert error["msgid"] in (None, "x" * 257)


async def test_a_message_without_a_number_is_a_bad_one(ask):
    assert ask({"type": "PING"})["errno"] == 400

"""Tests of callers with limited permissions."""

from types import SimpleNamespace

import pytest
import trio

from gaffer_testing import Callers, TokenCaller


def caller(token):
    return Callers().gaffer_http_caller(SimpleNamespace(token=token, certificate=None))


@pytest.mark.parametrize(
    ("token", "may"),
    [
        ("read", {("read", None), ("read", "shop")}),
        ("manage.shop", {("read", "shop"), ("write", "shop"), ("manage", "shop")}),
        ("write.other", set()),
    ],
)
def test_token_defines_permission_and_session(token, may):
    asked = [
        (permission, where)
        for permission in ("read", "write", "manage")
        for where in (None, "shop")
    ]
    assert {each for each in asked if caller(token).may(*each)} == may
    assert caller(token).name == token


@pytest.mark.parametrize("token", [None, "", "stranger", "reads", ".shop"])
def test_other_tokens_are_unknown(token):
    assert caller(token) is None


def test_given_callers_replace_the_default_ones():
    callers = Callers({"secret": TokenCaller("write", "token ci")})
    ops = callers.known["ops"] = TokenCaller("read.shop", "certificate ops")
    certificate = {"subject": ((("countryName", "XX"),), (("commonName", "ops"),))}

    def ask(token=None, certificate=None):
        return callers.gaffer_http_caller(SimpleNamespace(token=token, certificate=certificate))

    assert ask("secret").name == "token ci"
    assert ask(certificate=certificate) is ops
    assert ask("read", certificate) is None
    assert ask(certificate={"subject": ()}) is None
    assert [each.token for each in callers.seen] == ["secret", None, "read", None]


async def test_revoke_cancels_the_requests_of_a_caller(autojump_clock):
    eye = TokenCaller("read")
    ended = []

    async def ask(number):
        with eye.revocable_scope():
            await trio.sleep(60)
            return
        ended.append(number)

    async with trio.open_nursery() as nursery:
        for number in (1, 2):
            nursery.start_soon(ask, number)
        await trio.sleep(1)
        eye.revoke()
    assert trio.current_time() < 60
    assert sorted(ended) == [1, 2]
    with eye.revocable_scope():
        await trio.sleep(1)

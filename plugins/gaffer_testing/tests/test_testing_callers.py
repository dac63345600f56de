"""Callers who may do less than the owner of the API."""

from types import SimpleNamespace

import pytest

from gaffer_testing import Callers


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
def test_a_token_says_what_its_caller_may_and_where(token, may):
    asked = [(right, where) for right in ("read", "write", "manage") for where in (None, "shop")]
    assert {each for each in asked if caller(token).may(*each)} == may
    assert caller(token).name == token


@pytest.mark.parametrize("token", [None, "", "stranger", "reads", ".shop"])
def test_any_other_token_is_unknown(token):
    assert caller(token) is None

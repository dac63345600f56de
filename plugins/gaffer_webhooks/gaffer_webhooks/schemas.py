"""Bodies of requests and answers, for the routes and for `/openapi.json`."""

from __future__ import annotations

import msgspec

from gaffer_webhooks.info import HookInfo
from gaffer_webhooks.messages import DeadLetter


class NewHook(msgspec.Struct):
    """What is to be posted where; the secret, `whsec_` and base64, signs it."""

    pattern: str
    url: str
    secret: str | None = None


class Some(msgspec.Struct):
    """Which messages; all of them without `ids`."""

    ids: list[str] = []


class Hooks(msgspec.Struct):
    """All hooks."""

    webhooks: list[HookInfo]


class Registered(msgspec.Struct):
    """The hook is there."""

    id: str
    ok: bool = True


class Done(msgspec.Struct):
    """It was done."""

    ok: bool = True


class Dead(msgspec.Struct):
    """The messages that were given up, the oldest first."""

    dead: list[DeadLetter]


class Forgotten(msgspec.Struct):
    """How many messages were removed."""

    forgotten: int
    ok: bool = True


class Replayed(msgspec.Struct):
    """How many messages are sent again."""

    replayed: int
    ok: bool = True

"""Bodies of requests and responses, for the routes and for `/openapi.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gaffer_webhooks.hook import Hook
from gaffer_webhooks.messages import DeadLetter

if TYPE_CHECKING:
    from gaffer_webhooks.target import Target


class HookInfo(msgspec.Struct, frozen=True):
    """A hook as lists show it, without its secret.

    Attributes:
        id: the id of the hook.
        pattern, url: which events are posted where.
        signed: whether it has a secret.
        trusted: whether the URL may lead to this machine or a private network.
        fixed: whether the configuration or the embedding program gave it.
        waiting: the number of messages that wait for this URL.
        dead: the number of dead letters, which can be sent again.
        dropped: the number of messages lost since the plugin opened, because there were too many
            for this URL or for all.
        failing: why the latest message could not be delivered; None if it was.
    """

    id: str
    pattern: str
    url: str
    signed: bool
    trusted: bool
    fixed: bool
    waiting: int
    dead: int
    dropped: int
    failing: str | None

    @classmethod
    def from_target(cls, hook: Hook, target: Target) -> HookInfo:
        """Describe a hook and the state of its target."""
        return cls(
            id=hook.id,
            pattern=hook.pattern,
            url=hook.url,
            signed=hook.secret is not None,
            trusted=hook.trusted,
            fixed=hook.fixed,
            waiting=len(target.outbox),
            dead=target.outbox.dead_count,
            dropped=target.outbox.dropped,
            failing=target.worker.failing,
        )


class NewHook(msgspec.Struct):
    """A hook to register; the secret, `whsec_` and base64, signs its messages."""

    pattern: str
    url: str
    secret: str | None = None


class MessageIds(msgspec.Struct):
    """The messages to change; all of them without `ids`."""

    ids: list[str] = []


class Hooks(msgspec.Struct):
    """All hooks."""

    webhooks: list[HookInfo]


class Registered(msgspec.Struct):
    """The hook is registered."""

    id: str
    ok: bool = True


class Done(msgspec.Struct):
    """The request was executed."""

    ok: bool = True


class DeadLetters(msgspec.Struct):
    """The messages that were given up, the oldest first."""

    dead: list[DeadLetter]


class Forgotten(msgspec.Struct):
    """The number of messages removed."""

    forgotten: int
    ok: bool = True


class Replayed(msgspec.Struct):
    """The number of messages queued again."""

    replayed: int
    ok: bool = True

"""What others are told of a hook."""

from __future__ import annotations

import msgspec

from gaffer_webhooks.hook import Hook
from gaffer_webhooks.target import Target


class HookInfo(msgspec.Struct, frozen=True):
    """A hook as lists show it; its secret never is.

    Attributes:
        id: of the hook.
        pattern, url: which events go where.
        signed: whether it has a secret.
        trusted: whether the URL may be on this machine or in a private network.
        fixed: whether the file or the program gave it.
        waiting: how many messages wait for this URL.
        dead: how many were given up and can be sent again.
        dropped: how many were lost because there were too many, for this URL or for all, since the
            plugin opened.
        failing: why the latest message could not be delivered; None if all is well.
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


def info_of(hook: Hook, target: Target) -> HookInfo:
    """What there is to tell of a hook and of where it leads."""
    return HookInfo(
        id=hook.id,
        pattern=hook.pattern,
        url=hook.url,
        signed=hook.secret is not None,
        trusted=hook.trusted,
        fixed=hook.fixed,
        waiting=len(target.outbox),
        dead=target.outbox.dead_count,
        dropped=target.outbox.dropped,
        failing=target.courier.failing,
    )

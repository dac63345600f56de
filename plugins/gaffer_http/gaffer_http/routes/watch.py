"""`/watch`: events as they are published, and earlier ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated

from gaffer_kernel import Event, InvalidField
from gaffer_kernel.plugin import KERNEL_EVENTS, did_you_mean, shown
from msgspec import Meta
from quart import Blueprint, Response, request

from gaffer_http.auth.authorization import current_caller
from gaffer_http.auth.marks import checks_permissions
from gaffer_http.errors import ApiError
from gaffer_http.feeds.events import open_events
from gaffer_http.feeds.forms import encoder
from gaffer_http.feeds.query import EventHeaders, EventQuery, feed_parameters
from gaffer_http.openapi.describe import describes
from gaffer_http.schemas.responses import EventInfo
from gaffer_http.views.current import current_api, current_kernel

_PART = re.compile(r"[A-Za-z0-9_+-]+(?:[.:][A-Za-z0-9_+-]+)*")
_PARTS = dict.fromkeys(
    ("p1", "p2", "p3"), Annotated[str, Meta(extra_json_schema={"pattern": f"^{_PART.pattern}$"})]
)
_NUMBER = re.compile(r"[0-9]{1,18}")

routes = Blueprint("watch", __name__)


@routes.get("/watch")
@routes.get("/watch/<p1>")
@routes.get("/watch/<p1>/<p2>")
@routes.get("/watch/<p1>/<p2>/<p3>")
@checks_permissions
@describes(
    path=_PARTS,
    query=EventQuery,
    headers=EventHeaders,
    answers={200: EventInfo},
    feed=True,
)
async def watch(**parts: str) -> Response:
    """Send all events, or those of a name: `spawn`, `proc/web`, `proc/web/exit`."""
    wanted = feed_parameters("since")
    pattern = _pattern(list(parts.values()))
    return await current_api().feeds.answer(
        open_events(current_kernel().events, pattern, _since(), readable_events()),
        encoder(wanted.kind, current_api().forms),
        heartbeat=wanted.heartbeat,
        once=wanted.kind == "longpoll",
    )


def readable_events() -> Callable[[Event], bool] | None:
    """Return whether the caller may see an event, as a function; None if they may see all."""
    who = current_caller()
    if who.may("read"):
        return None
    return lambda event: event.session is not None and who.may("read", event.session)


def _pattern(parts: list[str]) -> str | None:
    for part in parts:
        if not _PART.fullmatch(part):
            raise ApiError(404, "bad_event_type", f"no event has {part!r} in its name")
    pattern = ".".join(parts).replace(":", ".")
    if pattern:
        _check_known(pattern)
    return pattern or None


def _check_known(pattern: str) -> None:
    """Refuse the name of an event that nobody publishes: its feed would stay empty forever.

    Raises:
        ApiError: 404.
    """
    # A job of any name can be loaded later.
    if pattern == "proc" or pattern.startswith("proc."):
        return
    known = current_kernel().event_names
    for name in known:
        is_within = pattern.startswith(f"{name}.") and name not in KERNEL_EVENTS
        if name == pattern or name.startswith(f"{pattern}.") or is_within:
            return
    hint = did_you_mean(pattern, {*known, "proc", "plugin"})
    raise ApiError(404, "bad_event_type", f"no event {shown(pattern)}{hint}")


def _since() -> int | None:
    """Return the number of the last event that the client has seen.

    A browser that reconnects repeats the URL, so its header is newer.
    """
    for name, value in (
        ("Last-Event-ID", request.headers.get("Last-Event-ID")),
        ("since", request.args.get("since")),
    ):
        if value:
            if not _NUMBER.fullmatch(value):
                raise InvalidField(name, f"must be the number of an event, not {value!r}")
            return int(value)
    return None

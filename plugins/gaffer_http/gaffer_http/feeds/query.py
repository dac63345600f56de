"""The parameters of a feed: `?feed=` and `?heartbeat=`."""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple, get_args

from gaffer_kernel import InvalidField
from msgspec import UNSET, Meta, Struct, UnsetType
from quart import request

from gaffer_http.views.parameters import check_parameters

Kind = Literal["longpoll", "continuous", "eventsource"]
KINDS: tuple[Kind, ...] = get_args(Kind)

HEARTBEAT = 60.0
"""Seconds, if the request does not say."""
MIN_HEARTBEAT = 0.1
MAX_HEARTBEAT = 86400.0


class FeedQuery(Struct):
    """The parameters of a feed, for `/openapi.json`."""

    feed: Annotated[Kind, Meta(description="The next object, or all of them as they come.")] = (
        "longpoll"
    )
    heartbeat: Annotated[
        Literal["true", "false", 0] | Annotated[float, Meta(ge=MIN_HEARTBEAT, le=MAX_HEARTBEAT)],
        Meta(description=f"Seconds of silence before an empty line; true is {HEARTBEAT:g}."),
    ] = "true"


Flag = Literal["false", "true"]
FLAGS: tuple[Flag, ...] = get_args(Flag)

Tail = Literal["false", "true", "only"]
TAILS: tuple[Tail, ...] = get_args(Tail)


class OutputQuery(FeedQuery):
    """The parameters of a feed of output."""

    tail: Annotated[
        Tail,
        Meta(description="Begin with the output that is still kept; `only` also ends with it."),
    ] = "false"
    times: Annotated[
        Flag,
        Meta(description="For `eventsource`: send an event `time` before lines of another time."),
    ] = "false"


class EventQuery(FeedQuery):
    """The parameters of a feed of events."""

    since: Annotated[
        Annotated[int, Meta(ge=0, lt=10**18)] | UnsetType,
        Meta(description="The number of the last event that the client has seen."),
    ] = UNSET


class EventHeaders(Struct):
    """The headers that a feed of events reads."""

    last_event_id: Annotated[
        Annotated[int, Meta(ge=0, lt=10**18)] | UnsetType,
        Meta(description="Like `since`, over which it takes precedence: browsers send it."),
    ] = UNSET


class FeedParameters(NamedTuple):
    """The form of a feed, and the seconds of silence before a heartbeat: `inf` for never."""

    kind: Kind
    heartbeat: float


def feed_parameters(*more: str) -> FeedParameters:
    """Read the parameters of a feed; the default is long polling and 60 seconds.

    Args:
        more: the other parameters that the request may have.

    Raises:
        InvalidField: a parameter is wrong or unknown.
    """
    check_parameters("feed", "heartbeat", *more)
    wanted = request.args.get("feed", "longpoll")
    for kind in KINDS:
        if kind == wanted:
            return FeedParameters(kind, _heartbeat(request.args.get("heartbeat", "true")))
    raise InvalidField("feed", f"must be one of {', '.join(KINDS)}, not {wanted!r}")


def tail_parameter(kind: Kind) -> Tail:
    """Read the parameter `tail`; the default is `false`.

    Args:
        kind: of the feed; a long poll continues where the last one ended, so it has no tail.

    Raises:
        InvalidField: it has another value, or is used with a long poll.
    """
    wanted = request.args.get("tail", "false")
    if wanted != "false" and kind == "longpoll":
        raise InvalidField("tail", "is for continuous feeds, not for long polls")
    for tail in TAILS:
        if tail == wanted:
            return tail
    raise InvalidField("tail", f"must be one of {', '.join(TAILS)}, not {wanted!r}")


def times_parameter(kind: Kind) -> bool:
    """Read the parameter `times`; the default is `false`.

    Args:
        kind: of the feed; only server-sent events have room for times.

    Raises:
        InvalidField: it has another value, or is used with another kind of feed.
    """
    wanted = request.args.get("times", "false")
    if wanted not in FLAGS:
        raise InvalidField("times", f"must be one of {', '.join(FLAGS)}, not {wanted!r}")
    if wanted == "true" and kind != "eventsource":
        raise InvalidField("times", "is for feed=eventsource")
    return wanted == "true"


def _heartbeat(text: str) -> float:
    if text == "true":
        return HEARTBEAT
    if text == "false":
        return math.inf
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if seconds == 0:
        return math.inf
    if not MIN_HEARTBEAT <= seconds <= MAX_HEARTBEAT:
        raise InvalidField(
            "heartbeat",
            f"must be true, false or seconds, at least {MIN_HEARTBEAT:g}, not {text!r}",
        )
    return seconds

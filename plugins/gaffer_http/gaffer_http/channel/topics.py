"""The topics that a client can subscribe to, and the messages of each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from gaffer_kernel import Event, InvalidField, JobName, Process
from gaffer_kernel.plugin import shown

from gaffer_http.auth.authorization import require
from gaffer_http.channel.messages import encoded_event_message
from gaffer_http.channel.output import OutputMessages
from gaffer_http.channel.samples import open_samples, sample_messages, stats_service
from gaffer_http.errors import ApiError
from gaffer_http.feeds.events import Events, open_events
from gaffer_http.feeds.feed import Source
from gaffer_http.feeds.forms import GAP
from gaffer_http.routes.legacy.names import is_pid
from gaffer_http.routes.pids import get_process
from gaffer_http.routes.watch import readable_events
from gaffer_http.views.current import current_api, current_kernel


def _nothing() -> Iterator[str]:
    return iter(())


@dataclass(frozen=True, slots=True)
class Topic:
    """The messages of a subscription.

    Attributes:
        opening: entered when it begins, left at its end.
        messages: returns the messages for what the source has received.
        rest: returns the messages for the end of the source.
    """

    opening: AbstractAsyncContextManager[Source[Any]]
    messages: Callable[[Any], Iterator[str]]
    rest: Callable[[], Iterator[str]] = _nothing


def find_topic(name: str, since: int | None) -> Topic:
    """Return the topic with a name, if the caller may follow it.

    Args:
        name: `EVENTS`, `JOB:session.name`, `PROCESS:pid`, `STATS:` with either of them,
            `STREAM:pid` or `STREAM:pid.label`.
        since: the number of the last event already seen.

    Raises:
        ApiError: 403 or 404; 400, the process has no output.
        NotFound: there is no such job or process.
        InvalidField: a name is invalid, or `since` is used with a topic that has no events.
    """
    kind, _, subject = name.partition(":")
    if name == "EVENTS":
        return _events(name, open_events(current_kernel().events, None, since, readable_events()))
    if kind == "JOB" and subject:
        return _job(name, JobName.parse(subject), since)
    if kind == "PROCESS" and subject:
        return _process(name, get_process(subject), since)
    if kind not in ("STATS", "STREAM") or not subject:
        kinds = "EVENTS, JOB:, PROCESS:, STATS: or STREAM:"
        raise ApiError(404, "unknown_topic", f"a topic is {kinds}, not {shown(name)}")
    if since is not None:
        raise InvalidField("since", f"is for topics of events, not for {kind}:")
    return _stats(name, subject) if kind == "STATS" else _stream(name, subject)


def _events(name: str, opening: AbstractAsyncContextManager[Source[Events]]) -> Topic:
    line = current_api().forms.line
    return Topic(
        opening, lambda events: (encoded_event_message(name, line(event)) for event in events)
    )


def _job(name: str, job: JobName, since: int | None) -> Topic:
    """Return the topic of a job, which need not exist yet."""
    require("read", job.session)

    def admits(event: Event) -> bool:
        return event.job == job.name and event.session == job.session

    return _events(name, open_events(current_kernel().events, None, since, admits))


def _process(name: str, process: Process, since: int | None) -> Topic:
    def admits(event: Event) -> bool:
        return event.job is not None and event.data.get("pid") == process.pid

    watch = open_events(current_kernel().events, None, since, admits)
    return _events(name, _until_exit(process, watch))


@asynccontextmanager
async def _until_exit(
    process: Process, opening: AbstractAsyncContextManager[Source[Events]]
) -> AsyncIterator[Source[Events]]:
    async with opening as source:
        yield _UntilExit(process, source)


class _UntilExit:
    def __init__(self, process: Process, source: Source[Events]) -> None:
        self._process = process
        self._source = source
        self._over = False

    async def receive(self) -> Events | None:
        events = None if self._over else await self._source.receive()
        self._over = self._process.exit_status is not None and any(
            # The exit may be among the missing events.
            event.event in ("exit", GAP)
            for event in events or ()
        )
        return events


def _stats(name: str, subject: str) -> Topic:
    if is_pid(subject):
        process = get_process(subject)
        return Topic(open_samples(stats_service(), process), partial(sample_messages, name))
    job = JobName.parse(subject)
    require("read", job.session)
    opening = open_samples(stats_service(), current_kernel().manager.get(job))
    return Topic(opening, partial(sample_messages, name))


def _stream(name: str, subject: str) -> Topic:
    pid, dot, label = subject.partition(".")
    process = get_process(pid)
    if dot and label in ("", "."):
        raise ApiError(404, "io_not_found", f"a topic is of one output, not of {shown(label)}")
    messages = OutputMessages(name, process, label)
    return Topic(messages.opening(), messages.messages, messages.rest)

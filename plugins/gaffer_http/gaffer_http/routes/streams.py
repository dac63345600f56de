"""`/streams`: read the output of a process, and write to its input."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

from gaffer_kernel import NotFound, Output, Process, StreamUnavailable
from gaffer_kernel.plugin import OutputLog, OutputReader
from quart import Blueprint, Response

from gaffer_http.auth.marks import needs
from gaffer_http.errors import ApiError
from gaffer_http.feeds.feed import Source
from gaffer_http.feeds.output import RawOutput, SseOutput, TimedReader, TimedSseOutput
from gaffer_http.feeds.polls import Polls
from gaffer_http.feeds.query import (
    OutputQuery,
    Tail,
    feed_parameters,
    tail_parameter,
    times_parameter,
)
from gaffer_http.openapi.describe import describes
from gaffer_http.routes.pids import get_process
from gaffer_http.schemas.requests import Outputs, Stream
from gaffer_http.schemas.responses import Done
from gaffer_http.views.body import read_bytes
from gaffer_http.views.current import current_api
from gaffer_http.views.responses import json_response

LOST = "X-Gaffer-Lost"
"""The header of a long poll that reports how many bytes since the last one are missing."""

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

routes = Blueprint("streams", __name__)


@routes.get("/streams/<pid>", strict_slashes=False)
@routes.get("/streams/<pid>/<label>")
@describes(
    path={"label": Outputs},
    query=OutputQuery,
    answers={200: {RawOutput.media: None, SseOutput.media: str}},
)
async def read_stream(pid: str, label: str = ".") -> Response:
    """Send the output of a process: one label, or all with `.` or without a label.

    Of the last few exited processes of a job it sends what is kept, with `tail=only`, and to a long
    poll what the previous one has not sent.
    With `times=true` an event `time`, such as `{"time": 1764530000.123}`, precedes lines of another
    time than the lines before: gafferd read them at that time, in seconds since the epoch.
    Clients remove a last `.` from a path before they send it: curl and browsers both do.
    """
    wanted = feed_parameters("tail", "times")
    tail = tail_parameter(wanted.kind)
    process = get_process(pid, ended=wanted.kind == "longpoll" or tail == "only")
    logs = get_outputs(process, label)
    if wanted.kind == "longpoll":
        polls = current_api().polls
        if not (process.active or any(polls.position(log) < log.end for log in logs)):
            raise NotFound("process", pid)
        lost = sum(max(0, log.start - polls.position(log)) for log in logs)
        return await current_api().feeds.answer(
            _poll(process, label, polls),
            RawOutput(),
            heartbeat=wanted.heartbeat,
            once=True,
            headers={LOST: str(lost)} if lost else None,
        )
    reading = _kept if tail == "only" else _reading
    if times_parameter(wanted.kind):
        return await current_api().feeds.answer(
            reading(process, label, tail, TimedReader),
            TimedSseOutput(),
            heartbeat=wanted.heartbeat,
            once=False,
        )
    return await current_api().feeds.answer(
        reading(process, label, tail, _unchanged),
        SseOutput() if wanted.kind == "eventsource" else RawOutput(),
        heartbeat=wanted.heartbeat,
        once=False,
    )


def get_outputs(process: Process, label: str) -> list[OutputLog]:
    """Return the outputs that a label means.

    Raises:
        ApiError: 400, no output is redirected; 404, there is none with this label.
    """
    try:
        process.outputs.reader(label).close()
    except StreamUnavailable as error:
        raise ApiError(400, "io_not_redirected", str(error)) from None
    except NotFound as error:
        raise ApiError(404, "io_not_found", str(error)) from None
    logs = process.outputs.logs
    return list(logs.values()) if label == "." else [logs[label]]


class _Reader(Source[T_co], Protocol[T_co]):
    """A reader in the form that an encoder takes."""

    def receive_nowait(self) -> T_co | None: ...


def _unchanged(reader: OutputReader) -> OutputReader:
    return reader


@asynccontextmanager
async def _reading(
    process: Process, label: str, tail: Tail, adapt: Callable[[OutputReader], _Reader[T]]
) -> AsyncIterator[Source[T]]:
    """Read what is written from now on, which may begin with what is kept."""
    async with process.subscribe(label, tail=tail == "true") as reader:
        yield adapt(reader)


@asynccontextmanager
async def _kept(
    process: Process, label: str, tail: Tail, adapt: Callable[[OutputReader], _Reader[T]]
) -> AsyncIterator[Source[T]]:
    """Read only what is kept."""
    async with process.subscribe(label, tail=True) as reader:
        yield _Kept(iter(adapt(reader).receive_nowait, None))


class _Kept(Generic[T]):
    def __init__(self, outputs: Iterator[T]) -> None:
        # All at once: a process that never stops writing would make it endless.
        self._outputs = deque(outputs)

    async def receive(self) -> T | None:
        return self._outputs.popleft() if self._outputs else None


@asynccontextmanager
async def _poll(process: Process, label: str, polls: Polls) -> AsyncIterator[Source[Output]]:
    """Read from where the last poll ended."""
    async with process.subscribe(label) as reader:
        reader.rewind(polls.position)
        yield _Polled(reader, lambda output: polls.mark_polled(process.outputs.logs[output.label]))


class _Polled:
    def __init__(self, reader: OutputReader, received: Callable[[Output], None]) -> None:
        self._reader = reader
        self._received = received

    async def receive(self) -> Output | None:
        output = await self._reader.receive()
        if output is not None:
            self._received(output)
        return output


@routes.post("/streams/<pid>/<label>")
@needs("write")
@describes(path={"label": Stream}, body={RawOutput.media: None}, optional=True, answers={200: Done})
async def write_stream(pid: str, label: str) -> Response:
    """Write the body, unchanged, to the standard input of a process or to a custom stream."""
    process = get_process(pid)
    data = await read_bytes()
    current_api().polls.mark_written(process)
    await write_to(process, data, label)
    return json_response({"ok": True})


async def write_to(process: Process, data: str | bytes, label: str) -> None:
    """Write to the standard input of a process or to a custom stream, and wait for the pipe.

    Raises:
        ApiError: 403, it is not redirected, or closed; 404, there is no such stream.
    """
    try:
        await process.write(data, label)
    except StreamUnavailable as error:
        raise ApiError(403, "forbidden_write", str(error)) from None
    except NotFound as error:
        raise ApiError(404, "stream_not_found", str(error)) from None

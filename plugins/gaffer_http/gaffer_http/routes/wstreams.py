"""`/wstreams`: the standard input and the first output of a process, as a websocket."""

from __future__ import annotations

from functools import partial

import trio
from gaffer_kernel import NotFound, Process
from gaffer_kernel.plugin import shown
from quart import Blueprint, websocket

from gaffer_http.auth import audit
from gaffer_http.auth.authorization import current_caller, require
from gaffer_http.auth.marks import checks_permissions
from gaffer_http.errors import ApiError
from gaffer_http.feeds.output import Pieces, TextOrBytes
from gaffer_http.routes.legacy.names import is_pid
from gaffer_http.routes.pids import get_process
from gaffer_http.routes.streams import write_to
from gaffer_http.routes.websocket_session import run_websocket_session
from gaffer_http.views.current import check_running, current_context
from gaffer_http.views.parameters import check_parameters

HANG_UP_CHECK_INTERVAL = 1.0
"""Seconds between two looks whether a client has gone that nobody reads."""

EXIT_TIMEOUT = 0.5
"""Seconds in which a process that does not read any more may turn out to have ended."""

routes = Blueprint("wstreams", __name__)


@routes.websocket("/wstreams/<pid>")
@checks_permissions
async def wstreams(pid: str) -> None:
    """Write each message to the standard input; send what the process writes."""
    check_parameters()
    await run_websocket_session(partial(_relay, pid))


async def _relay(pid: str) -> None:
    process = _admitted(pid)
    refusal: ApiError | None = None
    async with process.subscribe(process.config.redirect_output[0]) as reader:
        await websocket.accept()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_send, Pieces(reader), nursery.cancel_scope)
            nursery.start_soon(_notice_hang_up, nursery.cancel_scope)
            refusal = await _receive(process)
            nursery.cancel_scope.cancel()
    if refusal is not None:
        raise refusal


def _admitted(pid: str) -> Process:
    """The process, and a line in the audit log: what is written to it has none."""
    what = audit.request_line(current_context().mapping)
    try:
        process = _wanted(pid)
    except ApiError as error:
        audit.record(current_caller(), what, error.status)
        raise
    except NotFound:
        audit.record(current_caller(), what, 404)
        raise
    audit.record(current_caller(), what, 101)
    return process


def _wanted(pid: str) -> Process:
    if not is_pid(pid):
        raise ApiError(400, "bad_value", f"a pid is a number, not {shown(pid)}")
    process = get_process(pid)
    try:
        require("write", process.job.session)
    except ApiError as error:
        raise ApiError(error.status, "forbidden_write", error.reason) from None
    check_running()
    if not process.config.redirect_input:
        reason = f"redirect_input is not set for job {process.job}"
        raise ApiError(403, "forbidden_write", reason)
    if not process.config.redirect_output:
        reason = f"redirect_output is not set for job {process.job}"
        raise ApiError(400, "io_not_redirected", reason)
    return process


async def _receive(process: Process) -> ApiError | None:
    """Write what the client sends, until it goes; the error of a process that reads no more.

    A process that is slow to read is not sent more than fits into its pipe: then nothing is read
    from the client either.
    """
    try:
        while True:
            await write_to(process, await websocket.receive(), "stdin")
    except trio.EndOfChannel:
        return None
    except ApiError as error:
        # Whatever has ended reads no more, and its end is told otherwise.
        await trio.sleep(EXIT_TIMEOUT)
        return error


async def _send(source: Pieces, scope: trio.CancelScope) -> None:
    text = TextOrBytes()
    while (output := await source.receive()) is not None:
        if message := text.feed(output.data):
            await websocket.send(message)
    if rest := text.flush():
        await websocket.send(rest)
    scope.cancel()


async def _notice_hang_up(scope: trio.CancelScope) -> None:
    """End it all when the client has gone while nothing was read from it."""
    connection = current_context().connection
    # There is no event to wait for: the system tells it to those only who also read.
    while not connection.is_hung_up():  # noqa: ASYNC110
        await trio.sleep(HANG_UP_CHECK_INTERVAL)
    await trio.sleep(HANG_UP_CHECK_INTERVAL)
    scope.cancel()

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
"""Seconds between two checks whether a client has disconnected while nothing is read from it."""

EXIT_TIMEOUT = 0.5
"""Seconds to wait for the exit of a process that no longer reads."""

routes = Blueprint("wstreams", __name__)


@routes.websocket("/wstreams/<pid>")
@checks_permissions
async def wstreams(pid: str) -> None:
    """Write each message to the standard input; send the output of the process."""
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
    """Return the process, and write a line in the audit log: the input itself has no lines."""
    what = audit.request_line(current_context().mapping)
    try:
        process = _find_process(pid)
    except ApiError as error:
        audit.record(current_caller(), what, error.status)
        raise
    except NotFound:
        audit.record(current_caller(), what, 404)
        raise
    audit.record(current_caller(), what, 101)
    return process


def _find_process(pid: str) -> Process:
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
        reason = f"redirect_output of job {process.job} is empty"
        raise ApiError(400, "io_not_redirected", reason)
    return process


async def _receive(process: Process) -> ApiError | None:
    """Write the client's messages to the process, until the client disconnects.

    A process that is slow to read gets no more than fits into its pipe: then nothing is read from
    the client either.

    Returns:
        The error if the process no longer reads.
    """
    try:
        while True:
            await write_to(process, await websocket.receive(), "stdin")
    except trio.EndOfChannel:
        return None
    except ApiError as error:
        # An exited process does not read either; its exit ends the websocket without an error.
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
    """Cancel a scope when the client has disconnected while nothing is read from it."""
    connection = current_context().connection
    # There is no event to wait for: the system reports POLLRDHUP only to a task that polls for it.
    while not connection.is_hung_up():  # noqa: ASYNC110
        await trio.sleep(HANG_UP_CHECK_INTERVAL)
    await trio.sleep(HANG_UP_CHECK_INTERVAL)
    scope.cancel()

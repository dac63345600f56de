"""The beginning and end of every websocket."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from gaffer_kernel import GafferError
from quart import websocket

from gaffer_http.errors import ApiError, error_from_kernel
from gaffer_http.views.current import current_api, current_context

log = logging.getLogger(__name__)

NORMAL = 1000
FAILED = 1011
RESTARTING = 1012
"""The API closes."""
REFUSED = 4000
"""The status of an error is added to it."""


async def run_websocket_session(serve: Callable[[], Awaitable[None]]) -> None:
    """Serve the current websocket with a function, then close it.

    An ApiError, or an error of the kernel, is sent in one message, in the form of every error of
    the API; the websocket closes with REFUSED plus its status. The function is cancelled when the
    API closes.

    Args:
        serve: accepts the websocket if there is no such error, and reads to the end: then
            `websocket.receive` raises trio.EndOfChannel.
    """
    current_context().connection.reads_to_end = True
    code = RESTARTING
    with current_api().feeds.bounded():
        code = await _run(serve)
    # Has no effect if the client has closed it already.
    await websocket.accept()
    await websocket.close(code)


async def _run(serve: Callable[[], Awaitable[None]]) -> int:
    try:
        await serve()
    except ApiError as error:
        return await _refuse(error)
    except GafferError as error:
        return await _refuse(error_from_kernel(error))
    except Exception:
        log.exception("the API failed on %r", websocket.path)
        return FAILED
    return NORMAL


async def _refuse(error: ApiError) -> int:
    await websocket.send(error.body.decode())
    return REFUSED + error.status

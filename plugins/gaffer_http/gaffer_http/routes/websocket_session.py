"""Websockets: how each of them begins and ends."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from gaffer_kernel import GafferError
from quart import websocket

from gaffer_http.errors import ApiError, error_from_kernel
from gaffer_http.views.current import current_api, current_context

log = logging.getLogger(__name__)

OVER = 1000
FAILED = 1011
RESTARTING = 1012
"""The API closes."""
REFUSED = 4000
"""To this the status of an error is added."""


async def run_websocket_session(talk: Callable[[], Awaitable[None]]) -> None:
    """Talk on the current websocket, then close it.

    An ApiError, or an error of the kernel, is told in one message, in the form that every error of
    the API has, and closes with REFUSED and its status. The talk is cancelled when the API closes.

    Args:
        talk: accepts the websocket once it has found no such error, and reads to the end: then
            `websocket.receive` raises trio.EndOfChannel.
    """
    current_context().connection.reads_to_end = True
    code = RESTARTING
    with current_api().feeds.bounded():
        code = await _outcome(talk)
    # Has no effect when the client has closed it.
    await websocket.accept()
    await websocket.close(code)


async def _outcome(talk: Callable[[], Awaitable[None]]) -> int:
    try:
        await talk()
    except ApiError as error:
        return await _refuse(error)
    except GafferError as error:
        return await _refuse(error_from_kernel(error))
    except Exception:
        log.exception("the API failed on %r", websocket.path)
        return FAILED
    return OVER


async def _refuse(error: ApiError) -> int:
    await websocket.send(error.body.decode())
    return REFUSED + error.status

"""The application: the routes of the API and of other plugins, and one form for every error."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import trio
from gaffer_kernel import GafferError, Kernel, PluginError
from quart import Blueprint, Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from gaffer_http.access.guard import READING
from gaffer_http.access.rules import check_request
from gaffer_http.asgi import Receive, Scope, Send
from gaffer_http.errors import JSON, ApiError, of_kernel, of_status
from gaffer_http.feeds.events import EventForms
from gaffer_http.feeds.feed import Feeds
from gaffer_http.feeds.polls import Polls
from gaffer_http.openapi.document import Document
from gaffer_http.routes import (
    channel,
    groups,
    jobs,
    openapi,
    pids,
    processes,
    root,
    sessions,
    status,
    streams,
    watch,
    wstreams,
)
from gaffer_http.routes.reply import check_running
from gaffer_http.serve.websocket import WebsocketConnection

ROUTES = (
    *(root, openapi, sessions, jobs, pids, streams, wstreams, watch, channel),
    *(processes, status, groups),
)

LARGEST_BODY = 2**20
"""Bytes."""

BODY_TIMEOUT = 10
"""Seconds a client has to send the body of a request."""

BACKGROUND_TIMEOUT = 1
"""Seconds that background tasks of plugins' routes may take to end."""


class Api(QuartTrio):
    """The application of one kernel.

    Args:
        kernel: what it controls.

    Attributes:
        kernel: the same.
        feeds: its answers that go on.
        polls: where long polls go on.
        forms: events as feeds tell them.
        document: what `/openapi.json` answers.
    """

    asgi_websocket_class = WebsocketConnection

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(__package__, static_folder=None, template_folder=None)
        self.kernel = kernel
        self.feeds = Feeds()
        self.polls = Polls()
        self.forms = EventForms()
        self.document = Document(self, str(root.API))
        # Quart would hang a handler of its own, with a thread, on a logger that has none.
        self.logger = logging.getLogger(__name__)
        # A redirect would be an answer in HTML.
        self.url_map.merge_slashes = False
        self.config.update(
            MAX_CONTENT_LENGTH=LARGEST_BODY,
            BODY_TIMEOUT=BODY_TIMEOUT,
            # It would cut streams in the middle; every send has a deadline of its own.
            RESPONSE_TIMEOUT=None,
            BACKGROUND_TASK_SHUTDOWN_TIMEOUT=BACKGROUND_TIMEOUT,
        )
        # All of these are async, because Quart sends plain functions to a thread.
        self.before_request(self._check_request)
        self.before_websocket(self._check_websocket)
        self.register_error_handler(ApiError, _answer)
        self.register_error_handler(GafferError, _answer_kernel_error)
        self.register_error_handler(HTTPException, _answer_http_error)
        self.url_map.converters["digits"] = pids.PidConverter
        for module in ROUTES:
            self.register_blueprint(module.routes)
        self._add_plugins()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        """Answer one request. What it holds, whatever becomes of it, is given back at its end."""
        async with AsyncExitStack() as scope["gaffer.lifetime"]:
            await super().__call__(scope, receive, send)  # type: ignore[arg-type]

    def _add_plugins(self) -> None:
        for plugin, result in self.kernel.plugins.call_strict(
            "gaffer_http_routes", kernel=self.kernel
        ):
            try:
                for blueprint in [result] if isinstance(result, Blueprint) else result:
                    self.register_blueprint(blueprint)
            except (AttributeError, TypeError, ValueError) as error:
                raise PluginError(plugin, f"its routes cannot be added: {error}") from error

    async def _check_websocket(self) -> None:
        await check_request(self.kernel)

    async def _check_request(self) -> None:
        await check_request(self.kernel)
        if request.method not in READING:
            check_running()

    async def make_default_options_response(self, *context: Any) -> Response:
        """Answer OPTIONS with the methods of a path. Newer Quarts pass a context."""
        response = await super().make_default_options_response(*context)
        response.status_code = 204
        return response

    @asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        """Run what routes of plugins have registered to be done before, while and after serving.

        Once, however many endpoints there are.
        """
        async with trio.open_nursery() as self.nursery:
            await self.startup()
            try:
                yield
            finally:
                await self.shutdown()


async def _answer(error: ApiError) -> Response:
    return Response(error.body, error.status, error.headers, content_type=JSON)


async def _answer_kernel_error(error: GafferError) -> Response:
    return await _answer(of_kernel(error))


async def _answer_http_error(error: HTTPException) -> Response:
    return await _answer(_of_http(error))


def _of_http(error: HTTPException) -> ApiError:
    match error:
        case MethodNotAllowed():
            allowed = ", ".join(sorted(error.valid_methods or ()))
            reason = f"{request.path} takes {allowed}, not {request.method}"
            api_error = of_status(405, reason)
            api_error.headers["Allow"] = allowed
            return api_error
        case NotFound():
            return of_status(404, f"there is nothing at {request.path}")
        case _:
            api_error = of_status(error.code or 500, error.description)
            more = [each for each in error.get_headers() if each[0] != "Content-Type"]
            api_error.headers.update(more)
            return api_error

"""The application: the routes of the API and of plugins, and one form for every error."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from typing import Any

import trio
from gaffer_kernel import GafferError, Kernel
from quart import Response, has_request_context, request, websocket
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing.exceptions import WebsocketMismatch

from gaffer_http.asgi import Receive, Scope, Send
from gaffer_http.auth.authorization import check_request
from gaffer_http.auth.middleware import READING
from gaffer_http.auth.pages import PageKeyNeededError
from gaffer_http.errors import JSON, ApiError, error_from_kernel, error_from_status
from gaffer_http.feeds.events import EventForms
from gaffer_http.feeds.feed import Feeds
from gaffer_http.feeds.polls import Polls
from gaffer_http.openapi.document import Document
from gaffer_http.plugin_routes import PluginRoutes, find_plugin_routes
from gaffer_http.routes import (
    channel,
    jobs,
    openapi,
    page_key,
    pids,
    plugins,
    reload,
    root,
    sessions,
    shutdown,
    status,
    streams,
    watch,
    wstreams,
)
from gaffer_http.routes.legacy import groups, processes
from gaffer_http.scope import RequestContext
from gaffer_http.serve.websocket import WebsocketConnection
from gaffer_http.views.check_input import check_input
from gaffer_http.views.current import check_running, current_context, current_request

ROUTES = (
    *(root, openapi, sessions, jobs, pids, streams, wstreams, watch, channel),
    *(processes, status, groups, plugins, page_key, reload, shutdown),
)

MAX_BODY = 2**20
"""Bytes."""

BODY_TIMEOUT = 10
"""Seconds a client has to send the body of a request."""


class Api(QuartTrio):
    """The application of one kernel, with the routes of some plugins.

    Args:
        kernel: the kernel that it controls.
        plugin_routes: those routes; of all plugins when not given.
        own: whether to serve the routes of gafferd, too.
        after: the application whose feeds, polls and forms it takes over.

    Attributes:
        kernel, plugin_routes: the same.
        feeds: its streaming responses.
        polls: the positions of long polls.
        forms: events, encoded for feeds.
        document: the document at `/openapi.json`.

    Raises:
        PluginError: the routes of a plugin cannot be added.
    """

    asgi_websocket_class = WebsocketConnection

    def __init__(
        self,
        kernel: Kernel,
        plugin_routes: Iterable[PluginRoutes] | None = None,
        *,
        own: bool = True,
        after: Api | None = None,
    ) -> None:
        super().__init__(__package__, static_folder=None, template_folder=None)
        self.kernel = kernel
        self.plugin_routes = list(
            find_plugin_routes(kernel) if plugin_routes is None else plugin_routes
        )
        self.feeds: Feeds = after.feeds if after else Feeds()
        self.polls: Polls = after.polls if after else Polls()
        self.forms: EventForms = after.forms if after else EventForms()
        self.document = Document(self, str(root.API), lambda: kernel.job_options)
        # Quart would add a handler with a thread of its own to a logger that has none.
        self.logger = logging.getLogger(__name__)
        # A redirect would be a response in HTML.
        self.url_map.merge_slashes = False
        self.config.update(
            MAX_CONTENT_LENGTH=MAX_BODY,
            BODY_TIMEOUT=BODY_TIMEOUT,
            # It would cut off streams; every send has a deadline of its own instead.
            RESPONSE_TIMEOUT=None,
        )
        # All of these are async, because Quart runs plain functions in a thread.
        self.before_request(self._check_request)
        self.before_websocket(self._check_websocket)
        self.register_error_handler(ApiError, _answer)
        self.register_error_handler(GafferError, _answer_kernel_error)
        self.register_error_handler(HTTPException, _answer_http_error)
        self.url_map.converters["digits"] = pids.PidConverter
        for module in ROUTES if own else (page_key,):
            self.register_blueprint(module.routes)
        for routes in self.plugin_routes:
            routes.add_to(self)
        self._owners = {name: routes for routes in self.plugin_routes for name in routes.names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        """Answer one request, then close its `lifetime` in every case.

        Raises:
            ApiError: 503, the plugin whose route it is was closed meanwhile.
        """
        context = RequestContext(scope)
        async with AsyncExitStack() as lifetime:
            context.lifetime = lifetime
            with trio.CancelScope() as cancel_scope:
                context.cancel_scope = cancel_scope
                await super().__call__(scope, receive, send)  # type: ignore[arg-type]
        if cancel_scope.cancelled_caught:
            raise ApiError(503, "plugin_closed", "the plugin that was to answer has been closed")

    def add_background_task(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Run a function in the background, at most while the plugin of the request is open."""
        owner = self._owners[request.blueprints[-1]]
        assert owner.nursery is not None
        self.nursery = owner.nursery
        super().add_background_task(func, *args, **kwargs)

    async def _check_websocket(self) -> None:
        self._add_to_plugin(websocket.blueprints)
        await check_request(self.kernel)

    async def _check_request(self) -> None:
        self._add_to_plugin(request.blueprints)
        await check_request(self.kernel)
        check_input()
        if request.method not in READING:
            check_running()

    def _add_to_plugin(self, blueprints: list[str]) -> None:
        """Register the current request with the plugin whose route it is."""
        # The last blueprint is the outermost, which belongs to the plugin.
        if blueprints and (owner := self._owners.get(blueprints[-1])):
            owner.add_request(current_context())

    async def make_default_options_response(self, *context: Any) -> Response:
        """Answer OPTIONS with the methods of a path. Newer versions of Quart pass a context."""
        response = await super().make_default_options_response(*context)
        response.status_code = 204
        return response


async def _answer(error: ApiError) -> Response:
    if isinstance(error, PageKeyNeededError) and has_request_context() and _wants_page():
        page = page_key.sign_in_page(401)
        page.headers.update(error.headers)
        return page
    return Response(error.body, error.status, error.headers, content_type=JSON)


def _wants_page() -> bool:
    """Return whether a browser shows the response, unlike fetch() and EventSource."""
    return "text/html" in request.headers.get("Accept", "")


async def _answer_kernel_error(error: GafferError) -> Response:
    return await _answer(error_from_kernel(error))


async def _answer_http_error(error: HTTPException) -> Response:
    return await _answer(_error_from_http(error))


def _error_from_http(error: HTTPException) -> ApiError:
    requested = current_request()
    match error:
        case MethodNotAllowed():
            allowed = ", ".join(sorted(error.valid_methods or ()))
            reason = f"{requested.path} takes {allowed}, not {requested.method}"
            api_error = error_from_status(405, reason)
            api_error.headers["Allow"] = allowed
            return api_error
        case WebsocketMismatch() if has_request_context():
            return error_from_status(400, f"{request.path} is a websocket: connect to it as one")
        case NotFound():
            return error_from_status(404, f"there is nothing at {requested.path}")
        case _:
            api_error = error_from_status(error.code or 500, error.description)
            more = [each for each in error.get_headers() if each[0] != "Content-Type"]
            api_error.headers.update(more)
            return api_error

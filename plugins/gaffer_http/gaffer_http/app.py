"""The application: the routes of the API and of other plugins, and one form for every error."""

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
from gaffer_http.auth.pages import PageKeyNeeded
from gaffer_http.errors import JSON, ApiError, of_kernel, of_status
from gaffer_http.feeds.events import EventForms
from gaffer_http.feeds.feed import Feeds
from gaffer_http.feeds.polls import Polls
from gaffer_http.openapi.document import Document
from gaffer_http.plugin_routes import Mount, find_mounts
from gaffer_http.routes import (
    channel,
    jobs,
    openapi,
    page_key,
    pids,
    plugins,
    root,
    sessions,
    status,
    streams,
    watch,
    wstreams,
)
from gaffer_http.routes.legacy import groups, processes
from gaffer_http.serve.websocket import WebsocketConnection
from gaffer_http.views.reply import check_running

ROUTES = (
    *(root, openapi, sessions, jobs, pids, streams, wstreams, watch, channel),
    *(processes, status, groups, plugins, page_key),
)

MAX_BODY = 2**20
"""Bytes."""

BODY_TIMEOUT = 10
"""Seconds a client has to send the body of a request."""


class Api(QuartTrio):
    """The application of one kernel, with the routes of some plugins.

    Args:
        kernel: what it controls.
        mounts: those routes; of all plugins when not given.
        own: whether it also has those of gafferd.
        after: the application whose feeds, polls and forms it goes on with.

    Attributes:
        kernel, mounts: the same.
        feeds: its answers that go on.
        polls: where long polls go on.
        forms: events as feeds tell them.
        document: what `/openapi.json` answers.

    Raises:
        PluginError: the routes of a plugin cannot be added.
    """

    asgi_websocket_class = WebsocketConnection

    def __init__(
        self,
        kernel: Kernel,
        mounts: Iterable[Mount] | None = None,
        *,
        own: bool = True,
        after: Api | None = None,
    ) -> None:
        super().__init__(__package__, static_folder=None, template_folder=None)
        self.kernel = kernel
        self.mounts = list(find_mounts(kernel) if mounts is None else mounts)
        self.feeds: Feeds = after.feeds if after else Feeds()
        self.polls: Polls = after.polls if after else Polls()
        self.forms: EventForms = after.forms if after else EventForms()
        self.document = Document(self, str(root.API))
        # Quart would hang a handler of its own, with a thread, on a logger that has none.
        self.logger = logging.getLogger(__name__)
        # A redirect would be an answer in HTML.
        self.url_map.merge_slashes = False
        self.config.update(
            MAX_CONTENT_LENGTH=MAX_BODY,
            BODY_TIMEOUT=BODY_TIMEOUT,
            # It would cut streams in the middle; every send has a deadline of its own.
            RESPONSE_TIMEOUT=None,
        )
        # All of these are async, because Quart sends plain functions to a thread.
        self.before_request(self._check_request)
        self.before_websocket(self._check_websocket)
        self.register_error_handler(ApiError, _answer)
        self.register_error_handler(GafferError, _answer_kernel_error)
        self.register_error_handler(HTTPException, _answer_http_error)
        self.url_map.converters["digits"] = pids.PidConverter
        for module in ROUTES if own else (page_key,):
            self.register_blueprint(module.routes)
        for mount in self.mounts:
            mount.add_to(self)
        self._owners = {name: mount for mount in self.mounts for name in mount.names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        """Answer one request. What it holds, whatever becomes of it, is given back at its end.

        Raises:
            ApiError: the plugin whose route it is was closed meanwhile.
        """
        async with AsyncExitStack() as scope["gaffer.lifetime"]:
            with trio.CancelScope() as scope["gaffer.ending"]:
                await super().__call__(scope, receive, send)  # type: ignore[arg-type]
        if scope["gaffer.ending"].cancelled_caught:
            raise ApiError(503, "plugin_closed", "the plugin that was to answer has been closed")

    def add_background_task(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Run a function beside the current request to a plugin, at most as long as it is open."""
        owner = self._owners[request.blueprints[-1]]
        assert owner.nursery is not None
        self.nursery = owner.nursery
        super().add_background_task(func, *args, **kwargs)

    async def _check_websocket(self) -> None:
        self._admit(websocket.blueprints, websocket.scope)
        await check_request(self.kernel)

    def _admit(self, blueprints: list[str], scope: Any) -> None:
        # The last one is the outermost, which is the plugin's.
        if blueprints and (owner := self._owners.get(blueprints[-1])):
            owner.admit(scope)

    async def _check_request(self) -> None:
        self._admit(request.blueprints, request.scope)
        await check_request(self.kernel)
        if request.method not in READING:
            check_running()

    async def make_default_options_response(self, *context: Any) -> Response:
        """Answer OPTIONS with the methods of a path. Newer Quarts pass a context."""
        response = await super().make_default_options_response(*context)
        response.status_code = 204
        return response


async def _answer(error: ApiError) -> Response:
    if isinstance(error, PageKeyNeeded) and has_request_context() and _wants_page():
        page = page_key.sign_in_page(401)
        page.headers.update(error.headers)
        return page
    return Response(error.body, error.status, error.headers, content_type=JSON)


def _wants_page() -> bool:
    """Return whether a browser is to show the answer, which fetch() and EventSource do not."""
    return "text/html" in request.headers.get("Accept", "")


async def _answer_kernel_error(error: GafferError) -> Response:
    return await _answer(of_kernel(error))


async def _answer_http_error(error: HTTPException) -> Response:
    return await _answer(_of_http(error))


def _of_http(error: HTTPException) -> ApiError:
    asked = request if has_request_context() else websocket
    match error:
        case MethodNotAllowed():
            allowed = ", ".join(sorted(error.valid_methods or ()))
            reason = f"{asked.path} takes {allowed}, not {asked.method}"
            api_error = of_status(405, reason)
            api_error.headers["Allow"] = allowed
            return api_error
        case WebsocketMismatch() if has_request_context():
            return of_status(400, f"{request.path} is a websocket: connect to it as one")
        case NotFound():
            return of_status(404, f"there is nothing at {asked.path}")
        case _:
            api_error = of_status(error.code or 500, error.description)
            more = [each for each in error.get_headers() if each[0] != "Content-Type"]
            api_error.headers.update(more)
            return api_error

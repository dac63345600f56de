"""The access middleware: admits or refuses each request and websocket, before any route is chosen.

This API starts programs, so three ways in are watched. Other users and machines: see
`authentication`. Web pages in the browser of the owner, which have the owner's uid: Origin,
Sec-Fetch-Site and the page key, see `pages`. Names that an attacker's DNS resolves to this machine,
which make those pages look like the API's own: Host.
"""

from __future__ import annotations

import logging

from gaffer_http.asgi import Application, Header, Headers, Message, Receive, Scope, Send, respond
from gaffer_http.auth import audit
from gaffer_http.auth.authentication import (
    SUBPROTOCOL,
    Authenticator,
    rights_revoked_error,
    shows_token,
)
from gaffer_http.auth.caller import Authenticate, Caller, Owner, identity
from gaffer_http.auth.hosts import is_own_host
from gaffer_http.auth.limits import RequestLimits, TooManyRequestsError
from gaffer_http.auth.pages import PageKeyNeededError, Pages
from gaffer_http.auth.policy import Policy, normal_origin
from gaffer_http.auth.proxies import check_http_version, is_http_1_0
from gaffer_http.auth.refusals import AUDITED, COUNTED, Refusals
from gaffer_http.auth.request_target import reduce_target
from gaffer_http.errors import JSON, ApiError, error_from_status
from gaffer_http.scope import RequestContext

log = logging.getLogger(__name__)

SECURITY_HEADERS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""Added to every response, unless the application sends its own."""

PREFLIGHT_HEADERS: tuple[Header, ...] = (
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, DELETE, OPTIONS"),
    (
        b"access-control-allow-headers",
        b"Content-Type, Accept, Authorization, X-Api-Key, X-Requested-With, Last-Event-ID",
    ),
    (b"access-control-max-age", b"86400"),
)

READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""The methods that change nothing."""

RIGHTS_REVOKED = 4401
"""The close code of a websocket whose caller's permissions were revoked."""

_RAW = frozenset({"application/json", "application/octet-stream"})
_CURL = _RAW | {"application/x-www-form-urlencoded"}
_START = frozenset({"http.response.start", "websocket.http.response.start"})

_OPEN = frozenset({"websocket.accept", "websocket.send"})


class AccessMiddleware:
    """An ASGI application around another one, which it calls only if the caller has access.

    Every response, also one of the middleware itself, gets the security headers; an exception that
    leaves the application is logged and answered with 500.

    Args:
        app: the application to protect.
        policy: the allowed hosts, origins and users.
        authenticate: looks up tokens and certificates; None if no plugin does.
        limits: limits the requests of each caller.
        pages: signs the owner's browsers in.

    Attributes:
        refusals: audits refused requests; the counts are written inside its `counting`.
    """

    def __init__(
        self,
        app: Application,
        policy: Policy,
        authenticate: Authenticate | None = None,
        limits: RequestLimits | None = None,
        pages: Pages | None = None,
    ) -> None:
        self.app = app
        self.refusals = Refusals()
        self._pages = pages or Pages()
        self._policy = policy
        self._limits = limits or RequestLimits()
        self._authenticator = Authenticator(policy.uids, authenticate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or serve one websocket."""
        context = RequestContext(scope)
        response = _Response(context, send, self.refusals)
        try:
            caller = self._admit(context, response)
        except ApiError as error:
            log.debug("%s refused: %s", scope.get("method", "websocket"), error)
            response.refuse()
            await response.send_error(error)
            return
        if caller is None:
            response.refuse()
            await respond(scope, response.send, 204, list(PREFLIGHT_HEADERS))
        else:
            await self._call_app(caller, receive, response)

    async def _call_app(self, caller: Caller, receive: Receive, response: _Response) -> None:
        context = response.context
        finished = False
        try:
            with self._limits.count_request(caller), caller.revocable_scope():
                context.connection.admit()
                await self.app(context.mapping, receive, response.send)
                finished = True
            if not finished and not response.started:
                # The request may have done its work already: only the response is withheld.
                response.record("no answer")
                response.refuse()
                await response.send_error(rights_revoked_error(caller))
            elif not finished:
                await response.close_websocket(RIGHTS_REVOKED)
        except TooManyRequestsError as error:
            response.refuse()
            await response.send_error(error)
        except ApiError as error:
            if not response.started:
                await response.send_error(error)
        except Exception:
            if response.started:
                raise
            log.exception("the API failed on %s", context.mapping["path"])
            await response.send_error(error_from_status(500))
        finally:
            response.record("no answer")

    def _admit(self, context: RequestContext, response: _Response) -> Caller | None:
        """Check everything and return the caller; None for a preflight request.

        With a preflight request a browser asks whether a page of another, listed, origin may call.
        Browsers send neither token nor certificate with it, and the response reveals nothing else.

        Raises:
            ApiError: the request is refused.
        """
        scope = context.mapping
        reduce_target(scope)
        headers: Headers = {}
        for name, value in scope["headers"]:
            headers.setdefault(name, []).append(value)
        host = self._check_host(context, headers)
        origin = self._check_origin(context, headers, host)
        if self._policy.origins:
            response.extra.append((b"vary", b"Origin"))
        if origin is not None:
            response.extra.append((b"access-control-allow-origin", origin.encode()))
            response.extra.append((b"access-control-allow-credentials", b"true"))
            response.extra.append((b"access-control-expose-headers", b"Location, X-Gaffer-Lost"))
            if scope.get("method") == "OPTIONS":
                return None
        caller = context.caller = self._authenticate(context, headers, origin)
        context.pages = self._pages
        check_http_version(scope)
        self._check_media(scope, headers)
        return caller

    def _authenticate(
        self, context: RequestContext, headers: Headers, origin: str | None
    ) -> Caller:
        scope = context.mapping
        caller = self._authenticator.authenticate(scope, headers)
        if not _is_browser(headers):
            return caller
        if isinstance(caller, Owner):
            return self._pages.caller(caller.peer, headers)
        # A browser shows its certificate for every page, also for one of a listed origin.
        by_token = context.connection.auth_mode != "certificate" and shows_token(scope, headers)
        if origin is not None and not by_token:
            raise PageKeyNeededError
        return caller

    def _check_host(self, context: RequestContext, headers: Headers) -> str:
        """Return the host of the request if it is a name of this API."""
        scope = context.mapping
        host, *more = headers.get(b"host", [b""])
        if not more and not host and is_http_1_0(scope):
            return ""
        if more or not host:
            raise error_from_status(400, "a request must have one Host header")
        if not is_own_host(host, context.connection.auth_mode, self._policy.hosts):
            shown = host.decode("latin-1")
            raise error_from_status(
                421, f"Host {shown!r} is not a name of this API; [gaffer] http_hosts can add one"
            )
        return host.decode("ascii")

    def _check_origin(self, context: RequestContext, headers: Headers, host: str) -> str | None:
        """Refuse pages of foreign origins; return the origin if it is foreign, but listed."""
        if b"origin" not in headers:
            sites = headers.get(b"sec-fetch-site", [])
            if any(site not in (b"same-origin", b"none") for site in sites):
                raise ApiError(403, "forbidden_origin", "pages of other sites may not use this API")
            return None
        text = b", ".join(headers[b"origin"]).decode("latin-1")
        origin = normal_origin(text)
        schemes = {context.mapping["scheme"].replace("ws", "http")}
        if context.connection.auth_mode != "owner":
            # A reverse proxy in front may terminate TLS. Here the token protects, not the scheme.
            schemes.add("https")
        if origin in {normal_origin(f"{scheme}://{host}") for scheme in schemes} - {None}:
            return None
        if origin not in self._policy.origins:
            raise ApiError(
                403,
                "forbidden_origin",
                f"pages of {text!r} may not use this API; [gaffer] cors_origins can name them",
            )
        return origin

    def _check_media(self, scope: Scope, headers: Headers) -> None:
        """Refuse a body of a type that a page of any origin can send without a preflight."""
        if scope["type"] != "http" or scope["method"] in READING:
            return
        browser = _is_browser(headers)
        kinds = headers.get(b"content-type", [])
        if not kinds:
            lengths = headers.get(b"content-length", [])
            empty = b"transfer-encoding" not in headers and all(each == b"0" for each in lengths)
            if browser and not empty:
                raise error_from_status(415, "a page must say Content-Type: application/json")
            return
        kind = kinds[0].partition(b";")[0].strip().lower().decode("latin-1")
        if len(kinds) > 1 or kind not in (_RAW if browser else _CURL):
            raise error_from_status(415, f"Content-Type must be application/json, not {kind!r}")


class _Response:
    """The response to one request: adds headers, writes the audit log, records what was sent.

    Attributes:
        context: the request.
        extra: headers to add to every response.
        started: whether anything was sent to the client.
    """

    def __init__(self, context: RequestContext, send: Send, refusals: Refusals) -> None:
        self.context = context
        self.extra = list(SECURITY_HEADERS)
        self.started = False
        self._scope = context.mapping
        self._send = send
        self._refusals = refusals
        self._websocket_open = False
        self._changes = self._scope.get("method", "GET") not in READING
        self._recorded = False

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind in _START:
            self.record(message["status"])
            present = {name for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *((name, value) for name, value in self.extra if name not in present),
            ]
        elif kind == "websocket.accept" and SUBPROTOCOL in self._scope["subprotocols"]:
            # A browser that offers subprotocols closes the websocket if none is accepted.
            message["subprotocol"] = SUBPROTOCOL
        self.started = True
        self._websocket_open = kind in _OPEN
        await self._send(message)

    def refuse(self) -> None:
        """Report the refusal to the server, which then limits how long it sends the response."""
        self.context.connection.refuse()

    async def close_websocket(self, code: int) -> None:
        """Close a websocket that has been accepted and is still open."""
        if self._websocket_open:
            await self.send({"type": "websocket.close", "code": code})

    def record(self, outcome: object) -> None:
        """Audit a change once, and every refusal, before the client gets the response."""
        caller = self.context.caller
        if self._recorded:
            return
        if caller is not None and self._changes and outcome not in COUNTED:
            self._recorded = True
            audit.record(caller, audit.request_line(self._scope), outcome)
        elif outcome in AUDITED:
            self._recorded = True
            self._audit_refusal(caller, outcome)

    def _audit_refusal(self, caller: Caller | None, status: int) -> None:
        if caller is not None:
            name, group = caller.name, identity(caller)
        else:
            peer = self.context.connection.peer
            name, group = str(peer), peer.group
        self._refusals.note(name, group, audit.request_line(self._scope), status)

    async def send_error(self, error: ApiError) -> None:
        headers = [(name.lower().encode(), v.encode()) for name, v in error.headers.items()]
        await respond(self._scope, self.send, error.status, [_JSON_TYPE, *headers], error.body)


_JSON_TYPE = (b"content-type", JSON.encode())


def _is_browser(headers: Headers) -> bool:
    # fetch() of Node.js sends Sec-Fetch-Mode alone; browsers also send Sec-Fetch-Site.
    return b"origin" in headers or any(
        name.startswith(b"sec-fetch-") and name != b"sec-fetch-mode" for name in headers
    )

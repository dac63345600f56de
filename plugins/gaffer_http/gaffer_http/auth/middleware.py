"""Who may call: asked before each request and each websocket, whatever its method or path.

This API starts programs, so three ways in are watched. Other users and machines: see `door`. Web
pages in the browser of the owner, who has the right uid: Origin and Sec-Fetch-Site, and the page
key, see `pages`. Names that an attacker's DNS turns to this machine, which make those pages look
like our own: Host.
"""

from __future__ import annotations

import logging

from gaffer_http.asgi import Application, Header, Headers, Message, Receive, Scope, Send, respond
from gaffer_http.auth import audit
from gaffer_http.auth.authentication import SUBPROTOCOL, Door, rights_lost, shows_token
from gaffer_http.auth.caller import Authenticate, Caller, Owner, identity
from gaffer_http.auth.hosts import is_own_host
from gaffer_http.auth.limits import TooManyRequestsError, Turnout
from gaffer_http.auth.pages import PageKeyNeeded, Pages
from gaffer_http.auth.policy import Policy, normal_origin
from gaffer_http.auth.proxies import check_http_version, is_http_1_0
from gaffer_http.auth.refusals import AUDITED, COUNTED, Refusals
from gaffer_http.errors import JSON, ApiError, of_status
from gaffer_http.listen.auth_mode import AuthMode
from gaffer_http.serve.peer import Peer

log = logging.getLogger(__name__)

SECURITY_HEADERS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""Part of every answer, unless the application has sent its own."""

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

LOST_RIGHTS = 4401
"""With this a websocket closes whose caller has lost his rights."""

_RAW = frozenset({"application/json", "application/octet-stream"})
_CURL = _RAW | {"application/x-www-form-urlencoded"}
_START = frozenset({"http.response.start", "websocket.http.response.start"})

_OPEN = frozenset({"websocket.accept", "websocket.send"})


class Guard:
    """An ASGI application around another one, which it asks only if the caller may.

    Every answer, whoever gives it, gets the security headers; an exception that leaves the
    application is answered 500 and logged.

    Args:
        app: what to guard.
        policy: who may call.
        authenticate: who shows a token or a certificate; None when no plugin can tell.
        turnout: limits what each caller may have at a time.
        pages: signs the owner's browsers in.

    Attributes:
        refusals: audits refused requests; the counts are written inside its `counting`.
    """

    def __init__(
        self,
        app: Application,
        policy: Policy,
        authenticate: Authenticate | None = None,
        turnout: Turnout | None = None,
        pages: Pages | None = None,
    ) -> None:
        self.app = app
        self.refusals = Refusals()
        self._pages = pages or Pages()
        self._policy = policy
        self._turnout = turnout or Turnout()
        self._door = Door(policy.uids, authenticate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or serve one websocket."""
        answer = _Answer(scope, send, self.refusals)
        try:
            if not self._admit(scope, answer):
                answer.refuse()
                await respond(scope, answer.send, 204, list(PREFLIGHT_HEADERS))
                return
        except ApiError as refusal:
            log.debug("%s refused: %s", scope.get("method", "websocket"), refusal)
            answer.refuse()
            await answer.error(refusal)
            return
        await self._ask(scope, receive, answer)

    async def _ask(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        caller: Caller = scope["gaffer.caller"]
        finished = False
        try:
            with self._turnout.joined(caller), caller.admitted():
                scope.get("state", {}).get("admit", _nothing)()
                await self.app(scope, receive, answer.send)
                finished = True
            if not finished and not answer.started:
                # The request may have done its work: what it is refused is the answer.
                answer.record("no answer")
                answer.refuse()
                await answer.error(rights_lost(caller))
            elif not finished:
                await answer.hang_up(LOST_RIGHTS)
        except TooManyRequestsError as refusal:
            answer.refuse()
            await answer.error(refusal)
        except ApiError as error:
            if not answer.started:
                await answer.error(error)
        except Exception:
            if answer.started:
                raise
            log.exception("the API failed on %s", scope["path"])
            await answer.error(of_status(500))
        finally:
            answer.record("no answer")

    def _admit(self, scope: Scope, answer: _Answer) -> bool:
        """Check everything; return whether the application is to be asked.

        It is not when a browser asks whether a page of another, listed, origin may call: browsers
        show neither token nor certificate then, and whoever asks is told nothing else.
        """
        headers: Headers = {}
        for name, value in scope["headers"]:
            headers.setdefault(name, []).append(value)
        host = self._checked_host(scope, headers)
        origin = self._checked_origin(scope, headers, host)
        if self._policy.origins:
            answer.extra.append((b"vary", b"Origin"))
        if origin is not None:
            answer.extra.append((b"access-control-allow-origin", origin.encode()))
            answer.extra.append((b"access-control-allow-credentials", b"true"))
            answer.extra.append((b"access-control-expose-headers", b"Location, X-Gaffer-Lost"))
            if scope.get("method") == "OPTIONS":
                return False
        scope["gaffer.caller"] = self._caller(scope, headers, origin)
        scope["gaffer.pages"] = self._pages
        check_http_version(scope)
        self._check_media(scope, headers)
        return True

    def _caller(self, scope: Scope, headers: Headers, origin: str | None) -> Caller:
        caller = self._door.caller(scope, headers)
        if not _is_browser(headers):
            return caller
        if isinstance(caller, Owner):
            return self._pages.caller(caller.peer, headers)
        # A browser shows its certificate for every page, also for one of a listed origin.
        by_token = _auth_mode(scope) != "certificate" and shows_token(scope, headers)
        if origin is not None and not by_token:
            raise PageKeyNeeded
        return caller

    def _checked_host(self, scope: Scope, headers: Headers) -> str:
        if not scope["raw_path"].startswith(b"/"):
            raise of_status(400, "the target of a request must be a path that begins with /")
        host, *more = headers.get(b"host", [b""])
        if not more and not host and is_http_1_0(scope):
            return ""
        if more or not host:
            raise of_status(400, "a request must have one Host header")
        if not is_own_host(host, _auth_mode(scope), self._policy.hosts):
            shown = host.decode("latin-1")
            raise of_status(
                421, f"Host {shown!r} is not a name of this API; [gaffer] http_hosts can add one"
            )
        return host.decode("ascii")

    def _checked_origin(self, scope: Scope, headers: Headers, host: str) -> str | None:
        """Refuse pages of foreign origins; return the origin if it is foreign, but listed."""
        if b"origin" not in headers:
            sites = headers.get(b"sec-fetch-site", [])
            if any(site not in (b"same-origin", b"none") for site in sites):
                raise ApiError(403, "forbidden_origin", "pages of other sites may not use this API")
            return None
        text = b", ".join(headers[b"origin"]).decode("latin-1")
        origin = normal_origin(text)
        schemes = {scope["scheme"].replace("ws", "http")}
        if _auth_mode(scope) != "owner":
            # A reverse proxy in front may speak HTTPS for us; here the token protects, not this.
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
        """Refuse a body of a kind that a page of any origin could send without being asked."""
        if scope["type"] != "http" or scope["method"] in READING:
            return
        browser = _is_browser(headers)
        kinds = headers.get(b"content-type", [])
        if not kinds:
            lengths = headers.get(b"content-length", [])
            empty = b"transfer-encoding" not in headers and all(each == b"0" for each in lengths)
            if browser and not empty:
                raise of_status(415, "a page must say Content-Type: application/json")
            return
        kind = kinds[0].partition(b";")[0].strip().lower().decode("latin-1")
        if len(kinds) > 1 or kind not in (_RAW if browser else _CURL):
            raise of_status(415, f"Content-Type must be application/json, not {kind!r}")


class _Answer:
    """What goes back to the client: adds headers, and knows what has begun.

    Attributes:
        extra: headers to add to every answer.
        started: whether the client has been sent anything.
    """

    def __init__(self, scope: Scope, send: Send, refusals: Refusals) -> None:
        self.extra = list(SECURITY_HEADERS)
        self.started = False
        self._scope = scope
        self._send = send
        self._refusals = refusals
        self._websocket_open = False
        self._changes = scope.get("method", "GET") not in READING
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
            # A browser that offers one gives up when none is chosen.
            message["subprotocol"] = SUBPROTOCOL
        self.started = True
        self._websocket_open = kind in _OPEN
        await self._send(message)

    def refuse(self) -> None:
        """Tell the server that this request is refused, and need not be answered at all costs."""
        self._scope.get("state", {}).get("refuse", _nothing)()

    async def hang_up(self, code: int) -> None:
        """Close a websocket that has been accepted, and is still open."""
        if self._websocket_open:
            await self.send({"type": "websocket.close", "code": code})

    def record(self, outcome: object) -> None:
        """Audit a change once, and every refusal, before the client gets the answer."""
        caller: Caller | None = self._scope.get("gaffer.caller")
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
            who, group = caller.name, identity(caller)
        else:
            peer = self._scope.get("state", {}).get("peer") or Peer(None)
            who, group = str(peer), peer.group
        self._refusals.note(who, group, audit.request_line(self._scope), status)

    async def error(self, error: ApiError) -> None:
        headers = [(name.lower().encode(), v.encode()) for name, v in error.headers.items()]
        await respond(self._scope, self.send, error.status, [_JSON_TYPE, *headers], error.body)


_JSON_TYPE = (b"content-type", JSON.encode())


def _nothing() -> None:
    """Not served by our own server: there are no places."""


def _auth_mode(scope: Scope) -> AuthMode:
    mode: AuthMode = scope.get("state", {}).get("auth", "token")
    return mode


def _is_browser(headers: Headers) -> bool:
    return b"origin" in headers or any(name.startswith(b"sec-fetch-") for name in headers)

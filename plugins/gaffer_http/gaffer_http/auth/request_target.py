"""The forms of request targets of RFC 9112, section 3.2, reduced to one: a path.

Clients that are set up for a proxy, and some health checkers, send `GET http://host/ping`; servers
must accept that. `OPTIONS *` asks about the whole server.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from gaffer_http.asgi import Scope
from gaffer_http.errors import ApiError, error_from_status

_ABSOLUTE = re.compile(rb"(https?)://([^/]*)(/.*)?", re.I | re.S)


def reduce_target(scope: Scope) -> None:
    """Replace the target of a request by its path, in the scope.

    The host of an absolute target takes the place of the Host header, which RFC 9112, section
    3.2.2, requires to be ignored then: every later check sees the host that the client means.

    Args:
        scope: of a request or websocket; its `path`, `raw_path` and `headers` are replaced.

    Raises:
        ApiError: 400, it is neither a path, `*` of OPTIONS, nor an absolute URL; 421, it is an URL
            of another scheme than that of the connection.
    """
    target = scope["raw_path"]
    if target.startswith(b"/"):
        return
    if target == b"*" and scope.get("method") == "OPTIONS":
        _set_path(scope, b"/")
        return
    # HTTP/2 has this form for proxies only, in other fields.
    match = _ABSOLUTE.fullmatch(target) if scope["http_version"] < "2" else None
    if match is None:
        raise error_from_status(400, "the target of a request must be a path or an absolute URL")
    scheme, host, path = match.groups()
    _check_scheme(scope, scheme.decode("ascii").lower())
    _set_path(scope, path or b"/")
    others = [pair for pair in scope["headers"] if pair[0] != b"host"]
    scope["headers"] = [(b"host", host), *others]


def _set_path(scope: Scope, path: bytes) -> None:
    scope["raw_path"] = path
    scope["path"] = unquote(path.decode("ascii", "replace"))


def _check_scheme(scope: Scope, scheme: str) -> None:
    """Refuse the other scheme: https means a secured connection (RFC 9110, section 7.4)."""
    own = scope["scheme"].replace("ws", "http")
    if scheme != own:
        raise ApiError(421, "misdirected_request", f"this port speaks {own}://, not {scheme}://")

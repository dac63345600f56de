"""Detection of reverse proxies in front of an endpoint that trusts the user ID.

It catches careless setups only: a proxy that adds no header cannot be told apart from its user. A
proxy needs an endpoint with `auth = token`.
"""

from __future__ import annotations

from gaffer_http.asgi import Headers, Scope
from gaffer_http.errors import ApiError

_PROXY_HEADERS = (
    *(b"forwarded", b"via", b"x-forwarded", b"x-real-ip", b"x-client-ip", b"true-client-ip"),
    *(b"x-cluster-client-ip", b"x-original-", b"x-envoy-", b"x-proxy", b"cf-", b"cdn-"),
    *(b"fastly-", b"fly-", b"x-arr-", b"x-azure-", b"x-amz-cf-", b"x-amzn-trace-", b"x-appengine-"),
)
"""Prefixes of the headers that proxies add. See RFC 7239 and RFC 8586 for the first two."""

_HEALTH_CHECKS = frozenset({("GET", b"/ping"), ("HEAD", b"/ping"), ("OPTIONS", b"/")})


def find_proxy_header(headers: Headers) -> str | None:
    """Return the name of a header that only a proxy adds, with capital letters."""
    for name in headers:
        if name.startswith(_PROXY_HEADERS):
            return name.decode("latin-1").title()
    return None


def is_http_1_0(scope: Scope) -> bool:
    """Return whether a request came over HTTP/1.0, which has no Host header."""
    return str(scope.get("http_version", "1.1")) < "1.1"


def check_http_version(scope: Scope) -> None:
    """Refuse HTTP/1.0, which old proxies use towards their upstream, except health checks.

    Raises:
        ApiError: 426.
    """
    check = (scope.get("method"), scope["raw_path"])
    if is_http_1_0(scope) and check not in _HEALTH_CHECKS:
        raise ApiError(
            426,
            "upgrade_required",
            "HTTP/1.0 is too old for this API: use HTTP/1.1; in nginx, proxy_http_version 1.1",
            {"Upgrade": "HTTP/1.1", "Connection": "Upgrade"},
        )

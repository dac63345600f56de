"""Authentication: find the caller by a token, a certificate, or the user of the connection."""

from __future__ import annotations

import re

from gaffer_http.asgi import Headers, Scope
from gaffer_http.auth.caller import Authenticate, Caller, Credentials, Owner
from gaffer_http.auth.proxies import find_proxy_header
from gaffer_http.auth.wrong_tokens import WrongTokens
from gaffer_http.errors import ApiError
from gaffer_http.listen.auth_mode import AuthMode
from gaffer_http.scope import RequestContext
from gaffer_http.serve.peer import Peer

SUBPROTOCOL = "gaffer"
"""The subprotocol that the API accepts on websockets: pages can send a token only as another one,
`bearer.TOKEN`, and a browser closes the websocket if none is accepted."""

_BEARER = re.compile(rb"Bearer +(?P<token>[A-Za-z0-9._~+/=-]{1,512})", re.I)
_KEY = re.compile(rb"(?P<token>[A-Za-z0-9._~+/=-]{1,512})")
_OFFERED = "bearer."


class Authenticator:
    """Finds the caller of each request and each websocket.

    Args:
        uids: the users whose programs are the owner, on this machine and without a token.
        authenticate: looks up tokens and certificates; None if no plugin does.
    """

    def __init__(self, uids: frozenset[int], authenticate: Authenticate | None = None) -> None:
        self._uids = uids
        self._authenticate = authenticate
        self._wrong = WrongTokens()

    def authenticate(self, scope: Scope, headers: Headers) -> Caller:
        """Return the caller of a request.

        Raises:
            ApiError: 401 or 403, the caller is unknown or has no access; 429, too many wrong
                tokens.
        """
        connection = RequestContext(scope).connection
        peer, mode = connection.peer, connection.auth_mode
        if mode != "certificate":
            token = _find_token(scope, headers)
            if token is not None:
                return self._authenticate_token(peer, token)
        certificate = connection.get_certificate()
        if certificate and self._authenticate:
            caller = self._authenticate(Credentials(peer, None, certificate))
            if caller is not None:
                return caller
        if mode != "owner":
            raise _required(mode, bool(certificate))
        self._check_proxy(headers)
        if peer.uid is not None and peer.uid in self._uids:
            return Owner(peer)
        raise self._unknown_peer_error(peer, bool(certificate))

    def _authenticate_token(self, peer: Peer, token: str) -> Caller:
        if self._authenticate is None:
            raise _unauthorized("no plugin here checks tokens: install gaffer-auth, or send none")
        # Look up first, then count: wrong tokens of other clients behind the same address must not
        # lock out a valid one.
        caller = self._authenticate(Credentials(peer, token))
        if caller is None:
            self._wrong.count(peer)
            raise _unauthorized("this token is unknown, revoked or expired")
        return caller

    def _check_proxy(self, headers: Headers) -> None:
        header = find_proxy_header(headers)
        if header is None:
            return
        reason = "a proxy hides the caller: give it an endpoint with auth = token"
        if self._authenticate:
            raise _unauthorized(f"{header}: {reason}, and send a token")
        raise ApiError(403, "forbidden", f"{header}: {reason}")

    def _unknown_peer_error(self, peer: Peer, certified: bool) -> ApiError:
        owners = " and ".join(str(uid) for uid in sorted(self._uids, reverse=True))
        reason = f"this API serves programs of user {owners}, not of {peer}"
        if self._authenticate:
            unknown = "; the client certificate is unknown" if certified else ""
            return _unauthorized(f"{reason}, without a token{unknown}")
        return ApiError(403, "forbidden", reason)


def _find_token(scope: Scope, headers: Headers) -> str | None:
    """Return the token of a request.

    Raises:
        ApiError: 401, the request has several tokens, or one of a wrong form.
    """
    shown = [
        *map(_BEARER.fullmatch, headers.get(b"authorization", ())),
        *map(_KEY.fullmatch, headers.get(b"x-api-key", ())),
    ]
    tokens = [match["token"].decode() if match else "" for match in shown]
    tokens += [
        each.removeprefix(_OFFERED)
        for each in scope.get("subprotocols", ())
        if each.startswith(_OFFERED)
    ]
    if not tokens:
        return None
    if len(tokens) > 1 or not tokens[0]:
        raise _unauthorized("show one token, as Authorization: Bearer TOKEN")
    return tokens[0]


def shows_token(scope: Scope, headers: Headers) -> bool:
    """Return whether a request has a token, valid or not."""
    return _find_token(scope, headers) is not None


def rights_revoked_error(caller: Caller) -> ApiError:
    """Return the 401 sent when a caller's permissions are revoked during the request."""
    return _unauthorized(f"permissions of {caller.name} were revoked during this request")


def _required(mode: AuthMode, certified: bool) -> ApiError:
    """Return the 401 of an endpoint where a user ID is not sufficient."""
    unknown = "; the client certificate is unknown" if certified else ""
    return _unauthorized(f"this endpoint serves callers with a {mode} only{unknown}")


def _unauthorized(reason: str) -> ApiError:
    return ApiError(401, "unauthorized", reason, {"WWW-Authenticate": "Bearer"})

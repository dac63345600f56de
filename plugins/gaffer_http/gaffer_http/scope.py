"""Typed access to the keys that gaffer-http keeps in an ASGI scope and in its `state`.

The server fills the state of a connection, the middleware and the application the scope of a
request. No other module names these keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from gaffer_http.serve.peer import Peer

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from contextlib import AsyncExitStack

    import trio

    from gaffer_http.auth.caller import Caller, Certificate
    from gaffer_http.auth.pages import Pages
    from gaffer_http.listen.auth_mode import AuthMode

T = TypeVar("T")


class _Key(Generic[T]):
    """An attribute that is stored in a mapping, under a key."""

    def __init__(self, key: str, default: T) -> None:
        self._key = key
        self._default = default

    def __get__(self, instance: _Keys, owner: type[_Keys]) -> T:
        value: T | None = instance.mapping.get(self._key)
        return self._default if value is None else value

    def __set__(self, instance: _Keys, value: T) -> None:
        instance.mapping[self._key] = value


class _Keys:
    def __init__(self, mapping: MutableMapping[str, Any]) -> None:
        self.mapping = mapping


def _do_nothing() -> None:
    pass


def _return_false() -> bool:
    return False


def _return_none() -> None:
    return None


class ConnectionState(_Keys):
    """The server's information about a connection, for each request on it.

    Every attribute has a default, because another server than ours may serve the application.

    Args:
        mapping: the `state` of the scope.

    Attributes:
        peer: the other end of the connection.
        auth_mode: what identifies a caller at the endpoint; `token`, the strictest mode that needs
            no certificate, if the server does not say.
        get_certificate: returns the checked certificate of the client, if it has shown one.
        is_hung_up: returns whether the client has closed its half, even if nothing is being read.
        admit: to be called when a request is admitted; until then its connection has tight limits.
        refuse: to be called when a request is refused; it holds no place from then on.
        abort_slow_websocket: to be called before a websocket is cancelled: breaks its connection
            within seconds if the client does not read, because cancelling does not interrupt a
            send.
        reads_to_end: set by a view that reads a websocket until `receive` raises EndOfChannel.
    """

    peer: _Key[Peer] = _Key("peer", Peer(None))
    auth_mode: _Key[AuthMode] = _Key("auth", "token")
    get_certificate: _Key[Callable[[], Certificate | None]] = _Key("certificate", _return_none)
    is_hung_up: _Key[Callable[[], bool]] = _Key("hung_up", _return_false)
    admit: _Key[Callable[[], None]] = _Key("admit", _do_nothing)
    refuse: _Key[Callable[[], None]] = _Key("refuse", _do_nothing)
    abort_slow_websocket: _Key[Callable[[], None]] = _Key("abort_slow_websocket", _do_nothing)
    reads_to_end: _Key[bool] = _Key("gaffer.reads_to_end", False)


class RequestContext(_Keys):
    """The data of gaffer-http about one request or websocket.

    Args:
        mapping: the ASGI scope.

    Attributes:
        caller: who sent it; None until the middleware has authenticated them.
        pages: signs the owner's browsers in and out.
        program: the program of the job that the request loads, for the audit log.
        is_refused: whether the middleware has refused the request.
        lifetime: callbacks and context managers to close when the request is over.
        cancel_scope: cancelled when the plugin whose route this is closes.
    """

    caller: _Key[Caller | None] = _Key("gaffer.caller", None)
    pages: _Key[Pages | None] = _Key("gaffer.pages", None)
    program: _Key[str | None] = _Key("gaffer.program", None)
    is_refused: _Key[bool] = _Key("gaffer.refused", False)
    lifetime: _Key[AsyncExitStack | None] = _Key("gaffer.lifetime", None)
    cancel_scope: _Key[trio.CancelScope | None] = _Key("gaffer.cancel_scope", None)

    @property
    def connection(self) -> ConnectionState:
        """The state of the connection."""
        return ConnectionState(self.mapping.get("state", {}))

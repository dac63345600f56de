"""What a request is and how its answer is read, apart from any connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from gaffer_client.errors import NotGafferError, NotSettledError, make_response_error

JSON = "application/json"
BYTES = "application/octet-stream"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Response:
    """An answer as it came. Names of headers are in lower case."""

    address: str
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Generic[T]):
    """A request, and how to read its answer.

    Attributes:
        path: quoted, from the first `/`.
        read: makes the result out of an answer that is no error.
        more: seconds that the answer may take beyond the usual, because it is meant to.
    """

    method: str
    path: str
    read: Callable[[Response], T]
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    more: float = 0.0

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    def result(self, reply: Response) -> T:
        """What an answer means.

        Raises:
            ResponseError: it is an error.
            NotGafferError: it is nothing that gaffer would answer.
            NotSettledError: it says that the wait was too short.
        """
        check(reply)
        return self.read(reply)


def encode(value: object) -> bytes:
    """A body in JSON."""
    return json.dumps(value).encode()


def check(reply: Response) -> None:
    """Raise the error that an answer is.

    Raises:
        ResponseError: by its status.
        NotGafferError: it is no answer of gaffer's.
    """
    if 200 <= reply.status < 300:
        return
    try:
        body = json.loads(reply.body)
        error, reason = str(body["error"]), str(body["reason"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise NotGafferError(reply.address, f"status {reply.status}, without a reason") from None
    raise make_response_error(reply.status, error, reason)


def check_settled(reply: Response) -> None:
    """Read an answer that only says that it is done, or will be.

    Raises:
        NotSettledError: the answer says so.
    """
    body(reply)


def body(reply: Response) -> dict[str, Any]:
    """Read an object in JSON.

    Raises:
        NotSettledError: it says so.
    """
    value: dict[str, Any] = typed(dict)(reply)
    if value.get("settled") is False:
        raise NotSettledError("recorded, but not done in the time given")
    return value


def key(name: str, kind: type[T]) -> Callable[[Response], T]:
    """Read one key of an object in JSON."""

    def read(reply: Response) -> T:
        return convert(reply.address, body(reply).get(name), kind, name)

    return read


def typed(kind: type[T]) -> Callable[[Response], T]:
    """Read a value of a type in JSON."""

    def read(reply: Response) -> T:
        # Late, as is everything that takes time to import.
        import msgspec

        try:
            return msgspec.json.decode(reply.body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise NotGafferError(reply.address, str(error)) from None

    return read


def convert(address: str, value: object, kind: type[T], name: str) -> T:
    """A value that was read already, as a type.

    Raises:
        NotGafferError: it is of another one.
    """
    import msgspec

    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise NotGafferError(address, f"{name}: {error}") from None

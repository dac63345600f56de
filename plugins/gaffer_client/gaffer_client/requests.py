"""Requests and responses, independent of any connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from gaffer_client.errors import (
    NotGafferError,
    NotSettledError,
    RestartFailedError,
    make_response_error,
)

JSON = "application/json"
BYTES = "application/octet-stream"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Response:
    """A complete response. Header names are in lower case."""

    address: str
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Generic[T]):
    """A request, and the function that reads its response.

    Attributes:
        path: the quoted path, which begins with `/`.
        read: converts a response without an error to the result.
        extra_timeout: seconds that the response may take in addition to the usual timeout.
    """

    method: str
    path: str
    read: Callable[[Response], T]
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    extra_timeout: float = 0.0

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    def parse(self, response: Response) -> T:
        """Convert a response to the result.

        Raises:
            ResponseError: the status is an error.
            NotGafferError: gaffer does not send such a response.
            NotSettledError: the response says that the wait timed out, or that the change failed.
        """
        check_status(response)
        return self.read(response)


def encode(value: object) -> bytes:
    """Encode a request body as JSON."""
    return json.dumps(value).encode()


def check_status(response: Response) -> None:
    """Raise the exception for an error response.

    Raises:
        ResponseError: the status is an error; the class depends on the status.
        NotGafferError: gaffer does not send such a response.
    """
    if 200 <= response.status < 300:
        return
    try:
        content = json.loads(response.body)
        error, reason = str(content["error"]), str(content["reason"])
    except (ValueError, TypeError, KeyError, RecursionError):
        message = f"status {response.status}, without a reason"
        raise NotGafferError(response.address, message) from None
    raise make_response_error(response.status, error, reason)


def check_settled(response: Response) -> None:
    """Read a response that only says whether the request is done.

    Raises:
        NotSettledError: the response says that the wait timed out, or that the change failed.
    """
    _read_object(response)


def read_done(response: Response) -> bool:
    """Read the response to a change that has no other result; return True.

    Raises:
        NotSettledError: the response says that the wait timed out, or that the change failed.
    """
    check_settled(response)
    return True


def _read_object(response: Response) -> dict[str, Any]:
    value: dict[str, Any] = read_json(dict)(response)
    if value.get("settled") is False:
        if isinstance(reason := value.get("reason"), str):
            raise RestartFailedError(f"taken back: {reason}")
        raise NotSettledError("recorded, but not done in the time given")
    return value


def read_key(name: str, kind: type[T]) -> Callable[[Response], T]:
    """Return a function that reads one key of a JSON object.

    The function raises NotSettledError if the response says that the wait timed out, or that the
    change failed.
    """

    def read(response: Response) -> T:
        return convert(response.address, _read_object(response).get(name), kind, name)

    return read


def read_json(kind: type[T]) -> Callable[[Response], T]:
    """Return a function that reads a JSON value of a type."""

    def read(response: Response) -> T:
        # Imported late: a command that fails to connect should not pay for it.
        import msgspec

        try:
            return msgspec.json.decode(response.body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise NotGafferError(response.address, str(error)) from None

    return read


def convert(address: str, value: object, kind: type[T], name: str) -> T:
    """Convert a decoded JSON value to a type.

    Raises:
        NotGafferError: the value does not have this type.
    """
    import msgspec

    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise NotGafferError(address, f"{name}: {error}") from None

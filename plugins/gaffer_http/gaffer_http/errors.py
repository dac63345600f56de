"""The one form of every error of the API, and the API error of each kernel error."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

import msgspec
from gaffer_kernel import Closing, Conflict, GafferError, InvalidField, NotFound, StorageError
from msgspec import Meta, Struct

JSON = "application/json; charset=utf-8"

_FIELD_SLUGS = {"name": "invalid_name", "session": "invalid_name", "signal": "bad_signal"}

_HTTP_SLUGS = {
    400: "bad_request",
    404: "resource_not_found",
    413: "too_large",
    500: "internal_error",
}
"""Other statuses use their name: 405 is `method_not_allowed`."""


class Error(Struct, kw_only=True):
    """The JSON body of every error."""

    ok: Annotated[bool, Meta(extra_json_schema={"const": False})] = False
    error: Annotated[str, Meta(description="One word for programs.")]
    errno: Annotated[int, Meta(ge=400, le=599, description="The HTTP status.")]
    reason: Annotated[str, Meta(description="One sentence for people.")]


class ApiError(Exception):
    """An error that is sent to the client.

    Args:
        status: the HTTP status, 400 to 599.
        slug: one word for programs.
        reason: one sentence for people.
        headers: additional headers of the response.
    """

    def __init__(
        self, status: int, slug: str, reason: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.slug = slug
        self.reason = reason
        self.headers = headers or {}

    @property
    def body(self) -> bytes:
        """The body of the response, JSON."""
        return msgspec.json.encode(Error(error=self.slug, errno=self.status, reason=self.reason))


def not_running_error(name: object) -> ApiError:
    """Return the error for a signal that reached no process."""
    return ApiError(409, "not_running", f"{name}: no process runs that could take the signal")


def error_from_status(status: int, reason: str | None = None) -> ApiError:
    """Return the error for an HTTP status."""
    slug = _HTTP_SLUGS.get(status) or HTTPStatus(status).name.lower()
    return ApiError(status, slug, reason or HTTPStatus(status).description)


def error_from_kernel(error: GafferError) -> ApiError:
    """Return the API error for an error that the kernel raised."""
    reason = str(error)
    match error:
        case InvalidField():
            return ApiError(400, _FIELD_SLUGS.get(error.field, "bad_value"), reason)
        case NotFound():
            return ApiError(404, "not_found", reason)
        case Conflict():
            return ApiError(409, "conflict", reason)
        case Closing():
            return ApiError(503, "shutting_down", reason)
        case StorageError():
            return error_from_status(507, reason)
        case _:
            return ApiError(500, "internal_error", reason)

"""One file, as HTTP has it: its type, whether the client has it already, and a part of it."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import trio

from gaffer_sites.safe_open import Opened
from gaffer_sites.service import Found

if TYPE_CHECKING:
    from quart import Request, Response

CHUNK = 256 * 1024
"""Bytes that are read at a time."""

BINARY = "application/octet-stream"

_WEB = {
    ".avif": "image/avif",
    ".js": "text/javascript",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}
"""What Python, or an old one, does not know or calls otherwise."""

_TYPES = mimetypes.MimeTypes()
for _suffix, _type in _WEB.items():
    _TYPES.add_type(_type, _suffix)


def content_type(name: str) -> str:
    """The type of a file by its suffix, whatever the machine knows of types."""
    kind, packed = _TYPES.guess_type(f"/{name}")
    if kind is None or packed:
        return BINARY
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def answer(request: Request, found: Found) -> Response:
    """The answer to a request for a file.

    Raises:
        HTTPException: 412 or 416.
    """
    from quart import Response
    from werkzeug.exceptions import PreconditionFailed
    from werkzeug.http import http_date

    status = found.opened.status
    tag = f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"
    modified = datetime.fromtimestamp(int(status.st_mtime), UTC)
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-cache",
        "Content-Security-Policy": found.policy,
        "ETag": f'"{tag}"',
        "Last-Modified": http_date(modified),
    }
    if request.if_match and not request.if_match.contains(tag):
        raise PreconditionFailed
    if _is_known(request, tag, modified):
        known = _bare(Response(b"", 304, headers))
        del known.content_length  # It would be that of the file.
        return known
    begin, end = 0, status.st_size
    code = 200
    part = _part(request, headers, status.st_size)
    if part is not None:
        begin, end = part
        code = 206
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{status.st_size}"
    body = b"" if request.method == "HEAD" else _bytes(found.opened, begin, end)
    kind = content_type(found.opened.place.name)
    response = Response(body, code, headers, content_type=kind)
    response.content_length = end - begin
    return response


async def _bytes(file: Opened, begin: int, end: int) -> AsyncIterator[bytes]:
    """A file from one byte to another, or as far as it goes should it have become shorter."""
    while begin < end:
        # A disk can hang; whoever waits for it goes nevertheless.
        data = await trio.to_thread.run_sync(
            file.read, begin, min(CHUNK, end - begin), abandon_on_cancel=True
        )
        if not data:
            return
        yield data
        begin += len(data)


def redirect(location: str) -> Response:
    """Lead a client elsewhere, without a page that says so."""
    from quart import Response

    return _bare(Response(b"", 308, {"Location": location, "Cache-Control": "no-cache"}))


def _bare(response: Response) -> Response:
    del response.headers["Content-Type"]
    return response


def _is_known(request: Request, tag: str, modified: datetime) -> bool:
    if "If-None-Match" in request.headers:
        return request.if_none_match.contains_weak(tag)
    return request.if_modified_since is not None and modified <= request.if_modified_since


def _part(request: Request, headers: dict[str, str], size: int) -> tuple[int, int] | None:
    """Begin and end of the part that is asked for; None when it is the whole.

    Several parts at once, and what is no range of bytes, are answered with the whole.
    """
    from werkzeug.exceptions import RequestedRangeNotSatisfiable

    wanted = request.range
    if request.method != "GET" or wanted is None or wanted.units != "bytes":
        return None
    if len(wanted.ranges) != 1:
        return None
    condition = request.headers.get("If-Range")
    if condition is not None and condition not in (headers["ETag"], headers["Last-Modified"]):
        return None
    begin, end = wanted.ranges[0]
    if begin < 0:
        begin = max(0, size + begin)
    end = size if end is None else min(end, size)
    if begin >= end:
        raise RequestedRangeNotSatisfiable(size)
    return begin, end

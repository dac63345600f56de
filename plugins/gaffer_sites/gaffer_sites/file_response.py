"""The HTTP response with a file: content type, conditional requests and byte ranges."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import trio

from gaffer_sites.safe_open import OpenedPath
from gaffer_sites.service import FoundPath

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
"""Types that some Python versions do not know or name differently."""

_TYPES = mimetypes.MimeTypes()
for _suffix, _type in _WEB.items():
    _TYPES.add_type(_type, _suffix)


def get_content_type(name: str) -> str:
    """Return the type of a file by its suffix, independently of the mime types of the machine."""
    kind, encoding = _TYPES.guess_type(f"/{name}")
    if kind is None or encoding:
        return BINARY
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def make_file_response(request: Request, found: FoundPath) -> Response:
    """Make the response to a request for a file.

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
    if _is_not_modified(request, tag, modified):
        not_modified = _remove_content_type(Response(b"", 304, headers))
        del not_modified.content_length  # It would be that of the file.
        return not_modified
    begin, end = 0, status.st_size
    code = 200
    byte_range = _get_range(request, headers, status.st_size)
    if byte_range is not None:
        begin, end = byte_range
        code = 206
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{status.st_size}"
    body = b"" if request.method == "HEAD" else _read(found.opened, begin, end)
    content_type = get_content_type(found.opened.path.name)
    response = Response(body, code, headers, content_type=content_type)
    response.content_length = end - begin
    return response


async def _read(file: OpenedPath, begin: int, end: int) -> AsyncIterator[bytes]:
    """Read a range of bytes; fewer if the file has been truncated since."""
    while begin < end:
        # A disk can block in uninterruptible sleep: if the client disconnects, abandon the thread.
        data = await trio.to_thread.run_sync(
            file.read, begin, min(CHUNK, end - begin), abandon_on_cancel=True
        )
        if not data:
            return
        yield data
        begin += len(data)


def make_redirect(location: str) -> Response:
    """Make a permanent redirect without a body."""
    from quart import Response

    response = Response(b"", 308, {"Location": location, "Cache-Control": "no-cache"})
    return _remove_content_type(response)


def _remove_content_type(response: Response) -> Response:
    del response.headers["Content-Type"]
    return response


def _is_not_modified(request: Request, tag: str, modified: datetime) -> bool:
    """Whether the client has the current version of the file."""
    if "If-None-Match" in request.headers:
        return request.if_none_match.contains_weak(tag)
    return request.if_modified_since is not None and modified <= request.if_modified_since


def _get_range(request: Request, headers: dict[str, str], size: int) -> tuple[int, int] | None:
    """Return begin and end of the requested range, or None for the whole file.

    Requests for several ranges, and for ranges of other units, get the whole file.
    """
    from werkzeug.exceptions import RequestedRangeNotSatisfiable

    requested = request.range
    if request.method != "GET" or requested is None or requested.units != "bytes":
        return None
    if len(requested.ranges) != 1:
        return None
    condition = request.headers.get("If-Range")
    if condition is not None and condition not in (headers["ETag"], headers["Last-Modified"]):
        return None
    begin, end = requested.ranges[0]
    if begin < 0:
        begin = max(0, size + begin)
    end = size if end is None else min(end, size)
    if begin >= end:
        raise RequestedRangeNotSatisfiable(size)
    return begin, end

"""Posting messages with httpx2, to addresses that were resolved and checked just before.

It follows no redirect, uses no proxy and keeps no cookie. Of a response it reads little, and uses
only the status and Retry-After.
"""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import trio

from gaffer_webhooks.delivery import Post
from gaffer_webhooks.retry import SendResult
from gaffer_webhooks.ssrf import get_block_reason
from gaffer_webhooks.url import ParsedUrl, bracket, parse_url

if TYPE_CHECKING:
    import httpx2

log = logging.getLogger(__package__)

CONNECT_TIMEOUT = 5.0
TOTAL_TIMEOUT = 10.0
"""Seconds, from resolving the host to the end of the response."""

READ_TIMEOUT = 1.0
"""Seconds for the body of a response."""

MAX_READ = 4096
"""Bytes of the body of a response."""

MAX_ADDRESSES = 8
"""Addresses of a host that are tried, one after the other."""

AGENT = "gaffer-webhooks"

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Returns all addresses of a host; raises OSError or UnicodeError when there are none."""


def make_resolver() -> Resolve:
    """Make a resolver with a thread of its own: one that hangs delays no other."""
    limiter = trio.CapacityLimiter(1)

    async def resolve(host: str, port: int) -> list[str]:
        def resolve_in_thread() -> list[str]:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return [str(address[0]) for *_, address in found]

        return await trio.to_thread.run_sync(
            resolve_in_thread, abandon_on_cancel=True, limiter=limiter
        )

    return resolve


async def resolve_allowed(resolve: Resolve, url: ParsedUrl, *, trusted: bool) -> list[str]:
    """Resolve the host of a URL, and check that all its addresses are allowed.

    Raises:
        ValueError: one of them is blocked.
        OSError, UnicodeError: the host cannot be resolved.
    """
    addresses = await resolve(url.host, url.port)
    for address in addresses:
        reason = get_block_reason(address, trusted=trusted)
        if reason is not None:
            raise ValueError(reason)
    return addresses[:MAX_ADDRESSES]


class Certificates:
    """The trusted certificate authorities, read once in a thread, which also imports httpx2."""

    def __init__(self) -> None:
        self._context: ssl.SSLContext | None = None
        self._lock = trio.Lock()

    async def get(self) -> ssl.SSLContext:
        """Return a context with those of the system, or of `$SSL_CERT_FILE`.

        Raises:
            OSError: they cannot be read.
        """
        async with self._lock:
            if self._context is None:
                self._context = await trio.to_thread.run_sync(_load)
        return self._context


async def preload() -> None:
    """Import httpx2 in a thread, also if there is no hook yet.

    An upgrade of packages can remove its files before the first message. If cancelled, the import
    goes on in its thread.
    """
    await trio.to_thread.run_sync(_import_httpx2, abandon_on_cancel=True)
    log.debug("no file of gaffer-webhooks is needed any longer")


def _import_httpx2() -> None:
    # Takes a few tenths of a second, too long for the event loop.
    import httpx2

    # A transport imports httpcore2 when the first one is made.
    httpx2.AsyncHTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False)


def _load() -> ssl.SSLContext:
    _import_httpx2()
    return ssl.create_default_context()


class Sender:
    """Post messages to one URL.

    Args:
        url: the URL.
        trusted: whether it may lead to this machine or a private network.
        certificates: the certificate authorities, shared by all senders.
        resolve: resolves the host.
    """

    def __init__(
        self, url: str, *, trusted: bool, certificates: Certificates, resolve: Resolve
    ) -> None:
        self._url = parse_url(url)
        self._trusted = trusted
        self._certificates = certificates
        self._resolve = resolve

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Post]:
        """Keep a connection alive while the block lasts, if the receiver does."""
        try:
            context = await self._certificates.get()
        except OSError as error:
            reason = f"the certificates cannot be read: {_format_error(error)}"
            yield _make_failing_post(SendResult(None, reason))
            return
        import httpx2

        limits = httpx2.Limits(max_connections=1)
        async with httpx2.AsyncHTTPTransport(
            verify=context, trust_env=False, limits=limits
        ) as transport:

            async def post(headers: dict[str, str], body: bytes) -> SendResult:
                try:
                    with trio.fail_after(TOTAL_TIMEOUT):
                        return await self._post(transport, headers, body)
                except trio.TooSlowError:
                    return SendResult(None, f"no answer within {TOTAL_TIMEOUT:g} seconds")

            yield post

    async def _post(
        self, transport: httpx2.AsyncHTTPTransport, headers: dict[str, str], body: bytes
    ) -> SendResult:
        import httpx2

        host = self._url.host
        try:
            addresses = await resolve_allowed(self._resolve, self._url, trusted=self._trusted)
        except (OSError, UnicodeError):
            return SendResult(None, f"the host {host} is unknown")
        except ValueError as error:
            return SendResult(None, str(error))
        reason = f"the host {host} has no address"
        for address in addresses:
            try:
                return await _exchange(transport, self._make_request(address, headers, body))
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                reason = f"cannot connect: {_format_error(error)}"
            except httpx2.HTTPError as error:
                return SendResult(None, _format_error(error))
        return SendResult(None, reason)

    def _make_request(self, address: str, headers: dict[str, str], body: bytes) -> httpx2.Request:
        import httpx2

        url = self._url
        timeout = httpx2.Timeout(TOTAL_TIMEOUT, connect=CONNECT_TIMEOUT)
        return httpx2.Request(
            "POST",
            # The checked address, not the name: it could resolve to another address by now.
            f"{url.scheme}://{bracket(address)}:{url.port}{url.target}",
            headers={"host": url.netloc, "user-agent": AGENT, **headers},
            content=body,
            extensions={"sni_hostname": url.host, "timeout": timeout.as_dict()},
        )


def _make_failing_post(result: SendResult) -> Post:
    async def post(headers: dict[str, str], body: bytes) -> SendResult:
        await trio.lowlevel.checkpoint()
        return result

    return post


async def _exchange(transport: httpx2.AsyncHTTPTransport, request: httpx2.Request) -> SendResult:
    response = await transport.handle_async_request(request)
    try:
        await _read_body(response)
    finally:
        await response.aclose()
    status = response.status_code
    retry_after = _parse_retry_after(response.headers.get("retry-after"))
    return SendResult(status, f"answered {status}{_get_phrase(status)}", retry_after)


async def _read_body(response: httpx2.Response) -> None:
    """Read a short body to its end, so that the next message can use the same connection.

    Only the status counts: a body that is late, long or broken costs no more than the connection.
    """
    import httpx2

    size = 0
    with trio.move_on_after(READ_TIMEOUT) as reading:
        try:
            # The raw body: it need not be decompressed.
            async for part in response.aiter_raw():
                size += len(part)
                if size > MAX_READ:
                    # A break would leave generators to the garbage collector.
                    reading.cancel()
        except httpx2.HTTPError:
            return


def _get_phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def _parse_retry_after(retry_after: str | None) -> float | None:
    """Parse the header Retry-After, which holds seconds or a date."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _format_error(error: BaseException) -> str:
    """Format an error of httpx2 as one short line; the text may be that of its cause only."""
    name = type(error).__name__
    cause: BaseException | None = error
    while cause is not None and not str(cause):
        cause = cause.__cause__ or cause.__context__
    text = " ".join(str(cause or "").split())
    text = "".join(char for char in text if char.isprintable())
    return f"{name}: {text}"[:200] if text else name

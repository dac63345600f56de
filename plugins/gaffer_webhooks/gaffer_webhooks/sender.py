"""Sends messages with httpx2, to addresses that were looked up and checked just before.

No redirect is followed, no proxy used, no cookie kept. Of an answer little is read, and nothing
told but its status.
"""

from __future__ import annotations

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
from gaffer_webhooks.retry import Answer
from gaffer_webhooks.ssrf import refusal
from gaffer_webhooks.url import Place, bracketed, place_of

if TYPE_CHECKING:
    import httpx2

CONNECT_TIMEOUT = 5.0
TOTAL_TIMEOUT = 10.0
"""Seconds, from looking up the host to the end of the answer."""

READ_TIMEOUT = 1.0
"""Seconds for an answer's body."""

MAX_READ = 4096
"""Bytes of it."""

MAX_ADDRESSES = 8
"""Of a host, tried one after the other."""

AGENT = "gaffer-webhooks"

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""All addresses of a host; raises OSError or UnicodeError when there are none."""


def threaded_resolver() -> Resolve:
    """A resolver with a thread of its own: one that hangs holds up nobody else."""
    limiter = trio.CapacityLimiter(1)

    async def resolve(host: str, port: int) -> list[str]:
        def ask() -> list[str]:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return [str(address[0]) for *_, address in found]

        return await trio.to_thread.run_sync(ask, abandon_on_cancel=True, limiter=limiter)

    return resolve


async def vetted(resolve: Resolve, place: Place, *, trusted: bool) -> list[str]:
    """The addresses of a host, if all of them may be reached.

    Raises:
        ValueError: one of them may not.
        OSError, UnicodeError: they could not be found.
    """
    addresses = await resolve(place.host, place.port)
    for address in addresses:
        reason = refusal(address, trusted=trusted)
        if reason is not None:
            raise ValueError(reason)
    return addresses[:MAX_ADDRESSES]


class Certificates:
    """The authorities that sign certificates; read once, in a thread, as is httpx2."""

    def __init__(self) -> None:
        self._context: ssl.SSLContext | None = None
        self._lock = trio.Lock()

    async def get(self) -> ssl.SSLContext:
        """Those of the system, or of `$SSL_CERT_FILE`. httpx2 is imported, too."""
        async with self._lock:
            if self._context is None:
                self._context = await trio.to_thread.run_sync(_load)
        return self._context


def _load() -> ssl.SSLContext:
    # Takes a few tenths of a second, in which gafferd should go on.
    import httpx2  # noqa: F401

    return ssl.create_default_context()


class Sender:
    """Sends to one URL.

    Args:
        url: which.
        trusted: whether it may be on this machine or in a private network.
        certificates: shared by all.
        resolve: looks up the host.
    """

    def __init__(
        self, url: str, *, trusted: bool, certificates: Certificates, resolve: Resolve
    ) -> None:
        self._place = place_of(url)
        self._trusted = trusted
        self._certificates = certificates
        self._resolve = resolve

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Post]:
        """Keep a connection as long as the block lasts, if the receiver does."""
        try:
            context = await self._certificates.get()
        except OSError as error:
            yield _always(Answer(None, f"the certificates cannot be read: {_text(error)}"))
            return
        import httpx2

        limits = httpx2.Limits(max_connections=1)
        async with httpx2.AsyncHTTPTransport(
            verify=context, trust_env=False, limits=limits
        ) as transport:

            async def post(headers: dict[str, str], body: bytes) -> Answer:
                try:
                    with trio.fail_after(TOTAL_TIMEOUT):
                        return await self._post(transport, headers, body)
                except trio.TooSlowError:
                    return Answer(None, f"no answer within {TOTAL_TIMEOUT:g} seconds")

            yield post

    async def _post(
        self, transport: httpx2.AsyncHTTPTransport, headers: dict[str, str], body: bytes
    ) -> Answer:
        import httpx2

        place = self._place
        try:
            addresses = await vetted(self._resolve, place, trusted=self._trusted)
        except (OSError, UnicodeError):
            return Answer(None, f"the host {place.host} is unknown")
        except ValueError as error:
            return Answer(None, str(error))
        reason = f"the host {place.host} has no address"
        for address in addresses:
            try:
                return await _exchange(transport, self._request(address, headers, body))
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                reason = f"cannot connect: {_text(error)}"
            except httpx2.HTTPError as error:
                return Answer(None, _text(error))
        return Answer(None, reason)

    def _request(self, address: str, headers: dict[str, str], body: bytes) -> httpx2.Request:
        import httpx2

        place = self._place
        timeout = httpx2.Timeout(TOTAL_TIMEOUT, connect=CONNECT_TIMEOUT)
        return httpx2.Request(
            "POST",
            # The address that was checked, and no name that could by now lead elsewhere.
            f"{place.scheme}://{bracketed(address)}:{place.port}{place.target}",
            headers={"host": place.netloc, "user-agent": AGENT, **headers},
            content=body,
            extensions={"sni_hostname": place.host, "timeout": timeout.as_dict()},
        )


def _always(answer: Answer) -> Post:
    async def post(headers: dict[str, str], body: bytes) -> Answer:
        await trio.lowlevel.checkpoint()
        return answer

    return post


async def _exchange(transport: httpx2.AsyncHTTPTransport, request: httpx2.Request) -> Answer:
    response = await transport.handle_async_request(request)
    try:
        await _read(response)
    finally:
        await response.aclose()
    status = response.status_code
    retry_after = _seconds(response.headers.get("retry-after"))
    return Answer(status, f"answered {status}{_phrase(status)}", retry_after)


async def _read(response: httpx2.Response) -> None:
    """Read a short answer to its end: then the next message can have the same connection.

    The status has said all. What comes too late, is too long or broken costs only the connection.
    """
    import httpx2

    size = 0
    with trio.move_on_after(READ_TIMEOUT) as reading:
        try:
            # Raw: it is not unpacked.
            async for part in response.aiter_raw():
                size += len(part)
                if size > MAX_READ:
                    # To leave the loop would leave generators to the garbage collector.
                    reading.cancel()
        except httpx2.HTTPError:
            return


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def _seconds(retry_after: str | None) -> float | None:
    """What Retry-After asks for: seconds, or a date."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _text(error: BaseException) -> str:
    """An error of httpx2 in one short line; what it says may be said by its cause only."""
    name = type(error).__name__
    cause: BaseException | None = error
    while cause is not None and not str(cause):
        cause = cause.__cause__ or cause.__context__
    text = " ".join(str(cause or "").split())
    text = "".join(char for char in text if char.isprintable())
    return f"{name}: {text}"[:200] if text else name

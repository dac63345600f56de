"""Connections and requests of trio tasks, over httpcore2, the lower layer of httpx2.

httpx2 itself leaves async generators open when a feed is closed early, and trio cannot close them
during garbage collection.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from gaffer_client._async.runtime import refuse_asyncio
from gaffer_client.errors import ConnectionLostError, NotGafferError
from gaffer_client.requests import Request, Response, check_status
from gaffer_client.settings import Settings
from gaffer_client.tls_errors import get_plain_reason, make_connect_error

if TYPE_CHECKING:
    import httpcore2

MAX_CONNECTIONS = 100
"""Maximum connections at once, feeds included."""

T = TypeVar("T")


class AsyncStream:
    """A streaming response."""

    def __init__(
        self, settings: Settings, stack: AsyncExitStack, response: httpcore2.Response
    ) -> None:
        self.settings = settings
        self.media_type = _get_headers(response).get("content-type", "")
        self._stack = stack
        self._bytes: AsyncGenerator[bytes] = response.aiter_stream()

    async def receive(self) -> bytes:
        """Receive the next bytes; empty at the end, and after a cancelled call."""
        with translate_errors(self.settings):
            return await anext(self._bytes, b"")

    async def aclose(self) -> None:
        """Close the connection."""
        await self._bytes.aclose()
        await self._stack.aclose()


class AsyncTransport:
    """The connections to one server, opened on demand and reused.

    Raises:
        RuntimeError: a task of asyncio makes it, or sends the first request.
    """

    def __init__(self, settings: Settings) -> None:
        refuse_asyncio()
        self.settings = settings
        self._pool: httpcore2.AsyncConnectionPool | None = None

    async def send(self, request: Request[T]) -> T:
        """Send a request and return its result."""
        read_timeout = self.settings.timeout + request.extra_timeout
        async with self.open_response(request, read_timeout) as raw:
            with translate_errors(self.settings):
                response = await self._read(raw)
        return request.parse(response)

    async def open_stream(self, request: Request[Any], read_timeout: float) -> AsyncStream:
        """Send a request and return its streaming response, which the caller closes.

        Args:
            request: the request.
            read_timeout: seconds without a byte after which the connection counts as lost.
        """
        async with AsyncExitStack() as stack:
            raw = await stack.enter_async_context(self.open_response(request, read_timeout))
            if not 200 <= raw.status < 300:
                with translate_errors(self.settings):
                    check_status(await self._read(raw))
            return AsyncStream(self.settings, stack.pop_all(), raw)

    @asynccontextmanager
    async def open_response(
        self, request: Request[Any], read_timeout: float
    ) -> AsyncIterator[httpcore2.Response]:
        """Send a request and yield the beginning of its response, whatever its status.

        Args:
            request: the request.
            read_timeout: seconds without a byte after which the connection counts as lost.
        """
        seconds = self.settings.timeout
        timeout = {"connect": seconds, "pool": seconds, "write": seconds, "read": read_timeout}
        url = self.settings.address.base + request.target
        headers = {"host": self._host, **self.settings.headers, **request.headers}
        if request.body is None and request.method not in ("GET", "DELETE"):
            headers["content-length"] = "0"
        async with AsyncExitStack() as stack:
            with translate_errors(self.settings):
                opened = self._connections.stream(
                    request.method,
                    url,
                    headers=list(headers.items()),
                    content=request.body,
                    extensions={"timeout": timeout},
                )
                response = await stack.enter_async_context(opened)
            yield response

    @property
    def _host(self) -> str:
        return self.settings.address.base.partition("://")[2].partition("/")[0]

    @property
    def _connections(self) -> httpcore2.AsyncConnectionPool:
        if self._pool is None:
            refuse_asyncio()  # It may have been constructed before asyncio ran.
            import httpcore2

            self._pool = httpcore2.AsyncConnectionPool(
                ssl_context=self.settings.tls(),
                max_connections=MAX_CONNECTIONS,
                uds=self.settings.address.socket,
            )
        return self._pool

    async def _read(self, raw: httpcore2.Response) -> Response:
        body = await raw.aread()
        return Response(self.settings.address.text, raw.status, _get_headers(raw), body)

    async def aclose(self) -> None:
        """Close all connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()


def _get_headers(response: httpcore2.Response) -> dict[str, str]:
    return {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
    }


@contextmanager
def translate_errors(settings: Settings) -> Iterator[None]:
    """Convert exceptions of httpcore2 to those of this package."""
    import httpcore2

    address = settings.address.text
    try:
        yield
    except (httpcore2.ConnectError, httpcore2.ConnectTimeout, httpcore2.PoolTimeout) as error:
        raise make_connect_error(address, _get_reason(error)) from None
    except (httpcore2.NetworkError, httpcore2.TimeoutException) as error:
        raise ConnectionLostError(address, _get_reason(error)) from None
    except httpcore2.ProtocolError as error:
        # Only the message distinguishes a closed connection from another protocol.
        if "disconnected" in str(error) or "closed connection" in str(error):
            raise ConnectionLostError(address, "the connection broke off") from None
        raise NotGafferError(address, str(error)) from None


def _get_reason(error: Exception) -> str:
    """Return the reason of the operating system, if there is one."""
    import httpcore2

    if isinstance(error, httpcore2.TimeoutException):
        return "no answer in time"
    reasons: list[BaseException] = [error]
    while reasons:
        each = reasons.pop()
        if isinstance(each, OSError) and each.strerror:
            # trio puts the address in front, which the error of this package has already.
            return get_plain_reason(each.strerror.rpartition("): ")[2])
        if isinstance(each, BaseExceptionGroup):
            reasons.extend(each.exceptions)
        reasons.extend(filter(None, (each.__cause__, each.__context__)))
    return str(error).lower() or "the connection broke off"

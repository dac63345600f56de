"""Requests for tasks of trio, over httpcore2: the lower half of httpx2.

The upper half leaves generators behind when a feed is closed before its end, for the garbage
collector; under trio nobody may do so.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from gaffer_client.errors import ConnectionLostError, NotGafferError
from gaffer_client.requests import Request, Response, check
from gaffer_client.settings import Settings
from gaffer_client.tls_errors import get_plain_reason, make_connect_error

if TYPE_CHECKING:
    import httpcore2

MAX_CONNECTIONS = 100
"""At a time, feeds included."""

T = TypeVar("T")


class AsyncStream:
    """An answer that goes on."""

    def __init__(
        self, settings: Settings, stack: AsyncExitStack, response: httpcore2.Response
    ) -> None:
        self.settings = settings
        self.media = _headers(response).get("content-type", "")
        self._stack = stack
        self._bytes: AsyncGenerator[bytes] = response.aiter_stream()

    async def receive(self) -> bytes:
        """The next bytes; none at the end, and after it was cancelled."""
        with translate_errors(self.settings):
            return await anext(self._bytes, b"")

    async def aclose(self) -> None:
        """Close the connection."""
        await self._bytes.aclose()
        await self._stack.aclose()


class AsyncTransport:
    """The connections to one server. They are opened as they are needed, and used again."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._pool: httpcore2.AsyncConnectionPool | None = None

    async def ask(self, request: Request[T]) -> T:
        """Make a request and return what its answer means."""
        async with self.open_response(request, self.settings.timeout + request.more) as response:
            with translate_errors(self.settings):
                reply = await self._reply(response)
        return request.result(reply)

    async def open(self, request: Request[Any], silence: float) -> AsyncStream:
        """Make a request whose answer goes on; to be closed.

        Args:
            silence: seconds without a byte after which it counts as dead.
        """
        async with AsyncExitStack() as stack:
            response = await stack.enter_async_context(self.open_response(request, silence))
            if not 200 <= response.status < 300:
                with translate_errors(self.settings):
                    check(await self._reply(response))
            return AsyncStream(self.settings, stack.pop_all(), response)

    @asynccontextmanager
    async def open_response(
        self, request: Request[Any], silence: float
    ) -> AsyncIterator[httpcore2.Response]:
        """Make a request; the beginning of its answer, whatever it is.

        Args:
            silence: seconds without a byte after which it counts as dead.
        """
        seconds = self.settings.timeout
        timeout = {"connect": seconds, "pool": seconds, "write": seconds, "read": silence}
        url = self.settings.address.base + request.target
        headers = {"host": self._host, **self.settings.headers, **request.headers}
        if request.body is None and request.method not in ("GET", "DELETE"):
            headers["content-length"] = "0"
        async with AsyncExitStack() as stack:
            with translate_errors(self.settings):
                answer = self._connections.stream(
                    request.method,
                    url,
                    headers=list(headers.items()),
                    content=request.body,
                    extensions={"timeout": timeout},
                )
                response = await stack.enter_async_context(answer)
            yield response

    @property
    def _host(self) -> str:
        return self.settings.address.base.partition("://")[2].partition("/")[0]

    @property
    def _connections(self) -> httpcore2.AsyncConnectionPool:
        if self._pool is None:
            import httpcore2

            self._pool = httpcore2.AsyncConnectionPool(
                ssl_context=self.settings.tls(),
                max_connections=MAX_CONNECTIONS,
                uds=self.settings.address.socket,
            )
        return self._pool

    async def _reply(self, response: httpcore2.Response) -> Response:
        body = await response.aread()
        return Response(self.settings.address.text, response.status, _headers(response), body)

    async def aclose(self) -> None:
        """Close all connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()


def _headers(response: httpcore2.Response) -> dict[str, str]:
    return {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
    }


@contextmanager
def translate_errors(settings: Settings) -> Iterator[None]:
    """Raise what httpcore2 does as errors of this package."""
    import httpcore2

    where = settings.address.text
    try:
        yield
    except (httpcore2.ConnectError, httpcore2.ConnectTimeout, httpcore2.PoolTimeout) as error:
        raise make_connect_error(where, _reason(error)) from None
    except (httpcore2.NetworkError, httpcore2.TimeoutException) as error:
        raise ConnectionLostError(where, _reason(error)) from None
    except httpcore2.ProtocolError as error:
        # Only its words tell one that is cut off from one that speaks something else.
        if "disconnected" in str(error) or "closed connection" in str(error):
            raise ConnectionLostError(where, "the connection broke off") from None
        raise NotGafferError(where, str(error)) from None


def _reason(error: Exception) -> str:
    """What happened, in the words of the system if it has any."""
    import httpcore2

    if isinstance(error, httpcore2.TimeoutException):
        return "no answer in time"
    reasons: list[BaseException] = [error]
    while reasons:
        each = reasons.pop()
        if isinstance(each, OSError) and each.strerror:
            # trio says where, in front of it; that is known.
            return get_plain_reason(each.strerror.rpartition("): ")[2])
        if isinstance(each, BaseExceptionGroup):
            reasons.extend(each.exceptions)
        reasons.extend(filter(None, (each.__cause__, each.__context__)))
    return str(error).lower() or "the connection broke off"

"""Requests to the members of an etcd: one after the other, until one responds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import TypeVar

import trio
from gaffer_client._async.transport import AsyncStream, AsyncTransport
from gaffer_client.requests import JSON, Request, check_settled

from gaffer_lookup.etcd.address import TIMEOUT, Settings
from gaffer_lookup.etcd.errors import EtcdError, UnauthenticatedError, UnavailableError
from gaffer_lookup.etcd.responses import as_unavailable, error_from_response, read_body
from gaffer_lookup.etcd.wire import Body, Token, decode, encode

T = TypeVar("T")

MAX_CONCURRENT_REQUESTS = 32
"""Requests to one member at a time: more of them take longer altogether."""

HEDGE_DELAY = 0.2
"""Seconds until a hedged request goes to the next member as well."""


class Gateway:
    """The connections to one etcd.

    Args:
        settings: the members and the user.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._transports = [AsyncTransport(member) for member in settings.members]
        self._limiters = {
            each: trio.CapacityLimiter(MAX_CONCURRENT_REQUESTS) for each in self._transports
        }
        self._current = 0
        self._token: str | None = None

    @property
    def endpoint(self) -> str:
        """The address of the current member, as the user wrote it."""
        return self._transports[self._current].settings.address.text

    def forget_token(self) -> None:
        """Authenticate again before the next request."""
        self._token = None

    def skip_member(self, endpoint: str) -> None:
        """Make the next member the current one, unless another task has done so already."""
        if endpoint == self.endpoint:
            self._current = (self._current + 1) % len(self._transports)

    async def request(self, path: str, body: Body, kind: type[T]) -> T:
        """Send a request to one member after the other until one responds.

        The request must be idempotent, because more than one member may execute it.

        Raises:
            UnavailableError: no member responds; the error of the last one.
            RejectedError: a member refuses the request.
        """
        failure: UnavailableError | None = None
        # Each member once, even if other tasks change the current member meanwhile.
        for transport in self._members_in_order():
            try:
                return await self._authenticated(transport, path, body, kind)
            except UnavailableError as error:
                failure = error
                self.skip_member(error.endpoint)
        assert failure is not None
        raise failure

    async def request_hedged(self, path: str, body: Body, kind: type[T]) -> T:
        """Send a request to more and more members at the same time until one responds.

        The request must be idempotent, and independent of the member that executes it.

        Raises:
            UnavailableError: no member responds; the error of the last one.
            RejectedError: every member fails, and the last one refuses the request.
        """
        results: list[T] = []
        failures: list[EtcdError] = []
        async with trio.open_nursery() as nursery:

            async def send(transport: AsyncTransport) -> None:
                try:
                    results.append(await self._authenticated(transport, path, body, kind))
                    nursery.cancel_scope.cancel()
                except EtcdError as error:
                    failures.append(error)

            for transport in self._members_in_order():
                nursery.start_soon(send, transport)
                await trio.sleep(HEDGE_DELAY)
        if not results:
            raise failures[-1]
        return results[0]

    def _members_in_order(self) -> list[AsyncTransport]:
        return self._transports[self._current :] + self._transports[: self._current]

    async def _authenticated(
        self, transport: AsyncTransport, path: str, body: Body, kind: type[T]
    ) -> T:
        if self.settings.user is None:
            return await self._send(transport, path, body, kind)
        if (token := self._token) is not None:
            try:
                return await self._send(transport, path, body, kind)
            except UnauthenticatedError:
                # Another task may have fetched a new token meanwhile.
                if self._token == token:
                    self.forget_token()
        if self._token is None:
            await self._authenticate(transport)
        return await self._send(transport, path, body, kind)

    async def _authenticate(self, transport: AsyncTransport) -> None:
        user = {"name": self.settings.user, "password": self.settings.password}
        self._token = (await self._send(transport, "/v3/auth/authenticate", user, Token)).token

    async def _send(self, transport: AsyncTransport, path: str, body: Body, kind: type[T]) -> T:
        with self._with_timeout(transport):
            async with (
                self._limiters[transport],
                transport.open_response(self._call(path, body), 2 * TIMEOUT) as response,
            ):
                raw = await read_body(transport.settings, response)
        endpoint = transport.settings.address.text
        if response.status != 200:
            raise error_from_response(endpoint, response.status, raw)
        try:
            return decode(raw, kind)
        except ValueError as error:
            raise UnavailableError(endpoint, f"invalid response: {error}") from None

    async def open(self, path: str, body: Body, silence: float) -> AsyncStream:
        """Open a streaming response of the current member; the caller closes it.

        Args:
            silence: seconds without a byte after which the connection counts as dead.

        Raises:
            UnavailableError: the member does not respond.
            RejectedError: the member refuses the request.
        """
        transport = self._transports[self._current]
        if self.settings.user is not None and self._token is None:
            await self._authenticate(transport)
        # Without this header, a member that is cut off from the others is silent forever.
        call = self._call(path, body, **{"grpc-metadata-hasleader": "true"})
        async with AsyncExitStack() as stack:
            with self._with_timeout(transport):
                response = await stack.enter_async_context(transport.open_response(call, silence))
                ok = response.status == 200
                raw = b"" if ok else await read_body(transport.settings, response)
            if not ok:
                raise error_from_response(transport.settings.address.text, response.status, raw)
            return AsyncStream(transport.settings, stack.pop_all(), response)

    def _call(self, path: str, body: Body, **headers: str) -> Request[None]:
        if self._token is not None:
            headers["authorization"] = self._token
        headers = {"content-type": JSON, **headers}
        return Request(
            method="POST", path=path, read=check_settled, headers=headers, body=encode(body)
        )

    @contextmanager
    def _with_timeout(self, transport: AsyncTransport) -> Iterator[None]:
        endpoint = transport.settings.address.text
        with trio.move_on_after(TIMEOUT) as scope, as_unavailable(endpoint):
            yield
        if scope.cancelled_caught:
            raise UnavailableError(endpoint, f"no answer in {TIMEOUT:g} s")

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in self._transports:
            await transport.aclose()

"""Requests to the members of an etcd: one after the other, until one answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import TypeVar

import trio
from gaffer_client._async.transport import AsyncStream, AsyncTransport
from gaffer_client.requests import JSON, Request, check_settled

from gaffer_lookup.etcd.address import TIMEOUT, Settings
from gaffer_lookup.etcd.errors import EtcdError, Unauthenticated, Unavailable
from gaffer_lookup.etcd.responses import http_failure, read, unreachable
from gaffer_lookup.etcd.wire import Body, Token, decode, encode

T = TypeVar("T")

AT_ONCE = 32
"""Requests to one member: more of them take longer, all together."""

IMPATIENCE = 0.2
"""Seconds until the next member is asked as well, when there is little time."""


class Gateway:
    """The connections to one etcd.

    Args:
        settings: where its members are, and who we are.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._transports = [AsyncTransport(member) for member in settings.members]
        self._limiters = {each: trio.CapacityLimiter(AT_ONCE) for each in self._transports}
        self._turn = 0
        self._token: str | None = None

    @property
    def endpoint(self) -> str:
        """The member whose turn it is, as it was written."""
        return self._transports[self._turn].settings.address.text

    def forget(self) -> None:
        """What etcd gave us for the password is no longer good."""
        self._token = None

    def pass_over(self, endpoint: str) -> None:
        """It is the next member's turn, unless others have seen to that."""
        if endpoint == self.endpoint:
            self._turn = (self._turn + 1) % len(self._transports)

    async def ask(self, path: str, body: Body, kind: type[T]) -> T:
        """Ask one member after the other until one answers.

        It has to be something that may be done twice.

        Raises:
            Unavailable: none of them does; what the last one has said.
            Refused: the answer is no.
        """
        failure: Unavailable | None = None
        # Each of them once, whatever others who ask make of the turns meanwhile.
        for transport in self._in_turn():
            try:
                return await self._authenticated(transport, path, body, kind)
            except Unavailable as error:
                failure = error
                self.pass_over(error.endpoint)
        assert failure is not None
        raise failure

    async def ask_in_haste(self, path: str, body: Body, kind: type[T]) -> T:
        """Ask more and more members at the same time until one answers.

        It has to be something that may be done twice, and of which it is all the same who does it.

        Raises:
            Unavailable: none of them does; what the last one has said.
            Refused: the answer is no.
        """
        answers: list[T] = []
        failures: list[EtcdError] = []
        async with trio.open_nursery() as nursery:

            async def ask(transport: AsyncTransport) -> None:
                try:
                    answers.append(await self._authenticated(transport, path, body, kind))
                    nursery.cancel_scope.cancel()
                except EtcdError as error:
                    failures.append(error)

            for transport in self._in_turn():
                nursery.start_soon(ask, transport)
                await trio.sleep(IMPATIENCE)
        if not answers:
            raise failures[-1]
        return answers[0]

    def _in_turn(self) -> list[AsyncTransport]:
        return self._transports[self._turn :] + self._transports[: self._turn]

    async def _authenticated(
        self, transport: AsyncTransport, path: str, body: Body, kind: type[T]
    ) -> T:
        if self.settings.user is None:
            return await self._ask(transport, path, body, kind)
        if (token := self._token) is not None:
            try:
                return await self._ask(transport, path, body, kind)
            except Unauthenticated:
                # Others may have been given a new one meanwhile.
                if self._token == token:
                    self.forget()
        if self._token is None:
            await self._authenticate(transport)
        return await self._ask(transport, path, body, kind)

    async def _authenticate(self, transport: AsyncTransport) -> None:
        who = {"name": self.settings.user, "password": self.settings.password}
        self._token = (await self._ask(transport, "/v3/auth/authenticate", who, Token)).token

    async def _ask(self, transport: AsyncTransport, path: str, body: Body, kind: type[T]) -> T:
        with self._in_time(transport):
            async with (
                self._limiters[transport],
                transport.open_response(self._call(path, body), 2 * TIMEOUT) as response,
            ):
                raw = await read(transport.settings, response)
        endpoint = transport.settings.address.text
        if response.status != 200:
            raise http_failure(endpoint, response.status, raw)
        try:
            return decode(raw, kind)
        except ValueError as error:
            raise Unavailable(endpoint, f"does not answer as etcd does: {error}") from None

    async def open(self, path: str, body: Body, silence: float) -> AsyncStream:
        """Ask the member whose turn it is for an answer that goes on; to be closed.

        Args:
            silence: seconds without a byte after which it counts as dead.

        Raises:
            Unavailable: he does not answer.
            Refused: the answer is no.
        """
        transport = self._transports[self._turn]
        if self.settings.user is not None and self._token is None:
            await self._authenticate(transport)
        # Else one who has lost all the others would just be silent.
        call = self._call(path, body, **{"grpc-metadata-hasleader": "true"})
        async with AsyncExitStack() as stack:
            with self._in_time(transport):
                response = await stack.enter_async_context(transport.open_response(call, silence))
                raw = b"" if response.status == 200 else await read(transport.settings, response)
            if response.status != 200:
                raise http_failure(transport.settings.address.text, response.status, raw)
            return AsyncStream(transport.settings, stack.pop_all(), response)

    def _call(self, path: str, body: Body, **headers: str) -> Request[None]:
        if self._token is not None:
            headers["authorization"] = self._token
        told = {"content-type": JSON, **headers}
        return Request(
            method="POST", path=path, read=check_settled, headers=told, body=encode(body)
        )

    @contextmanager
    def _in_time(self, transport: AsyncTransport) -> Iterator[None]:
        endpoint = transport.settings.address.text
        with trio.move_on_after(TIMEOUT) as scope, unreachable(endpoint):
            yield
        if scope.cancelled_caught:
            raise Unavailable(endpoint, f"no answer in {TIMEOUT:g} s")

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in self._transports:
            await transport.aclose()

"""Requests to the members of an etcd: one after the other, until one answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack, aclosing, contextmanager
from typing import TYPE_CHECKING, TypeVar

import trio
from gaffer_client.awaited.transport import AsyncStream, AsyncTransport, translated
from gaffer_client.calls import JSON, Call, nothing
from gaffer_client.errors import BadOption, ConnectionLost, NotGaffer, Unreachable

from gaffer_lookup.etcd.address import TIMEOUT, Settings
from gaffer_lookup.etcd.errors import EtcdError, Refused, Unauthenticated, Unavailable
from gaffer_lookup.etcd.wire import Body, Failure, Token, decode, encode

if TYPE_CHECKING:
    import httpcore2

T = TypeVar("T")

LARGEST = 64 * 1024 * 1024
"""Bytes of an answer, or of one line of an answer that goes on."""

LONGEST = 300
"""Characters of its words that are told: they go into the log."""

FINAL = frozenset({3, 5, 6, 7, 9, 11, 12})
"""Numbers of gRPC for what every member would say, at any time."""

UNAUTHENTICATED = 16

STALE = ("auth store is old", "user name is empty")
"""Words, under the number of wrong arguments, with which a token is refused."""


class Gateway:
    """The connections to one etcd.

    Args:
        settings: where its members are, and who we are.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._transports = [AsyncTransport(member) for member in settings.members]
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
        for transport in self._transports[self._turn :] + self._transports[: self._turn]:
            try:
                return await self._authenticated(transport, path, body, kind)
            except Unavailable as error:
                failure = error
                self.pass_over(error.endpoint)
        assert failure is not None
        raise failure

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
            async with transport.asking(self._call(path, body), 2 * TIMEOUT) as response:
                raw = await _read(transport, response)
        endpoint = transport.settings.address.text
        if response.status != 200:
            raise _failure(endpoint, response.status, raw)
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
                response = await stack.enter_async_context(transport.asking(call, silence))
                raw = b"" if response.status == 200 else await _read(transport, response)
            if response.status != 200:
                raise _failure(transport.settings.address.text, response.status, raw)
            return AsyncStream(transport.settings, stack.pop_all(), response)

    def _call(self, path: str, body: Body, **headers: str) -> Call[None]:
        if self._token is not None:
            headers["authorization"] = self._token
        told = {"content-type": JSON, **headers}
        return Call(method="POST", path=path, read=nothing, headers=told, body=encode(body))

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


async def _read(transport: AsyncTransport, response: httpcore2.Response) -> bytes:
    raw = bytearray()
    with translated(transport.settings):
        async with aclosing(response.aiter_stream()) as parts:
            async for data in parts:
                raw += data
                if len(raw) > LARGEST:
                    raise too_large(transport.settings.address.text)
    return bytes(raw)


def too_large(endpoint: str) -> Unavailable:
    """What is said of an answer that would be no good for our memory."""
    return Unavailable(endpoint, f"an answer of more than {LARGEST} bytes")


@contextmanager
def unreachable(endpoint: str) -> Iterator[None]:
    """Raise what the connection does as an Unavailable."""
    try:
        yield
    except (Unreachable, ConnectionLost, NotGaffer) as error:
        raise Unavailable(endpoint, error.reason) from None
    except BadOption as error:
        # A file of certificates that is no longer what it was at the start.
        raise Unavailable(endpoint, str(error)) from None


def _failure(endpoint: str, status: int, raw: bytes) -> EtcdError:
    try:
        said = decode(raw, Failure)
        # Others may have an `error` in their answers, too, but not with a number.
        if not said.code and not said.grpc_code:
            raise ValueError("no number")
    except ValueError:
        return Unavailable(endpoint, f"is no HTTP gateway of etcd: status {status}")
    return failure(endpoint, said)


def failure(endpoint: str, said: Failure) -> EtcdError:
    """What etcd says, as the error that it is."""
    code = said.code or said.grpc_code
    words = (said.message or said.error or "an error without words").removeprefix("etcdserver: ")
    words = words[:LONGEST]
    if code == UNAUTHENTICATED or any(each in words for each in STALE):
        return Unauthenticated(endpoint, words)
    return Refused(endpoint, words) if code in FINAL else Unavailable(endpoint, words)

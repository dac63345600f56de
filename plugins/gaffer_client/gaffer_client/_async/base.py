"""The differences between the public classes for tasks and threads; see `_sync.base`."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, TypeVar

from gaffer_client._async.transport import AsyncTransport
from gaffer_client.errors import ClientError
from gaffer_client.feeds.backoff import RECONNECT_TIMEOUT
from gaffer_client.feeds.events import HEARTBEAT
from gaffer_client.lookup import MergedResponses
from gaffer_client.requests import Request

if TYPE_CHECKING:
    from gaffer_client.channel.channel import Channel

T = TypeVar("T")


class AsyncServerBase:
    """The methods that only AsyncServer has."""

    _transport: AsyncTransport

    def channel(
        self, *, heartbeat: float = HEARTBEAT, reconnect_timeout: float = RECONNECT_TIMEOUT
    ) -> AbstractAsyncContextManager[Channel]:
        """Open a channel: events, output, input and commands over one websocket.

        Args:
            heartbeat: seconds without a message after which a ping is sent; after as many more
                without a message, the connection counts as lost.
            reconnect_timeout: seconds without a connection after which the last error is raised.
        """
        from gaffer_client.channel.channel import open_channel

        return open_channel(self._transport, heartbeat, reconnect_timeout)


async def send_to_all(
    transports: Iterable[AsyncTransport], request: Request[list[T]], responses: MergedResponses[T]
) -> None:
    """Send a request to several lookupds at once, and add their responses."""
    import trio

    async def send(transport: AsyncTransport) -> None:
        address = transport.settings.address.text
        try:
            responses.add(address, await transport.send(request))
        except ClientError as error:
            responses.add_error(address, error)

    async with trio.open_nursery() as nursery:
        for transport in transports:
            nursery.start_soon(send, transport)

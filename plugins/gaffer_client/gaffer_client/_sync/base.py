"""The differences between the public classes for threads and tasks; see `_async.base`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from gaffer_client._sync.transport import Transport
from gaffer_client.errors import ClientError
from gaffer_client.lookup import MergedResponses
from gaffer_client.requests import Request

T = TypeVar("T")


class ServerBase:
    """The methods that only Server has: none, because a channel needs tasks."""

    _transport: Transport


def send_to_all(
    transports: Sequence[Transport], request: Request[list[T]], responses: MergedResponses[T]
) -> None:
    """Send a request to several lookupds at once, and add their responses."""
    from concurrent.futures import ThreadPoolExecutor

    def send(transport: Transport) -> None:
        address = transport.settings.address.text
        try:
            responses.add(address, transport.send(request))
        except ClientError as error:
            responses.add_error(address, error)

    with ThreadPoolExecutor(len(transports)) as threads:
        # The list raises any other exception, which is a bug, instead of losing it.
        list(threads.map(send, transports))

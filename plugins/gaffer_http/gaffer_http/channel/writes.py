"""Input that one client writes to processes: a queue for each stream of each process."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable

import trio
from gaffer_kernel import GafferError, Process

from gaffer_http.errors import ApiError, error_from_kernel
from gaffer_http.routes.streams import write_to

MAX_WAITING = 1024 * 1024
"""Bytes that may wait for one stream."""

MIN_SIZE = 1024
"""The minimum size of an entry, in bytes, that counts against MAX_WAITING."""

MAX_STREAMS = 50
"""Streams that may have waiting input."""


class _Write:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = max(MIN_SIZE, len(data))
        self.error: ApiError | None = None
        self.over = trio.Event()

    async def wait(self) -> dict[str, bool]:
        await self.over.wait()
        if self.error is not None:
            raise self.error
        return {"ok": True}


class Writes:
    """Writes to processes in order, without blocking the caller.

    Args:
        nursery: runs the writing tasks.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._queues: dict[tuple[int, str], deque[_Write]] = {}

    def put(self, process: Process, stream: str, data: bytes) -> Awaitable[dict[str, bool]]:
        """Queue input for a process.

        Returns:
            An awaitable that waits for the write, and raises an ApiError if it failed.

        Raises:
            ApiError: 429, too much is waiting.
        """
        key = (process.pid, stream)
        queue = self._queues.get(key, deque())
        write = _Write(data)
        if sum(each.size for each in queue) + write.size > MAX_WAITING:
            reason = (
                f"process {process.pid} does not read {stream}: {MAX_WAITING} bytes are waiting"
            )
            raise ApiError(429, "too_many", reason)
        if key not in self._queues:
            if len(self._queues) >= MAX_STREAMS:
                raise ApiError(429, "too_many", f"{MAX_STREAMS} streams are being written to")
            self._queues[key] = queue
            self._nursery.start_soon(self._run, key, process)
        queue.append(write)
        return write.wait()

    async def _run(self, key: tuple[int, str], process: Process) -> None:
        queue = self._queues[key]
        while queue:
            write = queue[0]
            try:
                await write_to(process, write.data, key[1])
            except ApiError as error:
                write.error = error
            except GafferError as error:
                write.error = error_from_kernel(error)
            write.over.set()
            queue.popleft()
        del self._queues[key]

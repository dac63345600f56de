"""A process."""

from __future__ import annotations

from gaffer_client import routes
from gaffer_client._async.feeds import AsyncLines
from gaffer_client._async.transport import AsyncTransport
from gaffer_client.feeds.events import HEARTBEAT
from gaffer_client.models import Output, ProcessInfo, Sample
from gaffer_client.routes import ALL_OUTPUTS, Wait


class AsyncProcess:
    """A process. AsyncServer describes the exceptions and the argument `wait`.

    Attributes:
        pid: gaffer's own number, never reused in a run of gafferd.
    """

    def __init__(self, transport: AsyncTransport, pid: int) -> None:
        self.pid = pid
        self._transport = transport

    async def info(self, *, ended: bool = False) -> ProcessInfo:
        """Get the details of the process.

        Args:
            ended: also after its exit, as long as its output is kept: see `Status.ended`.
        """
        return await self._transport.send(routes.process_info(self.pid, ended))

    async def stats(self) -> Sample:
        """Get processor and memory of it and its child processes; requires gaffer-stats."""
        return await self._transport.send(routes.process_stats(self.pid))

    async def stop(self, wait: Wait = None) -> bool:
        """Stop the process. An active job starts a successor."""
        return await self._transport.send(routes.stop_process(self.pid, wait))

    async def signal(self, signal: int | str) -> bool:
        """Send a signal, a number or a name such as `HUP`, to it and its process group."""
        return await self._transport.send(routes.signal_process(self.pid, signal))

    async def write(self, data: bytes, label: str = "stdin") -> None:
        """Write to its standard input or a custom stream; return when the pipe has taken all."""
        await self._transport.send(routes.write(self.pid, data, label))

    async def read(self, label: str = ALL_OUTPUTS, wait: float = 60.0) -> Output:
        """Read the next bytes of its output, after those that any client has read before.

        Args:
            label: the output; all outputs if not given.
            wait: seconds after which ConnectionLostError is raised.
        """
        return await self._transport.send(routes.read(self.pid, label, wait))

    def lines(
        self,
        label: str = ALL_OUTPUTS,
        heartbeat: float = HEARTBEAT,
        *,
        tail: bool = False,
        follow: bool = True,
        times: bool = False,
    ) -> AsyncLines:
        """Follow its output line by line: see AsyncLines.

        Args:
            label: the output; all outputs if not given.
            heartbeat: seconds, as in AsyncServer.events.
            tail: begin with the kept lines.
            follow: go on with new lines; without it, the kept lines are all.
            times: ask for the time of each line.
        """
        request = routes.follow(self.pid, label, heartbeat, tail=tail, follow=follow, times=times)
        return AsyncLines(self._transport, request, heartbeat)

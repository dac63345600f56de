"""One process."""

from __future__ import annotations

from gaffer_client import routes
from gaffer_client._async.feeds import AsyncLines
from gaffer_client._async.transport import AsyncTransport
from gaffer_client.feeds.events import HEARTBEAT
from gaffer_client.models import Output, ProcessInfo, Sample
from gaffer_client.routes import ALL_OUTPUTS, Wait


class AsyncProcess:
    """A process, by gaffer's own number. See AsyncServer for what is raised, and for `wait`.

    Attributes:
        pid: the number, never used twice in a run of gafferd.
    """

    def __init__(self, transport: AsyncTransport, pid: int) -> None:
        self.pid = pid
        self._transport = transport

    async def info(self, *, ended: bool = False) -> ProcessInfo:
        """What is known of it.

        Args:
            ended: also when it has ended, as long as its output is kept: see `Status.ended`.
        """
        return await self._transport.ask(routes.process_info(self.pid, ended))

    async def stats(self) -> Sample:
        """Its processor and memory, and its children's; takes gaffer-stats."""
        return await self._transport.ask(routes.process_stats(self.pid))

    async def stop(self, wait: Wait = None) -> None:
        """Stop it. Its job, when active, starts a successor."""
        await self._transport.ask(routes.stop_process(self.pid, wait))

    async def signal(self, signal: int | str) -> None:
        """Send it and its group a signal, a number or a name such as `HUP`."""
        await self._transport.ask(routes.signal_process(self.pid, signal))

    async def write(self, data: bytes, label: str = "stdin") -> None:
        """Write to its standard input, or to a custom stream; returns when its pipe took it all."""
        await self._transport.ask(routes.write(self.pid, data, label))

    async def read(self, label: str = ALL_OUTPUTS, wait: float = 60.0) -> Output:
        """The next bytes that it writes, from where the last read of anybody ended.

        Args:
            label: of which output; all of them if not given.
            wait: seconds, after which ConnectionLostError is raised.
        """
        return await self._transport.ask(routes.read(self.pid, label, wait))

    def lines(
        self,
        label: str = ALL_OUTPUTS,
        heartbeat: float = HEARTBEAT,
        *,
        tail: bool = False,
        follow: bool = True,
    ) -> AsyncLines:
        """The lines that it writes, to loop over in an `async with` block; subscribed from there.

        Args:
            label: of which output; all of them if not given.
            heartbeat: seconds, as in AsyncServer.events.
            tail: begin with the last lines that it wrote before, as far as they are kept.
            follow: go on; without it these last lines are all.
        """
        call = routes.follow(self.pid, label, heartbeat, tail=tail, follow=follow)
        return AsyncLines(self._transport, call, heartbeat)

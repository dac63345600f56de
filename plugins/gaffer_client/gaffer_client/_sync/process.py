"""One process."""

from __future__ import annotations

from gaffer_client import routes
from gaffer_client._sync.feeds import Lines
from gaffer_client._sync.transport import Transport
from gaffer_client.feeds.events import HEARTBEAT
from gaffer_client.models import Output, ProcessInfo, Sample
from gaffer_client.routes import ALL_OUTPUTS, Wait


class Process:
    """A process, by gaffer's own number. See Server for what is raised, and for `wait`.

    Attributes:
        pid: the number, never used twice in a run of gafferd.
    """

    def __init__(self, transport: Transport, pid: int) -> None:
        self.pid = pid
        self._transport = transport

    def info(self, *, ended: bool = False) -> ProcessInfo:
        """What is known of it.

        Args:
            ended: also when it has ended, as long as its output is kept: see `Status.ended`.
        """
        return self._transport.ask(routes.process_info(self.pid, ended))

    def stats(self) -> Sample:
        """Its processor and memory, and its children's; takes gaffer-stats."""
        return self._transport.ask(routes.process_stats(self.pid))

    def stop(self, wait: Wait = None) -> None:
        """Stop it. Its job, when active, starts a successor."""
        self._transport.ask(routes.stop_process(self.pid, wait))

    def signal(self, signal: int | str) -> None:
        """Send it and its group a signal, a number or a name such as `HUP`."""
        self._transport.ask(routes.signal_process(self.pid, signal))

    def write(self, data: bytes, label: str = "stdin") -> None:
        """Write to its standard input, or to a custom stream; returns when its pipe took it all."""
        self._transport.ask(routes.write(self.pid, data, label))

    def read(self, label: str = ALL_OUTPUTS, wait: float = 60.0) -> Output:
        """The next bytes that it writes, from where the last read of anybody ended.

        Args:
            label: of which output; all of them if not given.
            wait: seconds, after which ConnectionLostError is raised.
        """
        return self._transport.ask(routes.read(self.pid, label, wait))

    def lines(
        self,
        label: str = ALL_OUTPUTS,
        heartbeat: float = HEARTBEAT,
        *,
        tail: bool = False,
        follow: bool = True,
    ) -> Lines:
        """The lines that it writes, to loop over; subscribed when this returns.

        Args:
            label: of which output; all of them if not given.
            heartbeat: seconds, as in Server.events.
            tail: begin with the last lines that it wrote before, as far as they are kept.
            follow: go on; without it these last lines are all.
        """
        call = routes.follow(self.pid, label, heartbeat, tail=tail, follow=follow)
        return Lines(self._transport, call, heartbeat)

"""Opening and closing plugins: in order, under deadlines, and each without harm to the others."""

import logging
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

import trio

from gaffer_kernel.errors import Closing, GafferError, NotFound, PluginError, describe_exception
from gaffer_kernel.plugins.dependencies import requirements
from gaffer_kernel.plugins.lifecycle import Life
from gaffer_kernel.plugins.plugin_set import Roster
from gaffer_kernel.plugins.record import Record, State
from gaffer_kernel.plugins.turn import Turn

if TYPE_CHECKING:
    from gaffer_kernel.kernel import Kernel

log = logging.getLogger(__name__)


class Runner:
    """Runs the services of the plugins of one kernel.

    Args:
        roster: the plugins, in the order in which they open; its hooks are told when one opens or
            ends.
        publish: called as `publish(event, name=plugin, ...)` after each change of state.
        start_deadline: seconds one service may take to open.
        stop_deadline: seconds one service may take to close before it is cancelled.

    Attributes:
        turn: whoever has it starts, opens, closes or changes plugins.
        services: what the open plugins yielded.
        abandoned: plugins that did not even end when cancelled; their tasks may still be there.
    """

    def __init__(
        self,
        roster: Roster,
        publish: Callable[..., object],
        start_deadline: float,
        stop_deadline: float,
    ) -> None:
        self.turn = Turn()
        self.services: dict[str, object] = {}
        self.abandoned: list[str] = []
        self._roster = roster
        self._records = roster.records
        self._hooks = roster.hooks
        self._publish = publish
        self._start_deadline = start_deadline
        self._stop_deadline = stop_deadline
        self._lives: dict[str, Life] = {}  # in the order in which they were opened
        self._kernel: Kernel | None = None
        self._closing = False

    @asynccontextmanager
    async def running(self, kernel: "Kernel") -> AsyncIterator[None]:
        """Open every plugin, run the block, close the last opened first. See Plugins.running."""
        if self._kernel is not None:
            raise RuntimeError("these plugins already run in a kernel")
        self._kernel = kernel
        self._closing = False
        self._hooks.living = True
        self._hooks.forget()
        try:
            async with self.turn.taken:
                await self._open_all(self._records)
            yield
        finally:
            self._closing = True
            with trio.CancelScope(shield=True):
                while self._lives:
                    await self._close(next(reversed(self._lives)))
            self._kernel = None

    async def open(self, name: str) -> None:
        """Open a plugin, first those it requires. See Plugins.open."""
        async with self.turn.taken:
            self._check_there(name)
            needed = requirements(name, self._records)
            for record in list(self._records.values()):
                if record.name in needed or record.name == name:
                    await self._open(record)

    async def close(self, name: str) -> None:
        """Close a plugin, first those that require it. See Plugins.close."""
        async with self.turn.taken:
            self._check_there(name)
            for each in reversed(list(self._lives)):
                if each == name or name in requirements(each, self._records):
                    await self._close(each)

    def _check_there(self, name: str) -> None:
        if name not in self._records:
            raise NotFound("plugin", name)

    def running_kernel(self, record: Record) -> "Kernel":
        """The kernel that runs, to do something to a plugin that has code or may get it.

        Raises:
            PluginError: it is disabled, or no kernel runs.
            Closing: the kernel is shutting down.
        """
        if self._closing:
            raise Closing
        if record.state == "disabled":
            raise record.blame("is disabled")
        if self._kernel is None:
            raise record.blame("can be opened only while its kernel runs")
        return self._kernel

    async def exchange(
        self, new: Roster, leaving: Collection[str], take_back: Callable[[], object]
    ) -> None:
        """Close what is to be other, take over a new set of plugins, open it. Call it in the turn.

        Args:
            new: plugins that are the same in it stay as they are.
            leaving: plugins to close and open although they are the same.
            take_back: called before the old plugins are opened again.

        Raises:
            PluginError: one did not open; the old plugins are back, and open again.
            Closing: the kernel is shutting down.
        """
        old = self._roster.copy()
        replaced = {
            name for name, record in old.records.items() if record is not new.records.get(name)
        }
        leaving = {*leaving, *replaced}
        wanted = {name for name in new.records if name not in old.records}
        # One that failed was wanted: new code may be its remedy.
        wanted |= {name for name in leaving if old.records[name].state == "failed"}
        for each in reversed(list(self._lives)):
            if each in leaving or not leaving.isdisjoint(requirements(each, old.records)):
                wanted.add(each)
                await self._close(each)
        self._roster.become(new)
        try:
            await self._open_all(wanted)
        except (PluginError, Closing) as exc:
            await self._return_to(old, wanted, exc, take_back)
            raise

    async def _open_all(self, names: Collection[str]) -> None:
        for record in list(self._records.values()):
            if record.name in names and record.plugin is not None:
                await self._open(record)

    async def _return_to(
        self,
        old: Roster,
        closed: Collection[str],
        why: GafferError,
        take_back: Callable[[], object],
    ) -> None:
        for each in reversed(list(self._lives)):
            if each in closed:
                await self._close(each)
        self._roster.become(old)
        take_back()
        for record in list(self._records.values()):
            if record.name in closed and record.state == "closed":
                try:
                    await self._open(record)
                except Closing:
                    return
                except GafferError as exc:
                    log.error("%s", exc)
                else:
                    record.error = f"the plugins before a change are back: {why}"

    async def _open(self, record: Record) -> None:
        if record.state == "open":
            return
        service = self._service(record, self._ready(record))
        life = self._lives[record.name] = Life(service)
        life.begin(f"plugin {record.name}", partial(self._live, record, life))
        if not await life.wait_open(self._start_deadline, self._stop_deadline):
            self._abandon(record, life, f"did not start within {self._start_deadline:g} s")
        if not life.is_open:
            reason = record.error or "was closed before it was open"
            raise Closing if self._closing else record.blame(reason)

    def _ready(self, record: Record) -> "Kernel":
        """The kernel to open it with, once nothing stands in the way of that."""
        kernel = self.running_kernel(record)
        if record.plugin is None:
            raise record.blame(f"{record.error}, then reload it")
        for need in map(self._records.__getitem__, record.requires):
            if need.state != "open":
                why = f" ({need.error})" if need.error else ""
                raise record.blame(f"requires {need.name}, which is {need.state}{why}")
        record.state, record.error = "loaded", None
        self._hooks.forget()
        return kernel

    def _service(self, record: Record, kernel: "Kernel") -> AbstractAsyncContextManager[object]:
        try:
            service = self._hooks.ask(record, "gaffer_service", {"kernel": kernel})
            if not isinstance(service, AbstractAsyncContextManager | None):
                kind = type(service).__name__
                raise record.blame(f"gaffer_service gave a {kind}, not an async context manager")
        except GafferError as exc:
            self._fail(record, _reason(record, exc))
            raise record.blame(_reason(record, exc)) from exc
        return service or nullcontext()

    async def _live(self, record: Record, life: Life) -> None:
        try:
            await life.run(partial(self._opened, record), self._start_deadline)
            if self._forget(record, life):
                self._account(record, life)
            elif life.error is not None:
                log.error(
                    "%s", record.blame(f"after it was abandoned: {describe_exception(life.error)}")
                )
        finally:
            life.ended()
        if life.is_open and record.state == "failed":
            await self._close_dependants(record.name)

    def _opened(self, record: Record, service: object) -> None:
        if service is not None:
            self.services[record.name] = service
        record.opened += 1
        self._change(record, "open", "plugin.opened")

    def _forget(self, record: Record, life: Life) -> bool:
        if self._lives.get(record.name) is not life:
            return False
        del self._lives[record.name]
        self.services.pop(record.name, None)
        return True

    def _account(self, record: Record, life: Life) -> None:
        """Settle what became of a service that has ended."""
        if life.error is not None:
            verb = "failed" if life.is_open else "did not start"
            self._fail(record, f"{verb}: {_reason(record, life.error)}", life)
        elif not life.asked and life.is_open:
            self._fail(record, "its service ended by itself", life)
        elif not life.asked:
            self._fail(record, f"did not start within {self._start_deadline:g} s", life)
        elif life.is_open:
            if life.overran:
                record.error = f"did not close within {self._stop_deadline:g} s, cancelled"
                log.error("%s", record.blame(record.error))
            self._change(record, "closed", "plugin.closed", **_why(record))

    def _fail(self, record: Record, reason: str, life: Life | None = None) -> None:
        record.error = reason
        # Whoever opens a plugin hears of it from the exception; later there is only the log.
        if life is not None and life.is_open:
            log.error("%s", record.blame(reason), exc_info=life.error)
        self._change(record, "failed", "plugin.failed", **_why(record))

    def _change(self, record: Record, state: State, event: str, **data: object) -> None:
        record.state = state
        self._hooks.forget()
        self._publish(event, name=record.name, **data)

    async def _close_dependants(self, name: str) -> None:
        for each in reversed(list(self._lives)):
            if name in requirements(each, self._records) and each in self._lives:
                record = self._records[each]
                record.error = f"closed because {name}, which it requires, failed"
                log.warning("%s", record.blame(record.error))
                await self._close(each)

    async def _close(self, name: str) -> None:
        life = self._lives.get(name)
        if life is not None and not await life.close(self._stop_deadline):
            verb = "close" if life.is_open else "start"
            self._abandon(self._records[name], life, f"did not {verb} in time")

    def _abandon(self, record: Record, life: Life, reason: str) -> None:
        """Go on without a service that has not even ended when it was cancelled."""
        if self._forget(record, life):
            self.abandoned.append(record.name)
            log.error("%s", record.blame(f"{reason} and does not end when cancelled: abandoned"))
            self._fail(record, f"{reason}, abandoned")


def _reason(record: Record, exc: BaseException) -> str:
    if isinstance(exc, PluginError) and exc.plugin == record.name:
        return exc.reason
    return describe_exception(exc)


def _why(record: Record) -> dict[str, str]:
    return {"reason": record.error} if record.error else {}

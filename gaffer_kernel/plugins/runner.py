"""PluginRunner: opens and closes plugins in order, under deadlines, isolated from each other."""

import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

import trio

from gaffer_kernel.errors import Closing, GafferError, PluginError, describe_exception
from gaffer_kernel.plugins.dependencies import find_requirements
from gaffer_kernel.plugins.late_start import LateStarts
from gaffer_kernel.plugins.lifecycle import ServiceTask
from gaffer_kernel.plugins.plugin_set import PluginSet
from gaffer_kernel.plugins.record import PluginRecord, State
from gaffer_kernel.plugins.recovery import PluginRecovery

if TYPE_CHECKING:
    from gaffer_kernel.kernel import Kernel

log = logging.getLogger(__name__)


class PluginRunner:
    """Runs the services of the plugins of one kernel.

    Args:
        publish: called as `publish(event, name=plugin, ...)` after each change of state.
        start_deadline: seconds one service may take to open.
        stop_deadline: seconds one service may take to close before it is cancelled.
        lock: held during each change of the plugins.

    Attributes:
        plugins: the current plugins, in the order in which they open.
        services: the values that the services of open plugins yielded.
        recovery: opens failed plugins again.
        abandoned: plugins that did not end when cancelled; their tasks may still run.
    """

    def __init__(
        self,
        publish: Callable[..., object],
        start_deadline: float,
        stop_deadline: float,
        lock: trio.Lock,
    ) -> None:
        self.plugins = PluginSet()
        self.services: dict[str, object] = {}
        self.abandoned: list[str] = []
        self.recovery = PluginRecovery(self, lock)
        self._publish = publish
        self._start_deadline = start_deadline
        self._stop_deadline = stop_deadline
        self._tasks: dict[str, ServiceTask] = {}  # in the order in which they were opened
        self._late = LateStarts(start_deadline)
        self._opening = ""
        self._kernel: Kernel | None = None
        self._closing = False

    def start(self, kernel: "Kernel") -> None:
        """Prepare to open plugins for a kernel.

        Raises:
            RuntimeError: the plugins run in a kernel already.
        """
        if self._kernel is not None:
            raise RuntimeError("these plugins already run in a kernel")
        self._kernel = kernel
        self._closing = False
        self.plugins.hooks.running = True
        self.plugins.hooks.refresh()

    async def shut_down(self) -> None:
        """Close every plugin, the last opened first; a cancellation does not end this."""
        self._closing = True
        self.recovery.close()
        with trio.CancelScope(shield=True):
            while self._tasks:
                await self.close(next(reversed(self._tasks)))
        self._kernel = None

    def get_kernel(self, record: PluginRecord) -> "Kernel":
        """Return the running kernel, in order to open or reload a plugin.

        Raises:
            PluginError: the plugin is disabled, or no kernel runs.
            Closing: the kernel is shutting down.
        """
        if self._closing:
            raise Closing
        if record.state == "disabled":
            raise record.plugin_error("is disabled")
        if self._kernel is None:
            raise record.plugin_error("can be opened only while its kernel runs")
        return self._kernel

    def replace(self, plugins: PluginSet) -> None:
        """Use another set of plugins from now on; call hooks of those only."""
        plugins.hooks.continue_from(self.plugins.hooks)
        self.plugins = plugins

    def running_names(self) -> list[str]:
        """The plugins that have a task, the last opened first."""
        return list(reversed(self._tasks))

    # Opening

    async def open_all(self, names: Collection[str]) -> None:
        """Open the plugins of these names that have code, in order.

        One that requires a plugin that did not open is left out, because its error would only
        repeat the other one.

        Raises:
            PluginError: some did not open; it names them all.
            Closing: the kernel is shutting down.
        """
        errors: list[PluginError] = []
        for record in list(self.plugins.records.values()):
            if record.name not in names or record.plugin is None:
                continue
            required = find_requirements(record.name, self.plugins.records)
            if any(error.plugin in required for error in errors):
                continue
            try:
                await self.open(record)
            except PluginError as error:
                errors.append(error)
        if errors:
            raise PluginError.combine(errors)

    async def open(self, record: PluginRecord) -> None:
        """Open one plugin, if it is not open.

        Raises:
            PluginError: it is disabled, a plugin it requires is not open, or it failed.
            Closing: the kernel is shutting down.
        """
        if record.state == "open":
            return
        service = self._make_service(record, self._check_can_open(record))
        self._opening = record.name
        task = self._tasks[record.name] = ServiceTask(service)
        task.start(f"plugin {record.name}", partial(self._run, record, task))
        if not await task.wait_open(self._start_deadline, self._stop_deadline):
            self._abandon(record, task, f"did not start within {self._start_deadline:g} s")
        if not task.is_open:
            reason = record.error or "was closed before it was open"
            raise Closing if self._closing else record.plugin_error(reason)
        await self._check_keys(record)

    async def _check_keys(self, record: PluginRecord) -> None:
        """Close a plugin that has opened and left a key of its sections unread.

        Most plugins read their sections in `gaffer_configure`; this is for those that read them
        while they open.
        """
        if self._kernel is None:
            return
        errors = self.plugins.find_unread(record, self._kernel.config)
        if errors:
            await self.close(record.name)
            self._set_failed(record, f"did not start: {errors[0]}")
            raise record.plugin_error(str(record.error))

    def finish_start_late(self, function: Callable[[], Awaitable[None]]) -> None:
        """Keep a function of the plugin that is opening for `finish_start`."""
        self._late.add(self.plugins.records[self._opening], function)

    async def finish_start(self, wait: Callable[[], Awaitable[None]]) -> None:
        """Await `wait`, then the functions kept; return at once if there are none.

        Raises:
            PluginError: one failed or took too long.
        """
        await self._late.run_all(wait)

    def _check_can_open(self, record: PluginRecord) -> "Kernel":
        kernel = self.get_kernel(record)
        if record.plugin is None:
            raise record.plugin_error(f"{record.error}, then reload it")
        for need in map(self.plugins.records.__getitem__, record.requires):
            if need.state != "open":
                cause = f" ({need.error})" if need.error else ""
                raise record.plugin_error(f"requires {need.name}, which is {need.state}{cause}")
        record.state, record.error = "loaded", None
        self.plugins.hooks.refresh()
        return kernel

    def _make_service(
        self, record: PluginRecord, kernel: "Kernel"
    ) -> AbstractAsyncContextManager[object]:
        try:
            service = self.plugins.hooks.call_one(record, "gaffer_service", {"kernel": kernel})
            if not isinstance(service, AbstractAsyncContextManager | None):
                kind = type(service).__name__
                raise record.plugin_error(
                    f"gaffer_service gave a {kind}, not an async context manager"
                )
        except GafferError as exc:
            self._set_failed(record, record.get_reason(exc))
            raise record.plugin_error(record.get_reason(exc)) from exc
        return service or nullcontext()

    # Running

    async def _run(self, record: PluginRecord, task: ServiceTask) -> None:
        try:
            await task.run(partial(self._set_open, record), self._start_deadline)
            if is_current := self._remove(record, task):
                self._record_end(record, task)
            elif task.error is not None:
                error = describe_exception(task.error)
                log.error("%s", record.plugin_error(f"failed after it was abandoned: {error}"))
        finally:
            task.finish()
        open_seconds = trio.current_time() - task.opened_at
        if task.is_open and record.state == "failed":
            closed = await self._close_dependants(record.name)
            if is_current and not self._closing:
                self.recovery.add(record, open_seconds, closed)

    def _set_open(self, record: PluginRecord, service: object) -> None:
        if service is not None:
            self.services[record.name] = service
        record.opened += 1
        self._set_state(record, "open", "plugin.opened")

    def _remove(self, record: PluginRecord, task: ServiceTask) -> bool:
        if self._tasks.get(record.name) is not task:
            return False
        del self._tasks[record.name]
        self._late.remove(record)
        self.services.pop(record.name, None)
        return True

    def _record_end(self, record: PluginRecord, task: ServiceTask) -> None:
        if task.error is not None:
            verb = "failed" if task.is_open else "did not start"
            self._set_failed(record, f"{verb}: {record.get_reason(task.error)}", task)
        elif not task.stop_requested and task.is_open:
            self._set_failed(record, "its service ended by itself", task)
        elif not task.stop_requested:
            self._set_failed(record, f"did not start within {self._start_deadline:g} s", task)
        elif task.is_open:
            if task.timed_out:
                record.error = f"did not close within {self._stop_deadline:g} s, cancelled"
                log.error("%s", record.plugin_error(record.error))
            self._set_state(record, "closed", "plugin.closed", **_get_event_reason(record))

    def _set_failed(
        self, record: PluginRecord, reason: str, task: ServiceTask | None = None
    ) -> None:
        record.error = reason
        # While it opens the caller of `open` gets an exception; later there is only the log.
        if task is not None and task.is_open:
            log.error("%s", record.plugin_error(reason), exc_info=task.error)
        self._set_state(record, "failed", "plugin.failed", **_get_event_reason(record))

    def _set_state(self, record: PluginRecord, state: State, event: str, **data: object) -> None:
        record.state = state
        self.plugins.hooks.refresh()
        self._publish(event, name=record.name, **data)

    # Closing

    async def _close_dependants(self, name: str) -> list[str]:
        """Close the plugins that require one that has failed; return their names."""
        closed = []
        for each in self.running_names():
            if name in find_requirements(each, self.plugins.records) and each in self._tasks:
                record = self.plugins.records[each]
                record.error = f"closed because {name}, which it requires, failed"
                log.warning("%s", record.plugin_error(record.error))
                await self.close(each)
                closed.append(each)
        return closed

    async def close(self, name: str) -> None:
        """Close one plugin, if it runs; abandon it if it does not end when cancelled."""
        task = self._tasks.get(name)
        if task is not None and not await task.close(self._stop_deadline):
            verb = "close" if task.is_open else "start"
            self._abandon(self.plugins.records[name], task, f"did not {verb} in time")

    def _abandon(self, record: PluginRecord, task: ServiceTask, reason: str) -> None:
        if self._remove(record, task):
            self.abandoned.append(record.name)
            log.error(
                "%s",
                record.plugin_error(f"{reason} and does not end when cancelled: abandoned"),
            )
            self._set_failed(record, f"{reason}, abandoned")


def _get_event_reason(record: PluginRecord) -> dict[str, str]:
    return {"reason": record.error} if record.error else {}

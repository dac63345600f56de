"""PluginRecovery: opens plugins again that failed while they were open, with backoff."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING

import trio

from gaffer_kernel.errors import Closing, PluginError, describe_exception
from gaffer_kernel.plugins.dependencies import find_requirements
from gaffer_kernel.plugins.record import PluginRecord

if TYPE_CHECKING:
    from gaffer_kernel.plugins.runner import PluginRunner

log = logging.getLogger(__name__)

MAX_TRIES = 5
"""How often a plugin is opened again before it is given up."""
FIRST_DELAY = 1.0
"""Seconds from a failure to the first try; each further one waits twice as long."""
HEALTHY_AFTER = 60.0
"""Seconds after which an open plugin counts as healthy: its next failure is its first one."""


class PluginRecovery:
    """Opens the failed plugins of one kernel again, and those that were closed with them.

    A plugin that a caller has opened, closed or replaced in the meantime is left alone.

    Args:
        runner: opens them.
        lock: held during each change of the plugins.
    """

    def __init__(self, runner: PluginRunner, lock: trio.Lock) -> None:
        self._runner = runner
        self._lock = lock
        self._tries: dict[str, int] = {}
        self._opened: dict[str, int] = {}  # `PluginRecord.opened` after the last try
        self._scopes: dict[str, trio.CancelScope] = {}
        self._dependants: dict[str, list[str]] = {}

    def add(self, record: PluginRecord, seconds: float, closed: Collection[str]) -> None:
        """Open a plugin again later, which has just failed; returns at once.

        Args:
            record: the plugin.
            seconds: how long it was open.
            closed: the plugins that require it and were closed because of the failure.
        """
        name = record.name
        if seconds >= HEALTHY_AFTER or record.opened != self._opened.get(name):
            self._tries.pop(name, None)
        waiting = self._dependants.setdefault(name, [])
        waiting += [each for each in closed if each not in waiting]
        if name not in self._scopes:
            self._scopes[name] = trio.CancelScope()
            # Not a task of the plugin, which ends now.
            trio.lowlevel.spawn_system_task(
                partial(self._run, record, self._scopes[name]),
                name=f"recovery of plugin {name}",
                context=contextvars.copy_context(),
            )

    def forget(self, names: Collection[str]) -> None:
        """Leave plugins alone from now on: a caller has opened or closed them."""
        for name in names:
            self._tries.pop(name, None)
            self._dependants.pop(name, None)
            if scope := self._scopes.pop(name, None):
                scope.cancel()
        for waiting in self._dependants.values():
            waiting[:] = [name for name in waiting if name not in names]

    def close(self) -> None:
        """Open nothing from now on: the kernel is shutting down."""
        self.forget([*self._scopes, *self._tries, *self._dependants])

    async def _run(self, record: PluginRecord, scope: trio.CancelScope) -> None:
        try:
            with scope:
                await self._open_again(record)
        except Exception as exc:  # noqa: BLE001  it would end trio
            log.error("%s", record.plugin_error(f"recovery failed: {describe_exception(exc)}"))
        finally:
            if self._scopes.get(record.name) is scope:
                del self._scopes[record.name]

    async def _open_again(self, record: PluginRecord) -> None:
        name = record.name
        while True:
            tries = self._tries.get(name, 0)
            if tries == MAX_TRIES:
                self._give_up(record)
                return
            delay = FIRST_DELAY * 2**tries
            self._tries[name] = tries + 1
            count = f"try {tries + 1} of {MAX_TRIES}"
            log.warning("%s", record.plugin_error(f"is opened again in {delay:g} s, {count}"))
            await trio.sleep(delay)
            async with self._lock:
                if not self._is_failed(record) or self._waits_for_others(record):
                    return
                try:
                    await self._open(record)
                except Closing:
                    return
                except PluginError as error:
                    log.error("%s", error)
                # It may have failed again while the plugins that require it were opened.
                if not self._is_failed(record):
                    return

    async def _open(self, record: PluginRecord) -> None:
        """Open a plugin, and those that were closed because it failed."""
        await self._runner.open(record)
        self._opened[record.name] = record.opened
        log.warning("%s", record.plugin_error("is open again"))
        waiting = self._dependants.pop(record.name, [])
        for name, each in list(self._runner.plugins.records.items()):
            if name not in waiting or each.state not in ("closed", "failed"):
                continue
            if self._waits_for_others(each):
                continue
            try:
                await self._open(each)
            except PluginError as error:
                log.error("%s", error)
                self.add(each, 0.0, ())

    def _is_failed(self, record: PluginRecord) -> bool:
        """Return whether it is still the same plugin, and failed."""
        return self._runner.plugins.records.get(record.name) is record and record.state == "failed"

    def _waits_for_others(self, record: PluginRecord) -> bool:
        """Return whether it requires a plugin that is not open.

        It is then opened with that one.
        """
        records = self._runner.plugins.records
        required = find_requirements(record.name, records)
        missing = [name for name in required if records[name].state != "open"]
        for name in missing:
            waiting = self._dependants.setdefault(name, [])
            if record.name not in waiting:
                waiting.append(record.name)
        return bool(missing)

    def _give_up(self, record: PluginRecord) -> None:
        self.forget([record.name])
        reason = f"given up after {MAX_TRIES} tries: repair it and open it, or disable it"
        record.error = f"{record.error}; {reason}"
        log.error("%s", record.plugin_error(reason))

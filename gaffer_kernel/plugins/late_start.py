"""LateStarts: what plugins have left of their start until the first processes run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from gaffer_kernel.plugins.record import PluginRecord

Function = Callable[[], Awaitable[None]]


class LateStarts:
    """The second halves of the starts of plugins, in the order in which the plugins opened.

    Args:
        deadline: seconds one of them may take.
    """

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._functions: dict[str, tuple[PluginRecord, Function]] = {}

    def add(self, record: PluginRecord, function: Function) -> None:
        """Keep the function of a plugin for `run_all`."""
        self._functions[record.name] = record, function

    def remove(self, record: PluginRecord) -> None:
        """Forget the function of a plugin, which has ended."""
        self._functions.pop(record.name, None)

    async def run_all(self, wait: Function) -> None:
        """Await `wait`, then the functions; return at once if there are none.

        If cancelled, the functions that have not run are kept.

        Args:
            wait: returns when the first processes run.

        Raises:
            PluginError: one failed or took too long.
        """
        if self._functions:
            await wait()
        while self._functions:
            record, function = self._functions.pop(next(iter(self._functions)))
            try:
                with trio.fail_after(self._deadline):
                    await function()
            except trio.TooSlowError:
                raise record.plugin_error(f"did not start within {self._deadline:g} s") from None
            except Exception as exc:
                reason = f"did not start: {record.get_reason(exc)}"
                raise record.plugin_error(reason) from exc

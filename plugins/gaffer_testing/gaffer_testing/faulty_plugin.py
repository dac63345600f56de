"""A plugin that is no good: every hook of it raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pluggy
from gaffer_kernel import Plugins, hookimpl
from gaffer_kernel.plugin import PROJECT


class Neighbour:
    """It implements every hook that other plugins bring, and those about events and processes.

    Attributes:
        armed: whether it raises; else it has nothing to say.
        raised: the hooks that have raised.
    """

    name = "neighbour"

    def __init__(self, brought: set[str]) -> None:
        self.armed = False
        self.raised: set[str] = set()
        for hook in {"gaffer_event", "gaffer_process_env", "gaffer_restart_delay", *brought}:
            setattr(self, hook, hookimpl(optionalhook=True)(self._raising(hook)))

    def _raising(self, hook: str) -> Callable[[], Any]:
        def raising() -> None:
            if self.armed:
                self.raised.add(hook)
                raise RuntimeError(f"{hook} of the neighbour raises")

        return raising


def hooks_brought_by(plugins: Plugins) -> set[str]:
    """The hooks that plugins bring by `gaffer_addhooks`."""
    manager = pluggy.PluginManager(PROJECT)
    plugins.call_strict("gaffer_addhooks", pluginmanager=manager)
    return set(vars(manager.hook))

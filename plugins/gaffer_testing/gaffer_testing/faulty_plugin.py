"""A plugin whose hooks all raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pluggy
from gaffer_kernel import Plugins, hookimpl
from gaffer_kernel.plugin import PROJECT

_HOOKS = ("gaffer_event", "gaffer_process_env", "gaffer_restart_delay")


class FaultyPlugin:
    """A plugin with all hooks that other plugins add, and those about events and processes.

    Attributes:
        armed: whether its hooks raise; otherwise they do nothing.
        raised: the hooks that have raised.
    """

    name = "faulty"

    def __init__(self, added: set[str]) -> None:
        self.armed = False
        self.raised: set[str] = set()
        for hook in {*_HOOKS, *added}:
            setattr(self, hook, hookimpl(optionalhook=True)(self._raising(hook)))

    def _raising(self, hook: str) -> Callable[[], Any]:
        def raising() -> None:
            if self.armed:
                self.raised.add(hook)
                raise RuntimeError(f"{hook} of the faulty plugin raises")

        return raising


def get_added_hooks(plugins: Plugins) -> set[str]:
    """Return the names of the hooks that plugins add by `gaffer_addhooks`."""
    manager = pluggy.PluginManager(PROJECT)
    plugins.call_strict("gaffer_addhooks", pluginmanager=manager)
    return set(vars(manager.hook))

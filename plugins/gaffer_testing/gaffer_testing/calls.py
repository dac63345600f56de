"""A record of all calls of hooks, with arguments and results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pluggy
from gaffer_kernel import hookimpl


@dataclass(frozen=True, slots=True)
class HookCall:
    """One call of one implementation of a hook.

    Attributes:
        hook: the name of the hook.
        plugin: the name of the plugin.
        arguments: the arguments that the implementation takes, by name.
        result: its result.
        error: the exception that it raised; None if it returned.
    """

    hook: str
    plugin: str
    arguments: Mapping[str, Any]
    result: Any = None
    error: BaseException | None = None


class HookCalls:
    """A plugin that records each call of a hook of the other plugins. Add it last.

    Calls of `gaffer_addhooks` are not recorded, because they happen while a plugin is added.

    Attributes:
        all: every call that has returned or raised, in this order.
    """

    name = "hook_calls"

    def __init__(self) -> None:
        self.all: list[HookCall] = []
        self._observed: set[Callable[..., Any]] = set()
        self._manager: pluggy.PluginManager | None = None

    def __call__(self, hook: str | None = None, plugin: str | None = None) -> list[HookCall]:
        """Return the calls so far, of one hook or all, of one plugin or all."""
        return [
            call for call in self.all if hook in (None, call.hook) and plugin in (None, call.plugin)
        ]

    @hookimpl
    def gaffer_addhooks(self, pluginmanager: pluggy.PluginManager) -> None:
        """Observe the plugins that have been added before."""
        self._manager = pluginmanager
        self._observe()

    @hookimpl(tryfirst=True)
    def gaffer_config_sections(self) -> tuple[str, ...]:
        """Observe the plugins that a reload has added."""
        self._observe()
        return ()

    def _observe(self) -> None:
        assert self._manager is not None
        for hook, caller in vars(self._manager.hook).items():
            for impl in caller.get_hookimpls():
                if impl.plugin is not self and impl.function not in self._observed:
                    # The kernel calls implementations one by one, not through pluggy, so pluggy's
                    # add_hookcall_monitoring would see nothing. For mypy, `function` is final.
                    setattr(impl, "function", self._observer(hook, impl))  # noqa: B010

    def _observer(self, hook: str, impl: pluggy.HookImpl) -> Callable[..., Any]:
        function, plugin, names = impl.function, impl.plugin_name, impl.argnames

        def observer(*values: object) -> object:
            arguments = dict(zip(names, values, strict=True))
            try:
                result: object = function(*values)
            except BaseException as error:
                self.all.append(HookCall(hook, plugin, arguments, error=error))
                raise
            self.all.append(HookCall(hook, plugin, arguments, result))
            return result

        self._observed.add(observer)
        return observer

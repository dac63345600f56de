"""Who was asked what, and what the answer was."""

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
        hook: its name.
        plugin: whose implementation it was.
        arguments: those that the implementation takes, by name.
        result: what it returned.
        error: what it raised; None if it returned.
    """

    hook: str
    plugin: str
    arguments: Mapping[str, Any]
    result: Any = None
    error: BaseException | None = None


class HookCalls:
    """A plugin that notes each call of a hook of the others. Add it last.

    `gaffer_addhooks` is not noted: it is called while a plugin is added.

    Attributes:
        all: every call that has ended, in that order.
    """

    name = "hook_calls"

    def __init__(self) -> None:
        self.all: list[HookCall] = []
        self._observed: set[Callable[..., Any]] = set()
        self._manager: pluggy.PluginManager | None = None

    def __call__(self, hook: str | None = None, plugin: str | None = None) -> list[HookCall]:
        """The calls so far of one hook or of all, of one plugin or of all."""
        return [
            call for call in self.all if hook in (None, call.hook) and plugin in (None, call.plugin)
        ]

    @hookimpl
    def gaffer_addhooks(self, pluginmanager: pluggy.PluginManager) -> None:
        """Find those that have been added before."""
        self._manager = pluginmanager
        self._observe()

    @hookimpl(tryfirst=True)
    def gaffer_config_sections(self) -> tuple[str, ...]:
        """Find those that came with a reload."""
        self._observe()
        return ()

    def _observe(self) -> None:
        assert self._manager is not None
        for hook, caller in vars(self._manager.hook).items():
            for impl in caller.get_hookimpls():
                if impl.plugin is not self and impl.function not in self._observed:
                    # The kernel calls implementations one by one, not through pluggy, whose own
                    # means to look on would therefore see nothing. To mypy it is final.
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

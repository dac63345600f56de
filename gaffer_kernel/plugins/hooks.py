"""Calling hooks: one implementation at a time, each on its own.

pluggy keeps the specifications and the implementations and checks their arguments; its own way of
calling is not used, because there one plugin that raises ends the call for all.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, NamedTuple, cast

import pluggy
import trio

from gaffer_kernel import hookspecs
from gaffer_kernel.errors import GafferError, PluginError, describe_exception, did_you_mean
from gaffer_kernel.plugins.complaints import complain
from gaffer_kernel.plugins.dependencies import Problem
from gaffer_kernel.plugins.record import Record

CONFIGURING = {"gaffer_add_options", "gaffer_config_sections", "gaffer_configure"}
"""Asked of every plugin, open or not: closing one must not orphan its section or drop its jobs."""

LIVING = {"gaffer_event", "gaffer_process_env", "gaffer_restart_delay"}
"""Asked of open plugins only, once plugins are being opened."""


class Implementation(NamedTuple):
    """One function of one plugin, and the names of the arguments that it takes."""

    record: Record
    function: Callable[..., Any]
    arguments: tuple[str, ...]


class Hooks:
    """The hooks of one kernel and who implements them.

    Args:
        records: the plugins in the order in which they are called; the owner changes it in place
            and calls `forget()`.
    """

    def __init__(self, records: Mapping[str, Record]) -> None:
        self.living = False  # set while plugins are being opened, and from then on
        self.changes = 0  # counts what may have changed who is called
        self._records = records
        self._found: dict[str, tuple[Implementation, ...]] = {}
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._manager.hook.gaffer_addhooks.call_historic(kwargs={"pluginmanager": self._manager})

    def register(self, record: Record) -> None:
        """Take up the implementations of a plugin, and the hooks that it brings.

        Raises:
            PluginError: it has none, one asks for an argument that its hook has not, or its
                gaffer_addhooks raised.
        """
        try:
            self._manager.register(record.plugin, record.name)
            if not self._manager.get_hookcallers(record.plugin):
                raise record.blame("has no function marked @hookimpl")
        except BaseException as exc:
            self._manager.unregister(name=record.name)
            if isinstance(exc, PluginError) or not isinstance(exc, Exception | SystemExit):
                raise
            raise self._refusal(record, exc) from exc
        self.forget()

    def _refusal(self, record: Record, exc: BaseException) -> PluginError:
        if isinstance(exc, pluggy.PluginValidationError):
            # The culprit may be an older plugin, whose hook this one has only now specified.
            name = self._manager.get_name(exc.plugin)
            culprit = self._records.get(name or "", record)
            return culprit.blame(" ".join(str(exc).split()))
        return record.blame(f"cannot be added: {describe_exception(exc)}: {record.remedy}")

    def forget(self) -> None:
        """Look again who is called: a plugin came, opened or ended, or the order changed."""
        self.changes += 1
        self._found.clear()

    def take_over(self, other: "Hooks") -> None:
        """Call the plugins of another set from now on, whose records the owner has taken over."""
        self._manager = other._manager
        self.forget()

    def call(self, hook: str, arguments: Mapping[str, object]) -> list[tuple[str, Any]]:
        """All results but None, with the names of their plugins. See Plugins.call."""
        return list(self._results(hook, arguments))

    def first(self, hook: str, arguments: Mapping[str, object]) -> Any:
        """The first result that is not None; the rest are not asked. See Plugins.first."""
        return next((result for _, result in self._results(hook, arguments)), None)

    def call_strict(self, hook: str, arguments: Mapping[str, object]) -> list[tuple[str, Any]]:
        """As `call`, but the first failure is raised. See Plugins.call_strict."""
        results = []
        for one in self._implementations(hook):
            result = _ask(one, hook, arguments)
            if result is not None:
                results.append((one.record.name, result))
        return results

    def implementing(self, hook: str) -> list[str]:
        """The plugins that a call would ask. See Plugins.implementing."""
        return [one.record.name for one in self._implementations(hook)]

    def ask(self, record: Record, hook: str, arguments: Mapping[str, object]) -> Any:
        """The result of one plugin, None if it has no such hook; raises as `call_strict`."""
        for one in self._implementations(hook):
            if one.record is record:
                return _ask(one, hook, arguments)
        return None

    def _results(self, hook: str, arguments: Mapping[str, object]) -> Iterator[tuple[str, Any]]:
        for one in self._implementations(hook):
            values = [arguments[name] for name in one.arguments]
            try:
                result = one.function(*values)
            except (trio.Cancelled, GeneratorExit):
                raise
            except BaseException as exc:  # noqa: BLE001  SystemExit too is the plugin's fault
                complain(one.record, hook, exc)
            else:
                if result is not None:
                    yield one.record.name, result

    def _implementations(self, hook: str) -> tuple[Implementation, ...]:
        found = self._found.get(hook)
        if found is None:
            found = self._found[hook] = tuple(self._look_up(hook))
        return found

    def _look_up(self, hook: str) -> Iterable[Implementation]:
        caller: pluggy.HookCaller | None = getattr(self._manager.hook, hook, None)
        if caller is None or not caller.has_spec():
            hint = did_you_mean(hook, self._specified())
            raise LookupError(f"no plugin specifies the hook {hook!r}{hint}")
        rank = {name: position for position, name in enumerate(self._records)}
        impls = [impl for impl in caller.get_hookimpls() if self._called(impl.plugin_name, hook)]
        impls.sort(key=lambda impl: (impl.trylast - impl.tryfirst, rank[impl.plugin_name]))
        for impl in impls:
            record = self._records[impl.plugin_name]
            yield Implementation(record, impl.function, tuple(impl.argnames))

    def _called(self, name: str, hook: str) -> bool:
        state = self._records[name].state
        if hook in CONFIGURING:
            return True
        return state == "open" or (state == "loaded" and not (self.living and hook in LIVING))

    def _specified(self) -> list[str]:
        hooks: dict[str, pluggy.HookCaller] = vars(self._manager.hook)
        return [name for name, caller in hooks.items() if caller.has_spec()]

    def problems(self) -> list[Problem]:
        """All that is wrong with the implementations, whatever plugin they belong to."""
        return [
            (record, problem)
            for record in self._records.values()
            if record.plugin is not None
            for problem in (*self._misfits(record), *self._unmarked(record))
        ]

    def _misfits(self, record: Record) -> Iterator[str]:
        for caller in self._manager.get_hookcallers(record.plugin) or ():
            for impl in caller.get_hookimpls():
                if impl.plugin is record.plugin:
                    yield from self._misfit(caller, impl)

    def _misfit(self, caller: pluggy.HookCaller, impl: pluggy.HookImpl) -> Iterator[str]:
        if not caller.has_spec() and not impl.optionalhook:
            hint = did_you_mean(caller.name, self._specified())
            yield f"no hook is called {caller.name}{hint} (or mark it optionalhook=True)"
        if impl.wrapper or impl.hookwrapper:
            yield f"{caller.name} is a wrapper; hooks are called one by one, nothing to wrap"
        elif inspect.isasyncgenfunction(impl.function):
            yield f"{caller.name} is an async generator: it lacks @asynccontextmanager"
        elif inspect.iscoroutinefunction(impl.function):
            yield f"{caller.name} is async: hooks are plain functions, to await use gaffer_service"

    def _unmarked(self, record: Record) -> Iterator[str]:
        implemented = {caller.name for caller in self._manager.get_hookcallers(record.plugin) or ()}
        plugin = cast(ModuleType, record.plugin)  # or an object like one: pluggy takes both
        for name in self._specified():
            function = inspect.getattr_static(plugin, name, None)
            if (
                callable(function)
                and name not in implemented
                and not self._manager.parse_hookspec_opts(plugin, name)
            ):
                yield f"{name} lacks @hookimpl"


def _ask(one: Implementation, hook: str, arguments: Mapping[str, object]) -> Any:
    values = [arguments[name] for name in one.arguments]
    try:
        return one.function(*values)
    except GafferError:
        raise
    except (Exception, SystemExit, KeyboardInterrupt) as exc:
        reason = f"{hook} raised {describe_exception(exc)}: {one.record.remedy}"
        raise one.record.blame(reason) from exc

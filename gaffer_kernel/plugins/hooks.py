"""Calls hook implementations one by one, and isolates their failures.

pluggy keeps the specifications and the implementations and checks their arguments. Its own way of
calling is not used: there, one plugin that raises ends the call for all.
"""

import inspect
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple, cast

import pluggy

from gaffer_kernel import hookspecs
from gaffer_kernel.errors import GafferError, PluginError, describe_exception, did_you_mean
from gaffer_kernel.plugins.containment import is_interrupt
from gaffer_kernel.plugins.dependencies import Problem
from gaffer_kernel.plugins.lag import LagMonitor
from gaffer_kernel.plugins.record import PluginRecord

log = logging.getLogger(__name__)

CONFIGURING = {
    "gaffer_add_options",
    "gaffer_config_sections",
    "gaffer_configure",
    "gaffer_job_options",
}
"""Called for closed plugins, too: else closing one would orphan its section and drop its jobs."""

LIVING = {
    "gaffer_base_env",
    "gaffer_event",
    "gaffer_process_env",
    "gaffer_readiness",
    "gaffer_restart_delay",
    "gaffer_spawn_settings",
    "gaffer_start_condition",
}
"""Called for open plugins only, from the moment at which plugins are being opened."""


class Implementation(NamedTuple):
    """One function of one plugin, and the names of the arguments that it takes."""

    record: PluginRecord
    function: Callable[..., Any]
    arguments: tuple[str, ...]

    def call(self, hook: str, arguments: Mapping[str, object]) -> Any:
        """Call it and return the result.

        Raises:
            GafferError: raised by the plugin.
            PluginError: the plugin raised anything else.
        """
        values = [arguments[name] for name in self.arguments]
        try:
            return self.function(*values)
        except GafferError:
            raise
        except BaseException as exc:
            if is_interrupt(exc):
                raise
            reason = f"{hook} raised {describe_exception(exc)}: {self.record.remedy}"
            raise self.record.plugin_error(reason) from exc


class Hooks:
    """The hooks of a set of plugins, and who implements them.

    Attributes:
        running: whether plugins are being opened, or have been.
        changes: rises when the implementations of a hook may have changed.
    """

    def __init__(self) -> None:
        self.running = False
        self.changes = 0
        self._lag = LagMonitor()
        self._records: dict[str, PluginRecord] = {}  # those with code, in the order of calls
        self._found: dict[str, tuple[Implementation, ...]] = {}
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._manager.hook.gaffer_addhooks.call_historic(kwargs={"pluginmanager": self._manager})

    # Registering

    def register(self, record: PluginRecord) -> None:
        """Add the implementations of a plugin, and the hooks that it brings.

        Raises:
            PluginError: it implements no hook, an implementation has an argument that its hook does
                not have, or its gaffer_addhooks raised.
        """
        try:
            self._manager.register(record.plugin, record.name)
            if not self._manager.get_hookcallers(record.plugin):
                raise record.plugin_error("has no function marked @hookimpl")
        except BaseException as exc:
            self._manager.unregister(name=record.name)
            if isinstance(exc, PluginError) or is_interrupt(exc):
                raise
            raise self._register_error(record, exc) from exc
        self._records[record.name] = record
        self.refresh()

    def _register_error(self, record: PluginRecord, exc: BaseException) -> PluginError:
        if isinstance(exc, pluggy.PluginValidationError):
            # Often an older plugin is wrong, whose hook this one has only now specified.
            name = self._manager.get_name(exc.plugin)
            culprit = self._records.get(name or "", record)
            return culprit.plugin_error(" ".join(str(exc).split()))
        return record.plugin_error(f"cannot be added: {describe_exception(exc)}: {record.remedy}")

    def set_order(self, names: Iterable[str]) -> None:
        """Call the plugins in this order."""
        self._records = {name: self._records[name] for name in names}
        self.refresh()

    def continue_from(self, other: "Hooks") -> None:
        """Take the place of the hooks of another set of plugins."""
        self.running = other.running
        self.changes = other.changes
        self._lag = other._lag
        self.refresh()

    def refresh(self) -> None:
        """Look up the implementations again: a plugin has been added, opened or closed."""
        self.changes += 1
        self._found.clear()

    # Calling

    def call(self, hook: str, arguments: Mapping[str, object]) -> Iterator[tuple[str, Any]]:
        """Yield the results that are not None, with the names of the plugins.

        A failure is reported, and the next plugin is called.

        Raises:
            LookupError: the hook is not specified, or an argument is missing.
        """
        for each in self.find(hook):
            values = [arguments[name] for name in each.arguments]
            try:
                result = self._call(each, hook, each.function, values)
            except BaseException as exc:
                if is_interrupt(exc):
                    raise
                # SystemExit, GeneratorExit and trio.Cancelled are faults of the plugin, too.
                report_failure(each.record, hook, exc)
            else:
                if result is not None:
                    yield each.record.name, result

    def call_strict(self, hook: str, arguments: Mapping[str, object]) -> list[tuple[str, Any]]:
        """Return the results that are not None; raise the first failure as `Implementation.call`.

        Raises:
            LookupError: the hook is not specified, or an argument is missing.
        """
        results = [
            (each.record.name, self._call(each, hook, each.call, (hook, arguments)))
            for each in self.find(hook)
        ]
        return [(name, result) for name, result in results if result is not None]

    def call_and_collect(
        self, hook: str, arguments: Mapping[str, object]
    ) -> dict[str, GafferError]:
        """Call a hook of all plugins, and return the errors, by the name of the plugin.

        Raises:
            LookupError: the hook is not specified, or an argument is missing.
        """
        errors = {}
        for each in self.find(hook):
            try:
                self._call(each, hook, each.call, (hook, arguments))
            except GafferError as error:
                errors[each.record.name] = error
        return errors

    def call_one(self, record: PluginRecord, hook: str, arguments: Mapping[str, object]) -> Any:
        """Return the result of one plugin; None if it does not implement the hook.

        Raises as `call_strict`.
        """
        for each in self.find(hook):
            if each.record is record:
                return self._call(each, hook, each.call, (hook, arguments))
        return None

    def _call(
        self,
        implementation: Implementation,
        hook: str,
        function: Callable[..., Any],
        arguments: Sequence[object],
    ) -> Any:
        if not self.running:
            # No process and no request waits yet.
            return function(*arguments)
        return self._lag.call(implementation.record, hook, function, arguments)

    def find(self, hook: str) -> tuple[Implementation, ...]:
        """Return the implementations that a call runs now, in order.

        Raises:
            LookupError: the hook is not specified.
        """
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
        impls = [impl for impl in caller.get_hookimpls() if self._is_called(impl.plugin_name, hook)]
        impls.sort(key=lambda impl: (impl.trylast - impl.tryfirst, rank[impl.plugin_name]))
        for impl in impls:
            record = self._records[impl.plugin_name]
            yield Implementation(record, impl.function, tuple(impl.argnames))

    def _is_called(self, name: str, hook: str) -> bool:
        state = self._records[name].state
        if hook in CONFIGURING:
            return True
        return state == "open" or (state == "loaded" and not (self.running and hook in LIVING))

    def _specified(self) -> list[str]:
        hooks: dict[str, pluggy.HookCaller] = vars(self._manager.hook)
        return [name for name, caller in hooks.items() if caller.has_spec()]

    # Checking

    def find_problems(self) -> list[Problem]:
        """Find everything that is wrong with the implementations of all plugins."""
        return [
            (record, problem)
            for record in self._records.values()
            for problem in (*self._invalid(record), *self._unmarked(record))
        ]

    def _invalid(self, record: PluginRecord) -> Iterator[str]:
        for caller in self._manager.get_hookcallers(record.plugin) or ():
            for impl in caller.get_hookimpls():
                if impl.plugin is record.plugin:
                    yield from self._check(caller, impl)

    def _check(self, caller: pluggy.HookCaller, impl: pluggy.HookImpl) -> Iterator[str]:
        if not caller.has_spec() and not impl.optionalhook:
            hint = did_you_mean(caller.name, self._specified())
            yield f"no hook is called {caller.name}{hint} (or mark it optionalhook=True)"
        if impl.wrapper or impl.hookwrapper:
            yield f"{caller.name} is a wrapper; hooks are called one by one, nothing to wrap"
        elif inspect.isasyncgenfunction(impl.function):
            yield f"{caller.name} is an async generator: it lacks @asynccontextmanager"
        elif inspect.iscoroutinefunction(impl.function):
            yield f"{caller.name} is async: hooks are plain functions, to await use gaffer_service"

    def _unmarked(self, record: PluginRecord) -> Iterator[str]:
        implemented = {caller.name for caller in self._manager.get_hookcallers(record.plugin) or ()}
        plugin = cast(ModuleType, record.plugin)  # or any object: pluggy accepts both
        for name in self._specified():
            function = inspect.getattr_static(plugin, name, None)
            if (
                callable(function)
                and name not in implemented
                and not self._manager.parse_hookspec_opts(plugin, name)
            ):
                yield f"{name} lacks @hookimpl"


def report_failure(record: PluginRecord, hook: str, problem: BaseException | str) -> None:
    """Count a failure of a hook; log the first, second, fourth, eighth and so on.

    A hook can fail at each event for months: the lines grow with the logarithm of the failures, so
    that they do not fill a disk.

    Args:
        record: the plugin that implements the hook.
        hook: its name.
        problem: the exception it raised, which is logged with its traceback the first time; or what
            is wrong with its result, to follow the name of the hook.
    """
    record.failures += 1
    record.hook_failures[hook] += 1
    count = record.hook_failures[hook]
    if count & (count - 1):
        return
    raised = problem if isinstance(problem, BaseException) else None
    what = f"raised {describe_exception(raised)}" if raised is not None else problem
    times = f", failed {count:,} times so far" if count > 1 else ""
    error = record.plugin_error(f"{hook} {what}{times}")
    log.error("%s", error, exc_info=raised if count == 1 else None)

"""PluginAdvice: asks the plugins, with hooks, what the supervisors of jobs want to know."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from math import inf
from types import MappingProxyType
from typing import Any

from gaffer_kernel.errors import GafferError, SpawnError, shown
from gaffer_kernel.jobs.exits import History
from gaffer_kernel.jobs.job import Job
from gaffer_kernel.jobs.options import JobOptions
from gaffer_kernel.plugins import Plugins
from gaffer_kernel.processes.process import Process
from gaffer_kernel.spawn_settings import SpawnSettings, merge_settings


class PluginAdvice:
    """The answers of the plugins of one kernel; an answer of the wrong type is a failure.

    It implements `gaffer_kernel.jobs.advice.Advice`.

    Args:
        plugins: the plugins to ask.
    """

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins

    @property
    def job_options(self) -> JobOptions:
        """The keys that plugins add to jobs."""
        return self._plugins.job_options

    def start_condition(self, job: Job, number: int) -> str | None:
        """Collect the reasons of plugins to wait with the next process; None if there is none."""
        hook = "gaffer_start_condition"
        reasons = []
        for plugin, reason in self._plugins.call(hook, job=job, number=number):
            if isinstance(reason, str):
                reasons.append(reason or f"plugin {plugin}")
            else:
                self._plugins.report_failure(plugin, hook, f"gave {shown(reason)}, not a text")
        return "; ".join(reasons) or None

    def readiness(self, process: Process) -> list[str]:
        """Return the plugins that decide when a process is ready."""
        hook = "gaffer_readiness"
        return [plugin for plugin, is_own in self._plugins.call(hook, process=process) if is_own]

    def process_env(self, job: Job, number: int) -> Mapping[str, str]:
        """Collect the variables that plugins add to the next process of a job."""
        added: dict[str, str] = {}
        for plugin, mapping in self._plugins.call("gaffer_process_env", job=job, number=number):
            try:
                added.update({str(key): str(value) for key, value in mapping.items()})
            except AttributeError:
                problem = f"gave a {type(mapping).__name__}, not a mapping"
                self._plugins.report_failure(plugin, "gaffer_process_env", problem)
            except Exception as error:  # noqa: BLE001  keys and values can be code of the plugin
                self._plugins.report_failure(plugin, "gaffer_process_env", error)
        return added

    def base_env(
        self, job: Job, number: int, environ: Mapping[str, str]
    ) -> Mapping[str, str | None]:
        """Collect the variables of plugins that only override what a process inherits.

        Raises:
            SpawnError: a plugin failed.
        """
        hook = "gaffer_base_env"
        arguments = {"job": job, "number": number, "environ": MappingProxyType(dict(environ))}
        variables: dict[str, str | None] = {}
        for plugin, mapping in self._ask_before_spawn("bad_env", hook, **arguments):
            if not isinstance(mapping, Mapping):
                kind = type(mapping).__name__
                problem = f"plugin {plugin}: {hook} gave a {kind}, not a mapping"
                raise SpawnError("bad_env", problem)
            for key, value in mapping.items():
                variables[str(key)] = None if value is None else str(value)
        return variables

    def spawn_settings(self, job: Job, number: int) -> SpawnSettings | None:
        """Merge the settings that plugins give the next process of a job.

        Raises:
            SpawnError: two plugins contradict each other, or one failed.
        """
        hook = "gaffer_spawn_settings"
        found = self._ask_before_spawn("bad_setting", hook, job=job, number=number)
        for plugin, settings in found:
            if not isinstance(settings, SpawnSettings):
                problem = f"plugin {plugin}: {hook} gave {shown(settings)}, not SpawnSettings"
                raise SpawnError("bad_setting", problem)
        return merge_settings(found) if found else None

    def _ask_before_spawn(self, slug: str, hook: str, **arguments: object) -> list[tuple[str, Any]]:
        try:
            return self._plugins.call_strict(hook, **arguments)
        except SpawnError:
            raise
        except GafferError as error:
            # Not started rather than started without its limits or its variables.
            raise SpawnError(slug, str(error)) from None

    def restart_delay(self, job: Job, history: History) -> float | None:
        """Return the first restart delay that a plugin gives; None if none does."""
        for plugin, delay in self._plugins.call("gaffer_restart_delay", job=job, history=history):
            if isinstance(delay, int | float) and delay >= 0:
                # An int may be larger than any float.
                return float(delay) if delay < sys.float_info.max else inf
            problem = f"gave {shown(delay)}, not seconds from 0"
            self._plugins.report_failure(plugin, "gaffer_restart_delay", problem)
        return None

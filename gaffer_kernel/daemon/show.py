"""The output of `gafferd --list-plugins` and `gafferd --check`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from gaffer_kernel.config import Config
from gaffer_kernel.config.section import get_folder
from gaffer_kernel.errors import PluginError
from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.kernel import Kernel
from gaffer_kernel.names import JobName
from gaffer_kernel.plugins import Plugins
from gaffer_kernel.plugins.record import PluginInfo

LoadPlugins = Callable[[Iterable[str]], Plugins]
"""Loads the plugins, except those with the given names."""


def list_plugins(load: LoadPlugins) -> list[PluginInfo]:
    """Return the facts about every plugin, including those that cannot be loaded.

    Raises:
        PluginError: the error is not that of a single plugin.
    """
    reasons: dict[str, str] = {}
    while (plugins := _without_broken(load, reasons)) is None:
        pass  # Each round adds broken plugins to `reasons`.
    infos = sorted(plugins.info(), key=lambda info: info.name)
    try:
        plugins.check()
    except PluginError as error:
        if not error.reasons.keys() <= {info.name for info in infos}:
            raise
        reasons |= error.reasons
    return [_with_error(info, reasons.get(info.name)) for info in infos]


def _without_broken(load: LoadPlugins, reasons: dict[str, str]) -> Plugins | None:
    try:
        return load(reasons)
    except PluginError as error:
        if error.reasons.keys() <= reasons.keys():
            raise
        reasons |= error.reasons
        return None


def _with_error(info: PluginInfo, reason: str | None) -> PluginInfo:
    return replace(info, state="failed", error=reason) if reason else info


def format_plugins(infos: Sequence[PluginInfo], folder: Path) -> str:
    """Format a table with name, version, origin and state of each plugin."""
    if not infos:
        return "no plugins"
    rows = [("NAME", "VERSION", "FROM", "STATE")]
    for info in infos:
        origin = info.distribution or f"{folder}/{info.name}"
        state = f"{info.state}: {info.error}" if info.error else info.state
        rows.append((info.name, info.version or "-", origin, state))
    return _table(rows)


def format_plan(kernel: Kernel) -> str:
    """Describe what a configured kernel would run."""
    config = kernel.config
    files = ", ".join(map(str, config.files)) or "none"
    plugins = ", ".join(
        f"{info.name} {info.version or ''}".strip()
        for info in kernel.plugins.info()
        if info.state != "disabled"
    )
    rows = [
        _job_row(JobName.parse(job.name, session), job, _get_default_folder(config))
        for session, job in config.jobs()
    ]
    jobs = f"jobs:\n{_table(rows)}" if rows else "jobs: none"
    notes = "".join(f"{note}\n" for note in config.notes)
    return f"configuration: {files}\n{jobs}\n{notes}plugins: {plugins or 'none'}"


def _get_default_folder(config: Config) -> str | None:
    return os.path.abspath(get_folder(config.path)) if config.path else None


def _job_row(name: JobName, job: JobConfig, default_folder: str | None) -> tuple[str, ...]:
    line = " ".join(filter(None, (job.cmd, shlex.join(job.args))))
    notes = [
        f"in {job.cwd}" if job.cwd and job.cwd != default_folder else "",
        f"as {job.uid}" if job.uid is not None else "",
        "" if job.start else "not started",
    ]
    return (f"  {name}", f"{job.numprocesses} x", line, ", ".join(filter(None, notes)))


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines)

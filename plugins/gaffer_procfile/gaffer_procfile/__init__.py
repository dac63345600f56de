"""Procfile applications: read, run by gafferd, and exported.

export        the formats that this plugin brings, a file for each
configured    `[gaffer] procfile`: the jobs of a Procfile
hookspecs     the hook for formats of other plugins
exporter      what a format is
ports         processes that get the same PORT
application   a Procfile with its variables and numbers, as jobs
concurrency, environment, procfile   the three things that are read

Importing it must stay cheap, as gafferd does so to find out what it is: the files are read with
what is imported then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from gaffer_kernel.hookspecs import hookimpl

from gaffer_procfile.application import Application, port_of
from gaffer_procfile.concurrency import parse_concurrency
from gaffer_procfile.environment import load_env, load_envs
from gaffer_procfile.exporter import ExportedFile, Exporter, ExportError, by_name
from gaffer_procfile.procfile import Procfile

if TYPE_CHECKING:
    import pluggy
    from gaffer_kernel import Config, Job

__all__ = [
    "Application",
    "ExportError",
    "ExportedFile",
    "Exporter",
    "Procfile",
    "by_name",
    "load_env",
    "load_envs",
    "parse_concurrency",
]


@hookimpl
def gaffer_addhooks(pluginmanager: pluggy.PluginManager) -> None:
    """Bring `gaffer_exporters`."""
    from gaffer_procfile import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


@hookimpl
def gaffer_config_sections() -> tuple[str, ...]:
    """Three keys of [gaffer]."""
    return ("gaffer.procfile", "gaffer.env_files", "gaffer.concurrency")


@hookimpl
def gaffer_configure(config: Config) -> None:
    """Add the jobs of the Procfile that the file names."""
    from gaffer_procfile.config_section import add_jobs

    add_jobs(config)


@hookimpl
def gaffer_process_env(job: Job, number: int) -> Mapping[str, str]:
    """PORT, one more for each process of a job that has GAFFER_PORT."""
    return port_of(job.config.env, number)


@hookimpl(optionalhook=True)
def gaffer_exporters() -> Iterable[Exporter]:
    """The formats that everybody asks for."""
    from gaffer_procfile.export import compose, ini, json, kubernetes, supervisor, systemd

    modules = (ini, json, systemd, supervisor, compose, kubernetes)
    return [module.exporter for module in modules]

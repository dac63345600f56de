"""The plugin `procfile`: the jobs of a Procfile, their PS, and the export formats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from gaffer_kernel import Config, Job, hookimpl

from gaffer_procfile.application import get_type_env

if TYPE_CHECKING:
    import pluggy

    from gaffer_procfile.exporter import Exporter


class ProcfilePlugin:
    """Adds the jobs of `[gaffer] procfile`, PS for their processes, and the export formats."""

    name = "procfile"

    gaffer_after = ("http",)
    """Plugins that listen reserve their ports before those of the processes are chosen."""

    @hookimpl
    def gaffer_addhooks(self, pluginmanager: pluggy.PluginManager) -> None:
        """Add the hook `gaffer_exporters`."""
        from gaffer_procfile import hookspecs

        pluginmanager.add_hookspecs(hookspecs)

    @hookimpl
    def gaffer_config_sections(self) -> tuple[str, ...]:
        """Own three keys of `[gaffer]`."""
        return ("gaffer.procfile", "gaffer.env_files", "gaffer.concurrency")

    @hookimpl
    def gaffer_configure(self, config: Config) -> None:
        """Add the jobs of the Procfile in `[gaffer] procfile`."""
        from gaffer_procfile.config_section import add_jobs

        add_jobs(config)

    @hookimpl
    def gaffer_process_env(self, job: Job, number: int) -> Mapping[str, str]:
        """Set PS, such as `web.1`, in the processes of a type."""
        return get_type_env(job.name.name, job.config.env, number)

    @hookimpl(optionalhook=True)
    def gaffer_exporters(self) -> Iterable[Exporter]:
        """Return the built-in formats."""
        from gaffer_procfile.export import compose, ini, json, kubernetes, supervisor, systemd

        modules = (ini, json, systemd, supervisor, compose, kubernetes)
        return [module.exporter for module in modules]


plugin = ProcfilePlugin()

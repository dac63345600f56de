"""The plugin `mandatory`: refuses a configuration when a required plugin is missing."""

from __future__ import annotations

from gaffer_kernel import Config, PluginInfo, hookimpl

from gaffer_mandatory.check import check


class MandatoryPlugin:
    """Checks that the plugins required by the owner and by other plugins are there."""

    name = "mandatory"

    @hookimpl
    def gaffer_config_sections(self) -> tuple[str, ...]:
        """Own the key `mandatory` of `[gaffer]`."""
        return ("gaffer.mandatory",)

    @hookimpl(tryfirst=True)
    def gaffer_configure(self, config: Config, plugins: tuple[PluginInfo, ...]) -> None:
        """Refuse the configuration unless every required plugin is there."""
        check(config, plugins)


plugin = MandatoryPlugin()

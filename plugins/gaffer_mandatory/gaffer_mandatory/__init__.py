"""Plugins that cannot be done without, in which versions: without them gafferd does not start.

demands   what is demanded, read from a text
check     what is not met
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gaffer_kernel.hookspecs import hookimpl

from gaffer_mandatory.check import check

if TYPE_CHECKING:
    from gaffer_kernel import Config, PluginInfo

__all__: list[str] = []


@hookimpl
def gaffer_config_sections() -> tuple[str, ...]:
    """The list of the owner."""
    return ("gaffer.mandatory",)


@hookimpl(tryfirst=True)
def gaffer_configure(config: Config, plugins: tuple[PluginInfo, ...]) -> None:
    """Refuse the configuration unless every plugin demanded is there."""
    check(config, plugins)

"""The section `[uptime]`."""

from __future__ import annotations

from gaffer_kernel import Config


def get_ignored(config: Config) -> frozenset[str]:
    """Return the names of excluded jobs.

    Raises:
        ConfigError: the section has another key.
    """
    section = config.section("uptime")
    if section is None:
        return frozenset()
    for key, _ in section.items():
        if key != "ignore":
            raise section.error(key, "unknown key, there is only ignore")
    return frozenset(section.getlist("ignore", []))

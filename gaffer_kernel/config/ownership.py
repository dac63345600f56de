"""Who may use which part of the configuration, so that a typing mistake never passes in silence."""

from collections.abc import Iterable

from gaffer_kernel.config.section import Section
from gaffer_kernel.errors import ConfigError, did_you_mean

KERNEL = (
    "gaffer.include",
    "gaffer.include_dir",
    "gaffer.plugin_dir",
    "gaffer.plugins_dir",
    "gaffer.disable_plugins",
    "gaffer.insecure_plugin_dir",
    "gaffer.insecure_config",
    "gaffer.pidfile",
    "process:",
    "job:",
    "env:",
)
"""What the kernel itself reads."""

WELL_KNOWN = {
    "endpoint:": "gaffer-http",
    "gaffer.http_endpoints": "gaffer-http",
    "gaffer.http_hosts": "gaffer-http",
    "gaffer.cors_origins": "gaffer-http",
    "gaffer.http_requests_per_caller": "gaffer-http",
    "gaffer.concurrency": "gaffer-procfile",
    "gaffer.env_files": "gaffer-procfile",
    "gaffer.mandatory": "gaffer-mandatory",
    "gaffer.procfile": "gaffer-procfile",
    "auth": "gaffer-auth",
    "http": "gaffer-http",
    "lookup": "gaffer-lookup",
    "stats": "gaffer-stats",
    "webhooks": "gaffer-webhooks",
}
"""What the plugins of gaffer read, and the distributions they come in."""


def check_owned(sections: Iterable[Section], owned: Iterable[str]) -> None:
    """Check that someone reads every section, and every key of [gaffer].

    Args:
        sections: what the files hold.
        owned: what the plugins read, besides the kernel: `webhooks` a section, `endpoint:` every
            section that begins like this, `gaffer.http_endpoints` one key of [gaffer].

    Raises:
        ConfigError: naming the first that nobody reads, and who would or what was meant.
    """
    names = {*KERNEL, *owned}
    for section in sections:
        if section.name == "gaffer":
            for key, _ in section.items():
                _check_key(section, key, names)
        elif not _reads(section.name, names):
            raise _unowned_section(section, names)


def _reads(section: str, names: Iterable[str]) -> bool:
    prefix, colon, _ = section.partition(":")
    return f"{prefix}:" in names if colon else section in names


def _check_key(section: Section, key: str, names: set[str]) -> None:
    if f"gaffer.{key}" in names:
        return
    if owner := WELL_KNOWN.get(f"gaffer.{key}"):
        raise section.error(key, _missing(owner))
    known = [name.removeprefix("gaffer.") for name in names if name.startswith("gaffer.")]
    raise section.error(key, f"unknown key{did_you_mean(key, sorted(known))}")


def _unowned_section(section: Section, names: set[str]) -> ConfigError:
    prefix, colon, rest = section.name.partition(":")
    if owner := WELL_KNOWN.get(prefix + colon):
        return section.error(None, _missing(owner))
    sections = {"gaffer", *(name for name in names if "." not in name)}
    alike = did_you_mean(prefix + colon, sorted(sections))
    whole = alike.replace(":'", f":{rest}'")
    return section.error(None, f"unknown section{whole}")


def _missing(distribution: str) -> str:
    return f"belongs to {distribution}, which is not installed or is disabled"

"""Which sections and keys the kernel and plugins own; anything else is an error."""

from collections.abc import Iterable, Iterator

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
"""The sections and keys that the kernel owns."""

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
"""The sections and keys of the plugins of gaffer, and their distributions."""


def find_unowned(sections: Iterable[Section], owned: Iterable[str]) -> Iterator[ConfigError]:
    """Yield an error for each section, and each key of [gaffer], without an owner.

    It names the distribution that owns it, or a similar name.

    Args:
        sections: the sections of the files.
        owned: the names that plugins own: `webhooks` a section, `endpoint:` every section that
            begins like this, `gaffer.http_endpoints` one key of [gaffer].
    """
    names = {*KERNEL, *owned}
    for section in sections:
        if section.name == "gaffer":
            for key, _ in section.items():
                if error := _key_error(section, key, names):
                    yield error
        elif not _has_owner(section.name, names):
            yield _section_error(section, names)


def _has_owner(section: str, names: Iterable[str]) -> bool:
    prefix, colon, _ = section.partition(":")
    return f"{prefix}:" in names if colon else section in names


def _key_error(section: Section, key: str, names: set[str]) -> ConfigError | None:
    if f"gaffer.{key}" in names:
        return None
    if owner := WELL_KNOWN.get(f"gaffer.{key}"):
        return section.error(key, _describe_owner(owner))
    known = [name.removeprefix("gaffer.") for name in names if name.startswith("gaffer.")]
    return section.error(key, f"unknown key{did_you_mean(key, sorted(known))}")


def _section_error(section: Section, names: set[str]) -> ConfigError:
    prefix, colon, rest = section.name.partition(":")
    if owner := WELL_KNOWN.get(prefix + colon):
        return section.error(None, _describe_owner(owner))
    sections = {"gaffer", *(name for name in names if "." not in name)}
    alike = did_you_mean(prefix + colon, sorted(sections))
    whole = alike.replace(":'", f":{rest}'")
    return section.error(None, f"unknown section{whole}")


def _describe_owner(distribution: str) -> str:
    return f"belongs to {distribution}, which is not installed or is disabled"

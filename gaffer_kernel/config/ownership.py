"""Which sections and keys the kernel and plugins own; anything else is an error."""

import string
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
    "gaffer.orphans",
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

REPLACED = {
    "gaffer.bind": "write it in a section [endpoint:NAME], and http_endpoints = NAME here",
    "gaffer.backlog": "write it in a section [endpoint:NAME], and http_endpoints = NAME here",
    "gaffer.daemonize": "use the option gafferd --daemon",
    "gaffer.error_log": "use the option gafferd --error-log FILE",
    "gaffer.log_level": "use the option gafferd --log-level LEVEL",
    "gaffer.broadcast_address": "write it in the section [lookup]",
    "gaffer.broadcast_port": "write it in the section [lookup]",
    "gaffer.lookupd_address": "write all addresses in address of the section [lookup]",
    "ssl": "write certfile and keyfile in a section [endpoint:NAME]",
    "lookup_ssl": "write certfile, keyfile and cacert in the section [lookup]",
}
"""The sections and keys of gaffer 0.5 that are no longer read, and what to do instead."""


def find_unowned(sections: Iterable[Section], owned: Iterable[str]) -> Iterator[ConfigError]:
    """Yield an error for each section, and each key of [gaffer], without an owner.

    It names the distribution that owns it, the replacement of a name of gaffer 0.5, or a similar
    name.

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


def find_unread(sections: Iterable[Section], owned: Iterable[str]) -> Iterator[ConfigError]:
    """Yield an error for each key that the plugin which owns its section has not asked for.

    The keys that one of several sections of a prefix was asked for are known in all of them. A
    section that was not asked for anything is left out: its owner reads it later. So is one whose
    keys were listed: its owner judges them itself.

    Args:
        sections: the sections of the files.
        owned: names that plugins own, as for `find_unowned`.
    """
    sections = list(sections)
    for name in dict.fromkeys(owned):
        members = [each for each in sections if _is_owned_by(each.name, name)]
        known = frozenset[str]().union(*(each.asked for each in members))
        for section in members if known else ():
            for key in section.find_unknown(known):
                yield section.error(key, f"unknown key{did_you_mean(key, sorted(known))}")


def _is_owned_by(section: str, name: str) -> bool:
    return section.startswith(name) if name.endswith(":") else section == name


def _has_owner(section: str, names: Iterable[str]) -> bool:
    prefix, colon, _ = section.partition(":")
    return f"{prefix}:" in names if colon else section in names


def _key_error(section: Section, key: str, names: set[str]) -> ConfigError | None:
    if f"gaffer.{key}" in names:
        return None
    if owner := WELL_KNOWN.get(f"gaffer.{key}"):
        return section.error(key, _describe_owner(owner))
    # gaffer 0.5 also read lookupd_address1, lookupd_address2 and so on.
    if remedy := REPLACED.get(f"gaffer.{key.rstrip(string.digits)}"):
        return section.error(key, _describe_replaced(remedy))
    known = [name.removeprefix("gaffer.") for name in names if name.startswith("gaffer.")]
    return section.error(key, f"unknown key{did_you_mean(key, sorted(known))}")


def _section_error(section: Section, names: set[str]) -> ConfigError:
    prefix, colon, rest = section.name.partition(":")
    if owner := WELL_KNOWN.get(prefix + colon):
        return section.error(None, _describe_owner(owner))
    if remedy := REPLACED.get(section.name):
        return section.error(None, _describe_replaced(remedy))
    sections = {"gaffer", *(name for name in names if "." not in name)}
    alike = did_you_mean(prefix + colon, sorted(sections))
    whole = alike.replace(":'", f":{rest}'")
    return section.error(None, f"unknown section{whole}")


def _describe_replaced(remedy: str) -> str:
    return f"was read by gaffer 0.5: {remedy}; docs/migration.md lists all changes"


def _describe_owner(distribution: str) -> str:
    return f"belongs to {distribution}, which is not installed or is disabled"

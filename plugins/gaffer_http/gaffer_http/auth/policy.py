"""The access policy: the users who are the owner, and the allowed hosts and origins."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

from gaffer_kernel import Config, Section

_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9_.-]+|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?"
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}


def _owners() -> frozenset[int]:
    return frozenset({os.geteuid(), 0})


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules against which the middleware checks requests.

    Attributes:
        hosts: names under which the API may be addressed, besides localhost and IP addresses.
        origins: foreign web sites whose pages may call.
        uids: the users whose programs may call.
    """

    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    uids: frozenset[int] = field(default_factory=_owners)


def read_policy(config: Config) -> Policy:
    """Read `http_hosts` and `cors_origins` of [gaffer].

    Raises:
        ConfigError: a value is not a host name or not an origin.
    """
    section = config.section("gaffer")
    if section is None:
        return Policy()
    return Policy(hosts=_hosts(section), origins=_origins(section))


def _hosts(section: Section) -> frozenset[str]:
    hosts = [host.lower() for host in section.getlist("http_hosts", [])]
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise section.error("http_hosts", f"must be host names without a port, not {host!r}")
    return frozenset(hosts)


def _origins(section: Section) -> frozenset[str]:
    origins = []
    for text in section.getlist("cors_origins", []):
        origin = normal_origin(text)
        if origin is None:
            message = f"must be origins like https://example.org, one by one, not {text!r}"
            raise section.error("cors_origins", message)
        origins.append(origin)
    return frozenset(origins)


def normal_origin(text: str) -> str | None:
    """Return an origin in the form in which origins are compared; None if it is invalid, like
    `null`."""
    match = _ORIGIN.fullmatch(text.lower())
    if match is None:
        return None
    port = match["port"]
    shown = f":{port}" if port and port != _DEFAULT_PORTS[match["scheme"]] else ""
    return f"{match['scheme']}://{match['host']}{shown}"

"""The endpoints of the API: `[endpoint:NAME]` sections, or the options of the command line."""

from __future__ import annotations

import argparse
import os
import re
import ssl
from dataclasses import dataclass
from pathlib import Path

from gaffer_kernel import Config, ConfigError, Section
from gaffer_kernel.plugin import did_you_mean

from gaffer_http.listen.address import Address, TcpAddress, parse_addresses
from gaffer_http.listen.auth_mode import AUTH_MODES, AuthMode, describe_auth
from gaffer_http.listen.tls import TlsError, server_context

DEFAULT_BIND = "127.0.0.1:5000"
DEFAULT_BACKLOG = 128
OPTIONS = ("bind", "certfile", "keyfile", "backlog")
"""Keys of an `[endpoint:NAME]` section that are also options of the command line, with `--`."""

OTHER_OPTIONS = ("client_ca", "auth", "default_bind")
"""Options that another program than gafferd may set: `client_ca` and `auth` are the keys of these
names, and `default_bind` is where to listen when `bind` is not set, instead of DEFAULT_BIND."""

KEYS = (*OPTIONS, "mode", "auth", "proxy_protocol", "client_ca", "client_certificate")
"""All keys of an `[endpoint:NAME]` section."""

_PREFIX = "endpoint:"
_MAX_BACKLOG = 65535
_DEFAULT_MODE = 0o600
_EXPOSED = (
    "can be reached from other machines: it needs a certfile and a keyfile, and gaffer-auth, which"
    " identifies callers from there; or bind 127.0.0.1, [::1] or unix:/path"
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Addresses that are served with the same settings.

    Attributes:
        name: of its section, `default` without one.
        addresses: without duplicates; all loopback or unix if it does not use HTTPS.
        backlog: how many connections may wait to be accepted.
        mode: the file mode of its unix sockets.
        both_loopbacks: listen on [::1] as well as on 127.0.0.1, where there is one. Otherwise the
            one that is not among the addresses is only held, so that no other program can listen
            there.
        tls: the TLS settings; None for plain HTTP.
        auth: what identifies a caller; never `owner` with `proxy_protocol`.
        proxy_protocol: whether each connection begins with a header of the PROXY protocol.
    """

    name: str
    addresses: tuple[Address, ...]
    backlog: int = DEFAULT_BACKLOG
    mode: int = _DEFAULT_MODE
    both_loopbacks: bool = False
    tls: ssl.SSLContext | None = None
    auth: AuthMode = "owner"
    proxy_protocol: bool = False

    @property
    def auth_note(self) -> str:
        """The required credentials, such as `tokens only`; empty if the owner needs nothing."""
        has_client_ca = self.tls is not None and self.tls.verify_mode != ssl.CERT_NONE
        return describe_auth(self.auth, has_client_ca=has_client_ca)


def is_exposed(address: Address) -> bool:
    """Return whether other machines can reach an address."""
    return isinstance(address, TcpAddress) and not address.is_loopback


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options about endpoints to the command line of gafferd."""
    group = parser.add_argument_group("HTTP API")
    group.add_argument(
        "--bind",
        metavar="ADDRESS",
        action="append",
        help="where the HTTP API listens, instead of the endpoints of the file: host:port,"
        f" [v6]:port or unix:/path; several with commas, or repeated (default:"
        f" {DEFAULT_BIND} and [::1]:5000)",
    )
    group.add_argument("--certfile", metavar="FILE", help="TLS certificate: HTTPS, not HTTP")
    group.add_argument("--keyfile", metavar="FILE", help="key of the certificate")
    group.add_argument(
        "--backlog",
        metavar="N",
        type=int,
        help=f"connections that may wait to be accepted (default: {DEFAULT_BACKLOG})",
    )


def read_endpoints(config: Config) -> list[Endpoint]:
    """Read the endpoints: `--bind`, otherwise those of the file, otherwise 127.0.0.1 and [::1].

    The other options take precedence over the same keys of the file.

    Raises:
        ConfigError: an endpoint is missing, has a wrong value or an unusable certificate, or could
            be reached from other machines without a certificate.
    """
    for section in config.prefixed(_PREFIX).values():
        for key, _ in section.items():
            if key not in KEYS:
                raise section.error(key, f"unknown key{did_you_mean(key, KEYS)}")
    sections = _selected(config)
    if not sections or config.options.get("bind") is not None:
        sections = [Section("", "", 0)]
    return [_Source(config, section).endpoint() for section in sections]


def _selected(config: Config) -> list[Section]:
    sections = config.prefixed(_PREFIX)
    gaffer = config.section("gaffer")
    names = gaffer.getlist("http_endpoints") if gaffer else None
    if gaffer is None or names is None:
        return list(sections.values())
    if not names:
        raise gaffer.error("http_endpoints", "names no endpoint; to have no API, disable http")
    for name in names:
        if name not in sections:
            message = f"there is no section [{_PREFIX}{name}]{did_you_mean(name, sections)}"
            raise gaffer.error("http_endpoints", message)
    return [sections[name] for name in dict.fromkeys(names)]


class _Source:
    """One section, and the command line that overrides it: gives values, and errors that name their
    origin."""

    def __init__(self, config: Config, section: Section) -> None:
        self._options = {key: config.options.get(key) for key in (*OPTIONS, *OTHER_OPTIONS)}
        if isinstance(bind := self._options["bind"], list):
            self._options["bind"] = ",".join(map(str, bind))
        self._section = section

    def endpoint(self) -> Endpoint:
        tls = self._tls()
        addresses = self._addresses(exposed=tls is not None)
        return Endpoint(
            name=self._section.name.removeprefix(_PREFIX) or "default",
            addresses=addresses,
            backlog=self._backlog(),
            mode=self._mode(),
            both_loopbacks=self._text("bind") is None,
            tls=tls,
            auth=self._auth(addresses),
            proxy_protocol=self._proxy_protocol(),
        )

    def _text(self, key: str) -> str | None:
        option = self._options.get(key)
        return str(option) if option is not None else self._section.get(key)

    def _path(self, key: str) -> str | None:
        """Return the path of a file: an option is relative to the current folder."""
        option = self._options.get(key)
        if option is not None:
            return os.path.expanduser(str(option)) or None
        path = self._section.getpath(key)
        return str(path) if path is not None else None

    def _error(self, key: str, message: str) -> ConfigError:
        if self._options.get(key) is not None:
            return ConfigError(message, key=f"--{key}")
        return self._section.error(key, message)

    def _addresses(self, *, exposed: bool) -> tuple[Address, ...]:
        text = self._text("bind")
        words = (self._default_bind() if text is None else text).replace(",", " ").split()
        if not words:
            raise self._error("bind", "names no address")
        addresses = [address for word in words for address in self._parsed(word, exposed)]
        for address in addresses:
            if addresses.count(address) > 1 and getattr(address, "port", None) != 0:
                raise self._error("bind", f"names {address} twice")
        return tuple(addresses)

    def _default_bind(self) -> str:
        return str(self._options.get("default_bind") or DEFAULT_BIND)

    def _parsed(self, word: str, exposed: bool) -> list[Address]:
        try:
            addresses = parse_addresses(self._with_absolute_path(word))
        except ValueError as error:
            raise self._error("bind", str(error)) from None
        for address in addresses:
            if is_exposed(address) and not exposed:
                shown = word if word == str(address) else f"{word} ({address})"
                raise self._error("bind", f"{shown} {_EXPOSED}")
        return addresses

    def _with_absolute_path(self, word: str) -> str:
        """Return the address with an absolute path if it is that of a unix socket."""
        scheme, colon, path = word.partition(":")
        if scheme != "unix" or not path:
            return word
        in_file = self._options.get("bind") is None
        named = self._section.resolve(path, "bind") if in_file else Path(path).expanduser()
        return f"{scheme}{colon}{os.path.abspath(named)}"

    def _auth(self, addresses: tuple[Address, ...]) -> AuthMode:
        text = self._text("auth")
        if text is None:
            return "token" if any(map(is_exposed, addresses)) or self._proxy_protocol() else "owner"
        for mode in AUTH_MODES:
            if text == mode:
                break
        else:
            raise self._error("auth", f"must be {', '.join(AUTH_MODES)}, not {text!r}")
        if mode == "certificate" and not self._text("client_ca"):
            raise self._error("auth", "certificate needs client_ca, to check certificates against")
        if mode == "owner" and self._proxy_protocol():
            raise self._error("auth", "owner cannot be combined with proxy_protocol: use token")
        return mode

    def _proxy_protocol(self) -> bool:
        return bool(self._section.getbool("proxy_protocol"))

    def _backlog(self) -> int:
        option = self._options["backlog"]
        number = option if isinstance(option, int) else self._section.getint("backlog")
        if number is None:
            return DEFAULT_BACKLOG
        if not 1 <= number <= _MAX_BACKLOG:
            raise self._error("backlog", f"must be from 1 to {_MAX_BACKLOG}, not {number}")
        return number

    def _mode(self) -> int:
        text = self._section.get("mode")
        if text is None:
            return _DEFAULT_MODE
        if not re.fullmatch("0?[0-7]{3}", text):
            raise self._error("mode", f"must be a mode like 0660, not {text!r}")
        return int(text, 8)

    def _client_ca(self) -> tuple[str | None, bool]:
        """Return the file of CAs for client certificates, and whether a certificate is required."""
        file, wanted = self._path("client_ca"), self._text("client_certificate")
        if wanted is not None and file is None:
            raise self._error("client_certificate", "needs client_ca, to check them against")
        if wanted not in (None, "optional", "required"):
            raise self._error("client_certificate", f"must be optional or required, not {wanted!r}")
        return file, wanted == "required"

    def _tls(self) -> ssl.SSLContext | None:
        certfile, keyfile = self._path("certfile"), self._path("keyfile")
        client_ca, required = self._client_ca()
        if certfile is None and keyfile is None:
            if client_ca is not None:
                raise self._error("client_ca", "needs a certfile: only HTTPS has certificates")
            return None
        if certfile is None:
            raise self._error("keyfile", "needs a certfile")
        try:
            return server_context(certfile, keyfile, client_ca, required=required)
        except TlsError as error:
            raise self._error(error.key, error.reason) from None

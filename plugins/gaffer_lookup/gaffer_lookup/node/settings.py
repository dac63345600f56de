"""The section `[lookup]`, and the command line options that override it."""

from __future__ import annotations

import argparse
import os
import re
import socket
from dataclasses import dataclass

from gaffer_client.address import Address
from gaffer_client.errors import ArgumentError
from gaffer_client.settings import Settings as Connection
from gaffer_kernel import Config, ConfigError, Section
from gaffer_kernel.plugin import did_you_mean

from gaffer_lookup.etcd.address import Settings as Etcd
from gaffer_lookup.etcd.address import is_etcd
from gaffer_lookup.etcd.address import read_settings as read_etcd

SECTION = "lookup"

OPTIONS = {
    "address": "lookupd_address",
    "broadcast_address": "broadcast_address",
    "broadcast_port": "broadcast_port",
    "certfile": "client_certfile",
    "keyfile": "client_keyfile",
    "cacert": "cacert",
}
"""Keys that are options too, and the names of the options."""

KEYS = (*OPTIONS, "token", "token_file", "password_file", "name", "heartbeat")

HEARTBEAT = 15.0
"""Seconds; a third of the default lease of a lookupd."""

TIMEOUT = 4.0
"""Seconds to connect, and to send: less than the deadline for closing a plugin."""

_BROADCAST = re.compile(r"(https?://)?([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the plugin.

    Attributes:
        connections: the connection to each lookupd.
        etcd: the etcd in which the node registers too; None without one.
        name: of this gafferd.
        broadcast: the address to advertise in place of the one where the API listens.
        port: the port to advertise, likewise.
        heartbeat: seconds.
    """

    connections: tuple[Connection, ...]
    etcd: Etcd | None
    name: str
    broadcast: str | None
    port: int | None
    heartbeat: float

    @property
    def hosts(self) -> list[str]:
        """The hosts of all lookupds and etcd members; if it is empty, the plugin does nothing."""
        members = self.etcd.members if self.etcd else ()
        return [each.address.host for each in (*self.connections, *members)]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the plugin's options to the command line of gafferd."""
    group = parser.add_argument_group("lookup")
    group.add_argument(
        "--lookupd-address",
        metavar="ADDRESS",
        action="append",
        help="register with this gaffer_lookupd (host:port or https://host:port) or in this etcd"
        " (etcd://host:2379); may be repeated",
    )
    group.add_argument(
        "--broadcast-address",
        metavar="HOST",
        help="advertise this address of gafferd: host, host:port or https://host:port",
    )
    group.add_argument(
        "--broadcast-port", metavar="PORT", type=int, help="advertise this port of gafferd"
    )
    group.add_argument(
        "--client-certfile", metavar="FILE", help="present this certificate to lookupds"
    )
    group.add_argument("--client-keyfile", metavar="FILE", help="use this key of that certificate")
    group.add_argument(
        "--cacert", metavar="FILE", help="check the certificates of lookupds with these authorities"
    )


def read_settings(config: Config) -> Settings:
    """Read the section and the options that override it.

    Raises:
        ConfigError: a key is unknown, a value is invalid, or a file cannot be used.
    """
    return _SettingsReader(config).settings()


class _SettingsReader:
    """Reads each value from its option or key, and names that one in errors."""

    def __init__(self, config: Config) -> None:
        self._section = config.section(SECTION) or Section(SECTION, "", 0)
        self._options = {key: config.options.get(name) for key, name in OPTIONS.items()}
        for key, _ in self._section.items():
            if key not in KEYS:
                raise self._section.error(key, f"unknown key{did_you_mean(key, KEYS)}")

    def settings(self) -> Settings:
        addresses = self._addresses()
        return Settings(
            connections=tuple(self._connection(each) for each in addresses if not is_etcd(each)),
            etcd=self._etcd([each for each in addresses if is_etcd(each)]),
            name=self._name(),
            broadcast=self._broadcast(),
            port=self._port(),
            heartbeat=self._heartbeat(),
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
            return ConfigError(message, key=f"--{OPTIONS[key].replace('_', '-')}")
        return self._section.error(key, message)

    def _addresses(self) -> list[str]:
        option = self._options["address"]
        if isinstance(option, list):
            return list(dict.fromkeys(map(str, option)))
        return list(dict.fromkeys(self._section.getlist("address", [])))

    def _connection(self, text: str) -> Connection:
        try:
            address = Address.parse(text if ":/" in text else f"http://{text}")
        except ArgumentError as error:
            raise self._error("address", str(error)) from None
        token = self._token()
        if token is not None and address.socket is None and not address.secure:
            raise self._error(
                "address", f"{text}: a token is sent over https:// or unix: only: use one of them"
            )
        connection = self._make_connection(address, token)
        try:
            # Load the files now, so that a faulty one stops the start.
            connection.tls()
        except ArgumentError as error:
            raise self._error(_get_faulty_key(error, "certfile"), str(error)) from None
        return connection

    def _etcd(self, texts: list[str]) -> Etcd | None:
        password = self._file("password_file")
        if not texts:
            if password is not None:
                raise self._section.error("password_file", "needs an etcd in address")
            return None
        try:
            return read_etcd(
                texts,
                password=password,
                ca_file=self._path("cacert"),
                certificate=self._certificate(),
            )
        except ArgumentError as error:
            raise self._error(_get_faulty_key(error, "address"), str(error)) from None

    def _make_connection(self, address: Address, token: str | None) -> Connection:
        try:
            return Connection(
                address=address,
                token=token,
                timeout=TIMEOUT,
                ca_file=self._path("cacert"),
                certificate=self._certificate(),
            )
        except ArgumentError as error:
            raise self._section.error("token", str(error)) from None

    def _certificate(self) -> str | tuple[str, str] | None:
        file, key = self._path("certfile"), self._path("keyfile")
        if file is None and key is not None:
            raise self._error("keyfile", "needs the certificate too: give certfile")
        return (file, key) if file and key else file

    def _token(self) -> str | None:
        token = self._section.get("token")
        if token is not None and self._section.get("token_file") is not None:
            raise self._section.error("token_file", "means the same as token: keep one")
        return token or self._file("token_file")

    def _file(self, key: str) -> str | None:
        file = self._section.get(key)
        if file is None:
            return None
        try:
            text = self._section.resolve(file, key).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is not text"
            raise self._section.error(key, f"{file}: {reason}") from None
        if not text:
            raise self._section.error(key, f"{file}: is empty")
        return text

    def _name(self) -> str:
        name = self._section.get("name")
        if name is None:
            return socket.gethostname()
        if not _NAME.fullmatch(name) or len(name) > 255:
            raise self._section.error("name", f"must be like that of a host, not {name!r}")
        return name

    def _broadcast(self) -> str | None:
        text = self._text("broadcast_address")
        if text is not None and not _BROADCAST.fullmatch(text):
            message = f"must be host, host:port or https://host:port, not {text!r}"
            raise self._error("broadcast_address", message)
        return text

    def _port(self) -> int | None:
        option = self._options["broadcast_port"]
        port = option if isinstance(option, int) else self._section.getint("broadcast_port")
        if port is not None and not 1 <= port <= 65535:
            raise self._error("broadcast_port", f"must be from 1 to 65535, not {port}")
        return port

    def _heartbeat(self) -> float:
        seconds = self._section.getfloat("heartbeat", HEARTBEAT)
        if not 0.01 <= seconds <= 3600:
            raise self._section.error("heartbeat", f"must be from 0.01 to 3600, not {seconds:g}")
        return seconds


def _get_faulty_key(error: ArgumentError, key: str) -> str:
    """Return the key of the file that cannot be used, or the given key."""
    for start, faulty in (("ca_file", "cacert"), ("certificate", "certfile")):
        if str(error).startswith(start):
            return faulty
    return key

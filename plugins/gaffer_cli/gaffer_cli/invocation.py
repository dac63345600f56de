"""One run of a command: its options, the server that it uses, and its output."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, is_dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click
from gaffer_client import address

from gaffer_cli.exit_codes import USAGE, CommandError
from gaffer_cli.printable import printable

if TYPE_CHECKING:
    from gaffer_client import Lookup, Server

ENDPOINT_VARIABLE = "GAFFER_ENDPOINT"
LOOKUP_VARIABLE = "GAFFER_LOOKUP"
PROCFILE_VARIABLE = "PROCFILE"


class Invocation:
    """The options that every verb understands, and what a verb does with them.

    In a verb: `@click.pass_obj`. Attributes are named like the options and None if not given;
    those of repeatable options hold all values, in order.
    """

    connect: str | None = None
    token_file: str | None = None
    cacert: str | None = None
    certfile: str | None = None
    keyfile: str | None = None
    json: bool = False
    procfile: str | None = None
    directory: str | None = None
    env: tuple[str, ...] = ()
    no_env: bool = False
    lookup: tuple[str, ...] = ()
    node: tuple[str, ...] = ()
    node_name: str | None = None
    """The name of the node, if this run is for one of many."""
    origin: str | None = None
    """The origin of that node, as a lookupd or an etcd reports it."""

    def set_option(self, name: str, value: Any) -> None:
        """Set an option; the values of a repeatable one are added."""
        if isinstance(value, tuple):
            setattr(self, name, getattr(self, name) + value)
        elif value:
            setattr(self, name, value)

    @property
    def endpoint(self) -> str:
        """The address of gafferd."""
        return self.connect or os.environ.get(ENDPOINT_VARIABLE) or address.DEFAULT

    @property
    def lookup_urls(self) -> tuple[str, ...]:
        """The addresses of lookupds."""
        return self.lookup or tuple(os.environ.get(LOOKUP_VARIABLE, "").replace(",", " ").split())

    def settings(self) -> dict[str, Any]:
        """Return the arguments for a Server or an AsyncServer.

        A node found in a registry is sent a token derived for its origin, not the token itself.

        Raises:
            CommandError: the token cannot be read, or would be sent in plain text; or there is a
                key without a certificate.
            ArgumentError: a token would be sent over http to a node found in a registry.
        """
        from gaffer_cli.token_safety import check_token_transport

        if self.origin is not None:
            from gaffer_client.node_tokens import check_origin, node_token

            token = self.token and node_token(self.token, self.origin)
            return {**self._credentials(), "url": check_origin(self.origin), "token": token}
        check_token_transport(self.endpoint, self.token)
        return {"url": self.endpoint, **self._credentials()}

    def _credentials(self) -> dict[str, Any]:
        if self.keyfile and not self.certfile:
            raise CommandError("--keyfile without --certfile: give the certificate, too", USAGE)
        certificate = (self.certfile, self.keyfile) if self.keyfile else self.certfile
        return {
            "token": self.token,
            "ca_file": self.cacert,
            "certificate": certificate,
        }

    def server(self) -> Server:
        """Open a client of gafferd; it is closed when the command ends."""
        from gaffer_client import Server

        return click.get_current_context().with_resource(Server(**self.settings()))

    def lookups(self) -> Lookup:
        """Open a client of the lookupds; it is closed when the command ends.

        Raises:
            CommandError: no lookupd is given.
            ArgumentError: the token would be sent over http.
        """
        from gaffer_cli.cluster.registry import get_registry

        urls = self.lookup_urls
        if not urls:
            raise CommandError(f"give a lookupd: --lookup URL, or ${LOOKUP_VARIABLE}", USAGE)
        lookup = get_registry(urls[0])(urls, **self._credentials())
        return click.get_current_context().with_resource(lookup)

    def print_line(self, line: str) -> None:
        """Print a line for people at once, before the result is known."""
        click.echo(line)

    def warn(self, line: str) -> None:
        """Print an error on standard error without ending the command."""
        program = click.get_current_context().find_root().info_name
        click.echo(f"{program}: {printable(line)}", err=True)

    def show(self, data: object, lines: str | Iterable[str]) -> None:
        """Print a result.

        Args:
            data: for programs: printed as JSON with `--json`, in ASCII, so that it cannot hold
                control characters for the terminal.
            lines: for people.
        """
        if self.json:
            import json

            click.echo(json.dumps(data, default=_to_plain))
        elif isinstance(lines, str):
            click.echo(lines)
        else:
            for line in lines:
                click.echo(line)

    @cached_property
    def token(self) -> str | None:
        """The token of the caller; read once, because a pipe can be read only once.

        Raises:
            CommandError: the file is empty.
            OSError: the file cannot be read.
        """
        if self.token_file is None:
            from gaffer_client import token_from_environment

            return token_from_environment()
        with open(self.token_file, encoding="ascii", errors="replace") as file:
            token = file.read().strip()
        if not token:
            raise CommandError(f"{self.token_file} is empty: it must hold a token")
        return token


def _to_plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{value!r} cannot be shown as JSON")

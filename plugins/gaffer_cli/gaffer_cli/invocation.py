"""One run of a command: what was said, who is asked, and how it is told."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, is_dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click
from gaffer_client import address

from gaffer_cli.exit_codes import USAGE, Failure
from gaffer_cli.printable import printable

if TYPE_CHECKING:
    from gaffer_client import Lookup, Server

ENDPOINT_VARIABLE = "GAFFER_ENDPOINT"
LOOKUP_VARIABLE = "GAFFER_LOOKUP"


class Invocation:
    """What the options say that every verb understands, and what follows from them.

    In a verb: `@click.pass_obj`. Attributes are as the options, None if nobody gave them; those
    that may be repeated are everything that was given, in order.
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
    lookup: tuple[str, ...] = ()
    node: tuple[str, ...] = ()
    node_name: str | None = None
    """Of the gafferd that is asked, if it is one of many."""
    origin: str | None = None
    """The origin of that gafferd, as it was learned from a lookupd or an etcd."""

    def hear(self, name: str, value: Any) -> None:
        """Take the value of an option."""
        if isinstance(value, tuple):
            setattr(self, name, getattr(self, name) + value)
        elif value:
            setattr(self, name, value)

    @property
    def endpoint(self) -> str:
        """Where gafferd is."""
        return self.connect or os.environ.get(ENDPOINT_VARIABLE) or address.DEFAULT

    @property
    def lookup_urls(self) -> tuple[str, ...]:
        """Where lookupds are."""
        return self.lookup or tuple(os.environ.get(LOOKUP_VARIABLE, "").replace(",", " ").split())

    def settings(self) -> dict[str, Any]:
        """How gafferd is spoken to, as arguments for a Server or an AsyncServer.

        A gafferd whose origin was learned is sent a token that is derived for it.

        Raises:
            Failure: the token cannot be read, or could be by others; or there is a key without a
                certificate.
            ArgumentError: a token would be sent over http to a gafferd whose origin was learned.
        """
        from gaffer_cli.token_safety import check_secrecy

        if self.origin is not None:
            from gaffer_client.node_tokens import check_origin, node_token

            token = self.token and node_token(self.token, self.origin)
            return {**self._credentials(), "url": check_origin(self.origin), "token": token}
        check_secrecy(self.endpoint, self.token)
        return {"url": self.endpoint, **self._credentials()}

    def _credentials(self) -> dict[str, Any]:
        if self.keyfile and not self.certfile:
            raise Failure("--keyfile without --certfile: give the certificate, too", USAGE)
        certificate = (self.certfile, self.keyfile) if self.keyfile else self.certfile
        return {
            "token": self.token,
            "ca_file": self.cacert,
            "certificate": certificate,
        }

    def server(self) -> Server:
        """The gafferd that is asked; closed when the command ends."""
        from gaffer_client import Server

        return click.get_current_context().with_resource(Server(**self.settings()))

    def lookups(self) -> Lookup:
        """The lookupds that are asked; closed when the command ends.

        Raises:
            Failure: none is given.
            ArgumentError: the token would be sent over http.
        """
        from gaffer_cli.cluster.registry import registry_at

        urls = self.lookup_urls
        if not urls:
            raise Failure(f"give a lookupd: --lookup URL, or ${LOOKUP_VARIABLE}", USAGE)
        lookup = registry_at(urls[0])(urls, **self._credentials())
        return click.get_current_context().with_resource(lookup)

    def tell(self, line: str) -> None:
        """Print a line for people at once, before there is an answer."""
        click.echo(line)

    def complain(self, line: str) -> None:
        """Print on standard error what went wrong without ending the command."""
        program = click.get_current_context().find_root().info_name
        click.echo(f"{program}: {printable(line)}", err=True)

    def show(self, data: object, lines: str | Iterable[str]) -> None:
        """Print an answer.

        Args:
            data: it all, for programs: printed as JSON with `--json`, in ASCII, so that nothing
                in it can steer a terminal.
            lines: the same for people.
        """
        if self.json:
            import json

            click.echo(json.dumps(data, default=_plain))
        elif isinstance(lines, str):
            click.echo(lines)
        else:
            for line in lines:
                click.echo(line)

    @cached_property
    def token(self) -> str | None:
        """What is shown to whoever is asked; read once, as what comes out of a pipe is gone then.

        Raises:
            Failure: the file holds none.
            OSError: it cannot be read.
        """
        if self.token_file is None:
            from gaffer_client import token_from_environment

            return token_from_environment()
        with open(self.token_file, encoding="ascii", errors="replace") as file:
            token = file.read().strip()
        if not token:
            raise Failure(f"{self.token_file} is empty: it must hold a token")
        return token


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{value!r} cannot be shown as JSON")

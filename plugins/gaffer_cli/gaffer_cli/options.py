"""The options that every verb understands: the address of gafferd, credentials and output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from gaffer_client import address

from gaffer_cli.invocation import (
    ENDPOINT_VARIABLE,
    LOOKUP_VARIABLE,
    PROCFILE_VARIABLE,
    Invocation,
)

Shared = Callable[[], list[click.Option]]
"""Makes the options of a command and of each of its verbs."""


def completion_variable(program: str) -> str:
    """Return the variable that a shell sets to request a completion; click uses the same name."""
    return f"_{program.upper()}_COMPLETE"


def gafferctl_options() -> list[click.Option]:
    """Make the options of gafferctl and of each of its verbs."""
    connection = [
        _connection_option(
            "--connect",
            "--endpoint",
            metavar="URL",
            help="address of gafferd: http://host:port, https://host:port or unix:/path"
            f" (default: ${ENDPOINT_VARIABLE}, else {address.DEFAULT})",
        ),
        _connection_option(
            "--token-file",
            metavar="FILE",
            type=click.Path(),
            help="file with the token of the caller (default: $GAFFER_TOKEN); a gafferd found with"
            " --lookup is sent a token derived from it",
        ),
        _connection_option(
            "--cacert",
            metavar="FILE",
            type=click.Path(),
            help="certificates to check the server against, in place of the system's",
        ),
        _connection_option(
            "--certfile",
            metavar="FILE",
            type=click.Path(),
            help="certificate of the caller, with its key in it if there is no --keyfile",
        ),
        _connection_option(
            "--keyfile", metavar="FILE", type=click.Path(), help="key of that certificate"
        ),
        _connection_option(
            "--lookup",
            metavar="URL",
            multiple=True,
            help="lookupd that knows the gafferds, or with gaffer-lookup etcd://host:2379; may be"
            " repeated; the verb then applies to all of them",
        ),
        _connection_option(
            "--node",
            metavar="NAME",
            multiple=True,
            help="only the gafferd of this name; may be repeated (without --lookup: one of"
            f" those that ${LOOKUP_VARIABLE} knows)",
        ),
    ]
    return [_option("--json", is_flag=True, help="print JSON, for programs"), *connection]


def gaffer_options() -> list[click.Option]:
    """Make the options of gaffer and of each of its verbs."""
    return [
        _option(
            "-f",
            "--procfile",
            metavar="FILE",
            type=click.Path(),
            help=f"Procfile to use (default: ${PROCFILE_VARIABLE}, also in .env, else Procfile)",
        ),
        _option(
            "-d",
            "--directory",
            metavar="ROOT",
            type=click.Path(),
            help="folder of the application, where its processes run (default: the Procfile's)",
        ),
        _option(
            "-e",
            "--env",
            metavar="K=V|FILE",
            multiple=True,
            help="a variable, or a file of them like .env; may be repeated, later ones win",
        ),
        _option("--no-env", is_flag=True, help="do not read the .env of the application"),
        *gafferctl_options(),
    ]


class SharedOption(click.Option):
    """An option that may precede or follow the verb; only the help of the command lists it.

    Attributes:
        is_for_connection: whether it is about the connection to gafferd.
    """

    is_for_connection = False

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        return super().get_help_record(ctx) if ctx.parent is None else None


def _option(*names: str, **settings: Any) -> SharedOption:
    return SharedOption(names, expose_value=False, callback=_store, **settings)


def _connection_option(*names: str, **settings: Any) -> SharedOption:
    option = _option(*names, **settings)
    option.is_for_connection = True
    return option


def _store(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Store an option of the command or of the verb; the last one on the command line wins."""
    assert param.name is not None
    ctx.ensure_object(Invocation).set_option(param.name, value)

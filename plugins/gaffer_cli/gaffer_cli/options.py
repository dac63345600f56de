"""What every verb understands: where gafferd is, who is asking, and how it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from gaffer_client import address

from gaffer_cli.invocation import ENDPOINT_VARIABLE, LOOKUP_VARIABLE, Invocation

Shared = Callable[[], list[click.Option]]
"""Makes the options of a command and of each of its verbs."""


def of_gafferctl() -> list[click.Option]:
    """The options of gafferctl and of each of its verbs."""
    return [
        _option(
            "--connect",
            "--endpoint",
            metavar="URL",
            help="gafferd to ask: http://host:port, https://host:port or unix:/path"
            f" (default: ${ENDPOINT_VARIABLE}, else {address.DEFAULT})",
        ),
        _option(
            "--token-file",
            metavar="FILE",
            type=click.Path(),
            help="file with the token to show (default: $GAFFER_TOKEN); a gafferd found with"
            " --lookup is sent one that is derived from it",
        ),
        _option(
            "--cacert",
            metavar="FILE",
            type=click.Path(),
            help="certificates to check the server against, in place of the system's",
        ),
        _option(
            "--certfile",
            metavar="FILE",
            type=click.Path(),
            help="certificate to show, with its key in it if there is no --keyfile",
        ),
        _option("--keyfile", metavar="FILE", type=click.Path(), help="key of that certificate"),
        _option(
            "--lookup",
            metavar="URL",
            multiple=True,
            help="lookupd that knows the gafferds, or with gaffer-lookup etcd://host:2379; may be"
            " repeated; a verb is then for all of them",
        ),
        _option(
            "--node",
            metavar="NAME",
            multiple=True,
            help="of all those only the gafferd of this name; may be repeated (without --lookup:"
            f" of those that ${LOOKUP_VARIABLE} knows)",
        ),
        _option("--json", is_flag=True, help="print JSON, for programs"),
    ]


def of_gaffer() -> list[click.Option]:
    """The options of gaffer and of each of its verbs."""
    return [
        _option(
            "-f",
            "--procfile",
            metavar="FILE",
            type=click.Path(),
            help="Procfile to use (default: Procfile)",
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
        *of_gafferctl(),
    ]


class _Shared(click.Option):
    """An option that may stand before the verb and after it; help tells of it once."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        return super().get_help_record(ctx) if ctx.parent is None else None


def _option(*names: str, **settings: Any) -> click.Option:
    return _Shared(names, expose_value=False, callback=_remember, **settings)


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Keep what was said, before the verb or after it: what is said last counts."""
    assert param.name is not None
    ctx.ensure_object(Invocation).hear(param.name, value)

"""The option `-c web=2,worker=3`: the number of processes of each type."""

from __future__ import annotations

from collections.abc import Iterable

import click

from gaffer_cli.exit_codes import USAGE, CommandError

concurrency_option = click.option(
    "-c",
    "--concurrency",
    metavar="TYPE=N,...",
    multiple=True,
    help="number of processes of each type; `all` is for types not named (default: 1 of each)",
)


def parse_counts(settings: Iterable[str]) -> dict[str, int]:
    """Parse the values of such options; later ones win.

    Raises:
        CommandError: a value is malformed.
    """
    # Imported here because they load the kernel.
    from gaffer_kernel import InvalidField
    from gaffer_procfile import parse_concurrency

    counts: dict[str, int] = {}
    try:
        for text in settings:
            counts |= parse_concurrency(text)
    except InvalidField as error:
        raise CommandError(str(error), USAGE) from None
    return counts

"""`-c web=2,worker=3`: how many processes of each type, as several verbs are told."""

from __future__ import annotations

from collections.abc import Iterable

import click

from gaffer_cli.exit_codes import USAGE, Failure

concurrency_option = click.option(
    "-c",
    "--concurrency",
    metavar="TYPE=N,...",
    multiple=True,
    help="how many of each type; `all` is for those not named (default: 1 of each)",
)


def counts_of(settings: Iterable[str]) -> dict[str, int]:
    """What such options say; later ones win.

    Raises:
        Failure: one of them says nothing.
    """
    # Late: it takes the kernel.
    from gaffer_kernel import InvalidField
    from gaffer_procfile import parse_concurrency

    counts: dict[str, int] = {}
    try:
        for text in settings:
            counts |= parse_concurrency(text)
    except InvalidField as error:
        raise Failure(str(error), USAGE) from None
    return counts

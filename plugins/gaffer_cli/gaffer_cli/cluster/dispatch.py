"""The dispatch of a verb to one gafferd or to many, by `--lookup` and `--node`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import click
from gaffer_client import NotFoundError

from gaffer_cli.exit_codes import USAGE, CommandError
from gaffer_cli.invocation import Invocation
from gaffer_cli.verb import Verb

Callback = Callable[..., Any]
Call = Callable[[], Any]


def dispatch(verb: Verb, callback: Callback) -> Callback:
    """Wrap the function of a verb: with `--lookup` it runs as the verb's `reach` says."""

    @wraps(callback)
    def call(*args: Any, **kwargs: Any) -> Any:
        ctx = click.get_current_context()
        run = ctx.ensure_object(Invocation)
        if not (run.lookup or run.node) or verb.reach == "lookup":
            return _run_here(run, partial(callback, *args, **kwargs))
        if run.connect:
            raise CommandError(
                "--connect is one gafferd, --lookup finds many: give one of them", USAGE
            )
        return _run_on_nodes(ctx, run, verb, partial(callback, *args, **kwargs))

    return call


def _run_here(run: Invocation, call: Call) -> Any:
    try:
        return call()
    except NotFoundError as error:
        from gaffer_cli.job_names import suggest_job

        raise suggest_job(run.server(), error) or error from None


def _run_on_nodes(ctx: click.Context, run: Invocation, verb: Verb, call: Call) -> Any:
    # Imported here because most runs are for one gafferd.
    from gaffer_cli.cluster.nodes import check_node, find_nodes
    from gaffer_cli.cluster.scatter import scatter

    match verb.reach:
        case "all":
            return scatter(ctx, run, call)
        case "one":
            found = find_nodes(run)
            if len(found) > 1:
                names = ", ".join(each.name for each in found)
                raise CommandError(f"{verb.name} is for one node: choose with --node among {names}")
            check_node(run, found[0])
            run.connect = run.origin = found[0].url
            return call()
        case "local":
            # A node chooses its own origin, so no URL that it returns may be opened.
            remedy = "leave out --lookup and --node"
            raise CommandError(f"{verb.name} is for the gafferd of this machine: {remedy}", USAGE)
        case _:
            raise CommandError(
                f"{verb.name} sends no request to gafferd: leave out --lookup and --node", USAGE
            )

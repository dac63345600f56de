"""What a verb does with `--lookup` and `--node`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import click

from gaffer_cli.exit_codes import USAGE, Failure
from gaffer_cli.invocation import Invocation
from gaffer_cli.verb import Verb

Callback = Callable[..., Any]


def reaching(verb: Verb, callback: Callback) -> Callback:
    """The function of a verb, such that it does with `--lookup` what its `reach` says."""

    @wraps(callback)
    def call(*args: Any, **kwargs: Any) -> Any:
        ctx = click.get_current_context()
        run = ctx.ensure_object(Invocation)
        if not (run.lookup or run.node) or verb.reach == "lookup":
            return callback(*args, **kwargs)
        if run.connect:
            raise Failure("--connect is one gafferd, --lookup finds many: give one of them", USAGE)
        return _reach(ctx, run, verb, partial(callback, *args, **kwargs))

    return call


def _reach(ctx: click.Context, run: Invocation, verb: Verb, call: Callback) -> Any:
    # Late: most runs ask one gafferd.
    from gaffer_cli.cluster.places import check_place, places
    from gaffer_cli.cluster.scatter import scatter

    match verb.reach:
        case "all":
            return scatter(ctx, run, call)
        case "one":
            found = places(run)
            if len(found) > 1:
                names = ", ".join(each.name for each in found)
                raise Failure(f"{verb.name} is for one node: choose with --node among {names}")
            check_place(run, found[0])
            run.connect = run.origin = found[0].url
            return call()
        case "local":
            # A node that was found chooses its origin: no URL that it sends is opened.
            remedy = "leave out --lookup and --node"
            raise Failure(f"{verb.name} is for the gafferd of this machine: {remedy}", USAGE)
        case _:
            raise Failure(f"{verb.name} asks no gafferd: --lookup and --node mean nothing", USAGE)

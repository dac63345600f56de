"""`gafferctl commit`: run a process of a job once more."""

from __future__ import annotations

import click

from gaffer_cli.invocation import Invocation
from gaffer_cli.names import JOB
from gaffer_cli.waiting import Wait, settle, waiting


@click.command("commit")
@click.argument("name", type=JOB)
@click.option("-p", "--param", "params", metavar="K=V", multiple=True, help="a variable for it")
@click.option(
    "--graceful-timeout",
    metavar="SECONDS",
    type=click.FloatRange(0),
    help="what it gets to end when it is stopped (default: the job's)",
)
@waiting
@click.pass_obj
def command(
    run: Invocation,
    name: str,
    params: tuple[str, ...],
    graceful_timeout: float | None,
    wait: Wait,
) -> None:
    """Start one process of the job NAME, once: it is not counted, and not started again.

    \b
    Examples:
      gafferctl commit shop.migrate
      gafferctl commit shop.report -p MONTH=11 --graceful-timeout 30
    """
    job = run.server().job(name)
    env = dict(_variable(text) for text in params)
    process = settle(name, lambda: job.commit(env, graceful_timeout, wait))
    run.show({"ok": True, "pid": process.pid}, f"{name!r}: new process {process.pid} launched")


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.UsageError(f"a variable is NAME=value, not {text!r}")
    return name, value

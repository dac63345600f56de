"""`gafferctl commit`: start a one-off process of a job."""

from __future__ import annotations

import click

from gaffer_cli.arguments import JOB
from gaffer_cli.invocation import Invocation
from gaffer_cli.waiting import Wait, wait_options, wait_settled


@click.command("commit")
@click.argument("name", type=JOB)
@click.option(
    "-p", "--param", "params", metavar="K=V", multiple=True, help="variable of the process"
)
@click.option(
    "--graceful-timeout",
    metavar="SECONDS",
    type=click.FloatRange(0),
    help="time between SIGTERM and SIGKILL when it is stopped (default: the job's)",
)
@wait_options
@click.pass_obj
def command(
    run: Invocation,
    name: str,
    params: tuple[str, ...],
    graceful_timeout: float | None,
    wait: Wait,
) -> None:
    """Start a one-off process of the job NAME: it is not counted, and not restarted.

    \b
    Examples:
      gafferctl commit shop.migrate
      gafferctl commit shop.report -p MONTH=11 --graceful-timeout 30
    """
    job = run.server().job(name)
    env = dict(_variable(text) for text in params)
    process = wait_settled(name, lambda: job.commit(env, graceful_timeout, wait))
    run.show({"ok": True, "pid": process.pid}, f"{name!r}: new process {process.pid} launched")


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.UsageError(f"a variable is NAME=value, not {text!r}")
    return name, value

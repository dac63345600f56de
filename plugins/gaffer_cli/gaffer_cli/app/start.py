"""`gaffer start`: run the programs of a Procfile in the foreground."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from gaffer_cli.app.application import port_option, read_application, set_first_port
from gaffer_cli.app.concurrency import concurrency_option
from gaffer_cli.app.foreground_jobs import GRACEFUL_TIMEOUT, foreground_jobs
from gaffer_cli.app.port_conflicts import avoid_used_ports, warn_port_conflicts
from gaffer_cli.app.process_types import TYPE
from gaffer_cli.entry import exit_on_sigint
from gaffer_cli.exit_codes import USAGE, CommandError
from gaffer_cli.invocation import Invocation

if TYPE_CHECKING:
    from gaffer_kernel import JobConfig
    from gaffer_procfile import Application

    from gaffer_cli.foreground import InputOwner


@click.command("start")
@click.argument("types", metavar="[TYPE]...", nargs=-1, type=TYPE)
@concurrency_option
@port_option
@click.option(
    "--on-exit",
    type=click.Choice(["stop", "continue", "restart"]),
    default="stop",
    show_default=True,
    help="when a process exits: stop the others, let them continue, or restart it",
)
@click.option(
    "--graceful-timeout",
    metavar="SECONDS",
    type=click.FloatRange(0, 1e9),
    default=GRACEFUL_TIMEOUT,
    show_default=True,
    help="time between SIGTERM and SIGKILL when stopping",
)
@click.option(
    "--pty/--no-pty",
    default=None,
    help="run each program on a terminal of its own, so that it keeps its colours and writes line"
    " by line (default: if standard output is a terminal)",
)
@click.option(
    "--stdin",
    "input_name",
    metavar="TYPE[.N]",
    help="give this process the standard input of gaffer, a terminal or a pipe (default: the input"
    " of every process is empty)",
)
@click.pass_obj
def command(
    run: Invocation,
    types: tuple[str, ...],
    concurrency: tuple[str, ...],
    port: int | None,
    on_exit: str,
    graceful_timeout: float,
    pty: bool | None,
    input_name: str | None,
) -> int:
    """Run the programs of the Procfile here until Ctrl-C: all, or those of each TYPE.

    Each process gets a PORT where no program listens: 5000 for the first type, 5100 for the second,
    and so on. With -p, or a PORT of the environment or .env, the first type gets that one, and it
    is an error if another program listens there.

    Ctrl-C stops them, a second Ctrl-C kills them. When one exits, the others are stopped, and its
    exit status becomes that of gaffer. Each line of output starts with the time and the name of
    the process. The type `release` is not started unless it is named.

    The standard input of the processes is empty. For programs that ask, such as a debugger, name
    one with --stdin.

    \b
    Examples:
      gaffer start
      gaffer start web -e .env.local -e DEBUG=1
      gaffer start -c web=2,worker=3 --on-exit restart
      gaffer start --stdin web
    """
    # Until run_jobs receives the signals.
    exit_on_sigint()
    from gaffer_procfile.ports import get_ports, get_process_url

    from gaffer_cli.foreground import OnExit, run_jobs

    app = _select(set_first_port(read_application(run, concurrency), port), types)
    app = avoid_used_ports(app)
    jobs = [
        job
        for job in foreground_jobs(app, graceful_timeout=graceful_timeout, pty=pty)
        if not types or job.name in types
    ]
    urls = [
        f"{job.name}.{number} {url}"
        for job in jobs
        for number in range(1, job.numprocesses + 1)
        if (url := get_process_url(job.name, job.cmd, job.port, number))
    ]
    if not any(job.numprocesses for job in jobs):
        raise CommandError("nothing to start: there is no process of any type")
    warn_port_conflicts(run, (get_ports(job.name, job.port, job.numprocesses) for job in jobs))
    return run_jobs(jobs, OnExit(on_exit), _parse_input_owner(input_name, jobs), urls)


def _parse_input_owner(name: str | None, jobs: list[JobConfig]) -> InputOwner | None:
    if name is None:
        return None
    from gaffer_cli.foreground import InputOwner

    if sys.stdin is None:
        raise CommandError("--stdin: the standard input of gaffer is closed")
    job_name, dot, number = name.partition(".")
    owner = InputOwner(job_name, int(number) if number.isdecimal() else 0 if dot else 1)
    for job in jobs:
        if job.name == owner.job and 1 <= owner.number <= job.numprocesses:
            return owner
    started = ", ".join(f"{job.name}.{n + 1}" for job in jobs for n in range(job.numprocesses))
    raise CommandError(f"--stdin {name}: no such process is started: use one of {started}", USAGE)


def _select(app: Application, types: tuple[str, ...]) -> Application:
    """Return the application with processes only of the types on the command line, if any."""
    if not types:
        return app
    app.procfile.check_names(dict.fromkeys(types), "start")
    counts = dict.fromkeys(types, app.concurrency.get("all", 1))
    others = dict.fromkeys(app.procfile.entries.keys() - set(types), 0)
    return replace(app, concurrency={**counts, **app.concurrency, **others})

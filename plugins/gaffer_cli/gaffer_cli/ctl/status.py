"""`gafferctl status`: show the status of jobs."""

from __future__ import annotations

from dataclasses import asdict

import click
from gaffer_client.models import Status

from gaffer_cli.arguments import JOB
from gaffer_cli.condition import ACTIVE, COMPLETED, describe_condition, get_state
from gaffer_cli.exit_codes import NOT_RUNNING
from gaffer_cli.invocation import Invocation
from gaffer_cli.job_names import ALL, find_jobs, get_default_names
from gaffer_cli.printable import printable
from gaffer_cli.processes import format_rows, read_jobs


@click.command("status")
@click.argument("names", type=JOB, metavar="[NAME]...", nargs=-1)
@click.pass_obj
def command(run: Invocation, names: tuple[str, ...]) -> int:
    """Show whether jobs are active, and the reason if not; several jobs in a table as of ps.

    NAME is a job, or a session for all its jobs; all stands for all jobs. Without a name,
    gaffer takes the application of this folder, gafferctl all jobs; gaffer also takes its types.

    The exit status is 3 if a job is neither active nor completed: it is stopped or has failed, or
    its processes crash.

    \b
    Examples:
      gafferctl status
      gafferctl status web
      gafferctl status shop.worker --json
    """
    server = run.server()
    chosen = find_jobs(run, server, names or get_default_names(run) or (ALL,))
    if len(names) != 1 or len(chosen) != 1:
        jobs = [each for each in server.status() if each.name in chosen]
        found = read_jobs(server, jobs, numbers=False)
        data = [{**asdict(each.status), "processes": each.rows} for each in found]
        run.show(data, format_rows(row for each in found for row in each.rows))
        return 0 if all(map(_is_well, jobs)) else NOT_RUNNING
    status = server.job(chosen[0]).status()
    run.show(status, printable(describe_condition(status)))
    return 0 if _is_well(status) else NOT_RUNNING


def _is_well(status: Status) -> bool:
    return get_state(status) in (ACTIVE, COMPLETED)

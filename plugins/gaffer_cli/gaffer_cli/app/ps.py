"""`gaffer ps`: show the processes of an application."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import click
from gaffer_client import JobInfo, JobStats, NamedStatus, NotFoundError, Server

from gaffer_cli.app.application import get_application_name
from gaffer_cli.app.loaded import get_process_label, not_loaded_error
from gaffer_cli.app.port_conflicts import get_host
from gaffer_cli.arguments import SESSION
from gaffer_cli.condition import describe_condition
from gaffer_cli.invocation import Invocation
from gaffer_cli.job_names import is_gaffer
from gaffer_cli.printable import printable


@dataclass(frozen=True)
class _Process:
    name: str
    pid: int
    os_pid: int | None
    uptime: float | None
    url: str | None


@dataclass(frozen=True)
class _Type:
    name: str
    cmd: str
    condition: str
    numprocesses: int
    cpu: float | None
    mem: float | None
    processes: list[_Process]


@click.command("ps")
@click.argument("name", type=SESSION, required=False)
@click.pass_obj
def command(run: Invocation, name: str | None) -> None:
    """Show the processes of the application NAME in gafferd, type by type.

    CPU is in percent of a processor, memory in percent of the machine's; both need gaffer-stats.
    Without a name, or with ., it is the application of this folder; gafferctl shows all.

    \b
    Examples:
      gaffer ps
      gaffer ps shop
    """
    server = run.server()
    jobs = server.status()
    if name is not None or is_gaffer():
        app = get_application_name(run, name)
        jobs = [each for each in jobs if each.session == app]
        if not jobs:
            raise not_loaded_error(server, app)
    stats = _stats(server)
    types = [each for each in (_type(server, job, stats) for job in jobs) if each is not None]
    run.show(types, _lines(types))


def format_elapsed(seconds: float) -> str:
    """Format a time: `0:00.44`, from an hour `1:00:00`, from a day `1 d 0:00:00`; rounded down."""
    minutes, rest = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes:.0f}:{int(rest * 100) / 100:05.2f}"
    hours, minutes = divmod(int(minutes), 60)
    days, hours = divmod(hours, 24)
    clock = f"{hours}:{minutes:02}:{int(rest):02}"
    return f"{days} d {clock}" if days else clock


def _stats(server: Server) -> dict[str, JobStats]:
    """Get the measurements of all jobs in one request, because each takes its time."""
    try:
        return {each.name: each for each in server.stats()}
    except NotFoundError:
        return {}


def _type(server: Server, status: NamedStatus, stats: dict[str, JobStats]) -> _Type | None:
    """Return what is shown of a job; None if it has been removed meanwhile."""
    try:
        info = server.job(status.name).info()
    except NotFoundError:
        return None
    sample = stats.get(status.name)
    return _Type(
        info.job,
        " ".join([info.config["cmd"], *map(shlex.quote, info.config["args"])]),
        describe_condition(status),
        status.numprocesses,
        sample.cpu if sample else None,
        sample.mem if sample else None,
        _processes(server, status.pids, info),
    )


def _processes(server: Server, pids: list[int], job: JobInfo) -> list[_Process]:
    """Return processes by their slot, one-off processes last."""
    from gaffer_procfile.ports import get_process_url

    host = get_host(server.url)
    cmd, port = job.config["cmd"], job.config.get("port")
    infos = []
    for pid in pids:
        with suppress(NotFoundError):
            infos.append(server.process(pid).info())
    infos.sort(key=lambda info: (not info.number, info.number))
    return [
        _Process(
            get_process_label(info, info.job),
            info.pid,
            info.os_pid,
            info.uptime,
            get_process_url(info.job, cmd, port, info.number, host),
        )
        for info in infos
    ]


def _lines(types: list[_Type]) -> Iterator[str]:
    for index, each in enumerate(types):
        if index:
            yield ""
        yield f"=== {each.name}: `{printable(each.cmd)}`"
        if each.cpu is not None and each.mem is not None:
            yield f"Total CPU: {each.cpu:.2f} Total MEM: {each.mem:.2f}"
        yield ""
        for process in each.processes:
            url = f", {process.url}" if process.url else ""
            yield f"{process.name}: up for {format_elapsed(process.uptime or 0.0)}{url}"
        if each.condition != "active":
            yield f"{each.name}: {printable(each.condition)}"
        elif not each.numprocesses:
            yield f"{each.name}: no processes are wanted"

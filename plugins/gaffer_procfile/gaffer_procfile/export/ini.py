"""Format for gafferd: an ini file to run or to include."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gaffer_kernel import JobConfig

from gaffer_procfile.application import GAFFERD_PORT, Application
from gaffer_procfile.export.shell import add_exports
from gaffer_procfile.exporter import ExportedFile, Exporter, ExportError


def export(application: Application) -> list[ExportedFile]:
    """Create one file with two sections for each type.

    Raises:
        ExportError: a variable contains a line break.
    """
    app = replace(application, reserved_ports=(GAFFERD_PORT,))
    sections = [_make_sections(application.name, job) for job in app.jobs()]
    text = "\n".join(line for section in sections for line in section)
    return [ExportedFile(f"{application.name}.ini", text)]


def _make_sections(session: str, job: JobConfig) -> Iterator[str]:
    safe = {name: value for name, value in job.env.items() if _is_safe(name, value)}
    others = {name: value for name, value in job.env.items() if name not in safe}
    for name, value in others.items():
        if "\n" in value or "\r" in value:
            raise ExportError(f"{name}: an ini file cannot hold a line break, json can")
    yield f"[process:{session}:{job.name}]"
    yield f"cmd = {add_exports(job.cmd, others)}"
    yield "shell = true"
    yield f"cwd = {job.cwd}"
    for key in ("uid", "gid"):
        if getattr(job, key) is not None:
            yield f"{key} = {getattr(job, key)}"
    yield f"numprocesses = {job.numprocesses}"
    if job.port is not None:
        yield f"port = {job.port}"
    yield f"priority = {job.priority}"
    if job.redirect_input:
        yield "redirect_input = true"
    yield ""
    yield f"[env:{session}:{job.name}]"
    for name, value in safe.items():
        yield f"{name} = {value}".rstrip()
    yield ""


def _is_safe(name: str, value: str) -> bool:
    """Return whether [env:...] keeps a variable: it upper-cases names and strips blanks."""
    return name == name.upper() and value == value.strip() and len(value.splitlines()) <= 1


exporter = Exporter("ini", "a file for gafferd, to run or to include", export)

"""gafferd's own ini file, to be included or run."""

from __future__ import annotations

from collections.abc import Iterator

from gaffer_kernel import JobConfig

from gaffer_procfile.application import Application
from gaffer_procfile.export.shell import with_exports
from gaffer_procfile.exporter import ExportedFile, Exporter, ExportError


def export(application: Application) -> list[ExportedFile]:
    """One file with two sections for each type.

    Raises:
        ExportError: a variable has a line break.
    """
    sections = [_sections(application.name, job) for job in application.jobs()]
    text = "\n".join(line for section in sections for line in section)
    return [ExportedFile(f"{application.name}.ini", text)]


def _sections(session: str, job: JobConfig) -> Iterator[str]:
    plain = {name: value for name, value in job.env.items() if _fits(name, value)}
    others = {name: value for name, value in job.env.items() if name not in plain}
    for name, value in others.items():
        if "\n" in value or "\r" in value:
            raise ExportError(f"{name}: an ini file cannot hold a line break, json can")
    yield f"[process:{session}:{job.name}]"
    yield f"cmd = {with_exports(job.cmd, others)}"
    yield "shell = true"
    yield f"cwd = {job.cwd}"
    for key in ("uid", "gid"):
        if getattr(job, key) is not None:
            yield f"{key} = {getattr(job, key)}"
    yield f"numprocesses = {job.numprocesses}"
    yield f"priority = {job.priority}"
    yield f"redirect_output = {', '.join(job.redirect_output)}"
    if job.redirect_input:
        yield "redirect_input = true"
    yield ""
    yield f"[env:{session}:{job.name}]"
    for name, value in plain.items():
        yield f"{name} = {value}".rstrip()
    yield ""


def _fits(name: str, value: str) -> bool:
    """Whether [env:...] can hold it: names are turned to upper case there, blanks are cut off."""
    return name == name.upper() and value == value.strip() and len(value.splitlines()) <= 1


exporter = Exporter("ini", "a file for gafferd, to run or to include", export)

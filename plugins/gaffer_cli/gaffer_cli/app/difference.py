"""Differences between jobs to load and the jobs that gafferd has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gaffer_client import JobInfo, NotFoundError, Server
from gaffer_client.names import JobName

from gaffer_cli.exit_codes import CommandError
from gaffer_cli.job_file import Fields

Kind = Literal["loaded", "changed", "scaled", "unloaded", "unchanged"]

KINDS: tuple[Kind, ...] = ("loaded", "changed", "scaled", "unloaded")
"""The kinds of changes that are made, in the order of reports."""

# The number is compared for itself. `start` and `priority` say when and in which order processes
# start: no running one has to be replaced for them.
_NOT_COMPARED = ("name", "numprocesses", "start", "priority")


@dataclass(frozen=True, slots=True)
class Change:
    """The change of one job.

    Attributes:
        name: session and name of the job.
        kind: the kind of change.
        fields: the job as it is then; empty for one that is unloaded.
        detail: the difference, to follow the kind; empty for a new or an unchanged job.
    """

    name: str
    kind: Kind
    fields: Fields
    detail: str = ""

    def describe(self) -> str:
        """Return a line about the change."""
        return f"{self.name}: {self.kind}{self.detail}"


def get_loaded(server: Server, sessions: Iterable[str]) -> dict[str, JobInfo]:
    """Return the jobs of some sessions that gafferd has, by session and name."""
    found = {}
    for session in dict.fromkeys(sessions):
        try:
            names = server.session(session).jobs()
        except NotFoundError:
            continue
        for name in names:
            try:
                found[str(JobName.parse(name))] = server.job(name).info()
            except NotFoundError:
                pass  # It was unloaded in the meantime.
    return found


def find_change(fields: Fields, loaded: JobInfo | None, *, sets_number: bool) -> Change:
    """Compare a job to load with the one that gafferd has under its name.

    A job keeps its state and, unless the user names a number, its number of instances.

    Args:
        fields: the job to load.
        loaded: the one that gafferd has; None without one.
        sets_number: whether the number of instances in `fields` is one that the user named.
    """
    name = fields["name"]
    if loaded is None:
        return Change(name, "loaded", fields)
    number = fields.get("numprocesses", 1) if sets_number else loaded.numprocesses
    result = {**fields, "numprocesses": number, "start": loaded.active}
    if keys := _compare(fields, loaded.config):
        return Change(name, "changed", result, f": {', '.join(keys)}")
    if number != loaded.numprocesses:
        return Change(name, "scaled", result, f" from {loaded.numprocesses} to {number}")
    return Change(name, "unchanged", result)


def _compare(fields: Fields, config: Mapping[str, Any]) -> list[str]:
    """Return the names of the fields that differ."""
    # Imported here because it loads the kernel.
    from gaffer_kernel import InvalidField, JobConfig

    own = {key for key in JobConfig.__struct_fields__ if key != "options"}
    # Options of plugins, which gafferd knows. It leaves out those that have their default.
    options = {key: each for key, each in fields.items() if key not in own}
    known = {key: each for key, each in fields.items() if key in own}
    try:
        short = JobName.parse(fields["name"]).name
        wanted = {**JobConfig.from_dict({**known, "name": short}).to_dict(), **options}
    except InvalidField as error:
        return [error.field]  # gafferd refuses it when it gets it.
    keys = dict.fromkeys([*wanted, *(key for key in config if key not in own)])
    return [key for key in keys if key not in _NOT_COMPARED and wanted.get(key) != config.get(key)]


def find_removed(loaded: Mapping[str, JobInfo], kept: Collection[str], root: str) -> list[Change]:
    """Return the changes for the types that are no longer in a Procfile.

    Args:
        loaded: the jobs of the application in gafferd.
        kept: the names of the jobs that the Procfile has.
        root: the folder of the application.
    """
    return [
        Change(name, "unloaded", {}, ": no longer in the Procfile")
        for name, info in loaded.items()
        if name not in kept and _is_type(info) and info.config.get("cwd") == root
    ]


def check_same_application(fields: Fields, loaded: JobInfo | None) -> None:
    """Check that a job that gafferd has under the name of a type comes from the same folder.

    Raises:
        CommandError: it does not: two applications have the same name.
    """
    if loaded is None or (_is_type(loaded) and loaded.config.get("cwd") == fields["cwd"]):
        return
    session = JobName.parse(fields["name"]).session
    where = f"of the Procfile in {loaded.config.get('cwd')}" if _is_type(loaded) else "not a type"
    raise CommandError(
        f"job {fields['name']!r} already exists, and is {where}: gaffer unload {session} first, or"
        " load it under another name, gaffer load NAME"
    )


def _is_type(info: JobInfo) -> bool:
    from gaffer_procfile.application import TYPE_VARIABLE

    return bool((info.config.get("env") or {}).get(TYPE_VARIABLE) == info.job)

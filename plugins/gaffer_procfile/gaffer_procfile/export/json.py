"""JSON for gafferd's HTTP API."""

from __future__ import annotations

from json import dumps
from typing import Any

from gaffer_kernel import JobConfig

from gaffer_procfile.application import Application
from gaffer_procfile.exporter import ExportedFile, Exporter


def export(application: Application) -> list[ExportedFile]:
    """One file: the job of a single type as it can be posted, or the list of all jobs."""
    jobs = [_job(application.name, job) for job in application.jobs()]
    value: Any = jobs[0] if application.chosen is not None else {"jobs": jobs}
    return [ExportedFile(f"{application.name}.json", dumps(value, indent=2) + "\n")]


def _job(session: str, job: JobConfig) -> dict[str, Any]:
    """The fields that are not what they would be anyway."""
    usual = JobConfig(name="x", cmd="x").to_dict()
    fields = {key: each for key, each in job.to_dict().items() if each != usual[key]}
    return {**fields, "name": f"{session}.{job.name}"}


exporter = Exporter("json", "jobs for the HTTP API", export)

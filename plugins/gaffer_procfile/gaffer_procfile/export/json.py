"""Format for the HTTP API of gafferd: JSON."""

from __future__ import annotations

from dataclasses import replace
from json import dumps
from typing import Any

from gaffer_kernel import JobConfig

from gaffer_procfile.application import GAFFERD_PORT, Application
from gaffer_procfile.exporter import ExportedFile, Exporter


def export(application: Application) -> list[ExportedFile]:
    """Create one file: the job of a single type, for a POST request, or the list of all jobs."""
    app = replace(application, reserved_ports=(GAFFERD_PORT,))
    jobs = [_to_dict(application.name, job) for job in app.jobs()]
    value: Any = jobs[0] if application.selected is not None else {"jobs": jobs}
    return [ExportedFile(f"{application.name}.json", dumps(value, indent=2) + "\n")]


def _to_dict(session: str, job: JobConfig) -> dict[str, Any]:
    """Return the fields that differ from the defaults."""
    defaults = JobConfig(name="x", cmd="x").to_dict()
    fields = {key: each for key, each in job.to_dict().items() if each != defaults.get(key)}
    return {**fields, "name": f"{session}.{job.name}"}


exporter = Exporter("json", "jobs for the HTTP API", export)

"""Advice: the questions that the supervisors of jobs ask the plugins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from gaffer_kernel.jobs.exits import History
from gaffer_kernel.jobs.options import JobOptions
from gaffer_kernel.processes.process import Process
from gaffer_kernel.spawn_settings import SpawnSettings

if TYPE_CHECKING:
    from gaffer_kernel.jobs.job import Job


class Advice(Protocol):
    """Answers of plugins to the questions of a supervisor."""

    @property
    def job_options(self) -> JobOptions:
        """The keys that plugins add to jobs."""

    def start_condition(self, job: Job, number: int) -> str | None:
        """Return why the next process must wait; None if it can start."""

    def readiness(self, process: Process) -> Iterable[str]:
        """Return the plugins that decide when a spawned process is ready."""

    def process_env(self, job: Job, number: int) -> Mapping[str, str]:
        """Return the variables to add to the environment of the next process."""

    def base_env(
        self, job: Job, number: int, environ: Mapping[str, str]
    ) -> Mapping[str, str | None]:
        """Return the variables below those of the job; None removes an inherited one.

        Raises SpawnError.
        """

    def spawn_settings(self, job: Job, number: int) -> SpawnSettings | None:
        """Return what is in force when the next process begins. Raises SpawnError."""

    def restart_delay(self, job: Job, history: History) -> float | None:
        """Return the seconds until the restart after a crash; None for no opinion."""

"""A kernel of their own for jobs in the foreground."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

import trio
from gaffer_console import ConsoleOutput
from gaffer_kernel import Config, JobConfig, Kernel
from gaffer_kernel.plugin import LinuxSystem, ParentDeathWatcher, watch_parent_death
from gaffer_procfile.plugin import plugin as procfile_plugin

from gaffer_cli.exit_codes import BROKEN_PIPE
from gaffer_cli.foreground.broken_pipe import wait_gone
from gaffer_cli.foreground.exit_policy import Ending, OnExit
from gaffer_cli.foreground.parent_death import Guarded
from gaffer_cli.foreground.signals import Obedience, Signals
from gaffer_cli.foreground.window_size import Window, name_width, warnings_shown

SHOWN = ("spawn", "exit")
"""The events that make a line."""


def run_jobs(jobs: Sequence[JobConfig], on_exit: OnExit) -> int:
    """Run jobs until they end, or a signal or a closed standard output ends them.

    Nothing of them is left then, even if this program is killed.

    Args:
        jobs: at least one process.
        on_exit: what the end of a process means.

    Returns:
        The status of a process, as `on_exit` has it; 128 more than the signal if one ended it.
        After a signal 0, or 130 if it took a second one; 141 if nobody reads the output any more.
    """
    signals = Signals()
    system = LinuxSystem(own_process=True)
    guardian = watch_parent_death(system.instance, max(job.graceful_timeout for job in jobs))
    try:
        return trio.run(partial(_run, system, guardian, jobs, on_exit, signals))
    finally:
        signals.silence()
        guardian.dismiss()


async def _run(
    system: LinuxSystem,
    guardian: ParentDeathWatcher,
    jobs: Sequence[JobConfig],
    on_exit: OnExit,
    signals: Signals,
) -> int:
    width = name_width(jobs)
    console = ConsoleOutput(
        actions=SHOWN,
        numbers=True,
        width=width,
        lossless=True,
        on_gone=lambda error: ending.end(BROKEN_PIPE),
    )
    ending = Ending(on_exit, sum(job.numprocesses for job in jobs), console.say)
    config = Config()
    for job in jobs:
        config.add_job(job)
    plugins = [procfile_plugin, console, ending, Window(width), Guarded(guardian)]
    kernel = Kernel(config, plugins=plugins, system=system)
    ending.attach(kernel)
    signals.attach(Obedience(ending, kernel.manager, console.say).obey)
    with warnings_shown(console.say):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_leave_with_the_reader, ending)
            nursery.start_soon(_leave_at_the_end, ending, kernel, console)
            await kernel.run()
            nursery.cancel_scope.cancel()
    return ending.status


async def _leave_at_the_end(ending: Ending, kernel: Kernel, console: ConsoleOutput) -> None:
    """Stop the kernel when all have ended and all that they wrote is printed."""
    await ending.over.wait()
    for job in kernel.manager.jobs():
        await job.settled()
    await console.wait_printed()
    kernel.stop()


async def _leave_with_the_reader(ending: Ending) -> None:
    await wait_gone(sys.stdout)
    ending.end(BROKEN_PIPE)

"""A kernel for jobs in the foreground."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

import trio
from gaffer_console import ConsoleOutput
from gaffer_kernel import Config, JobConfig, Kernel
from gaffer_kernel.plugin import ParentDeathWatcher, watch_parent_death
from gaffer_procfile.plugin import plugin as procfile_plugin

from gaffer_cli.exit_codes import BROKEN_PIPE
from gaffer_cli.foreground.broken_pipe import wait_broken_pipe
from gaffer_cli.foreground.exit_policy import ExitPolicy, OnExit
from gaffer_cli.foreground.first_lines import FirstLines
from gaffer_cli.foreground.input_owner import ForegroundSystem, InputOwner
from gaffer_cli.foreground.parent_death import ParentDeathPlugin
from gaffer_cli.foreground.signals import SignalHandler, SignalReceiver
from gaffer_cli.foreground.window_size import WindowSize, name_width, show_warnings

SHOWN = ("spawn", "exit")
"""The events that are printed."""


def run_jobs(
    jobs: Sequence[JobConfig],
    on_exit: OnExit,
    input_owner: InputOwner | None = None,
    first_lines: Sequence[str] = (),
) -> int:
    """Run jobs until they exit, or a signal or a closed standard output stops them.

    No process of them remains, even if this program is killed.

    Args:
        jobs: with at least one process.
        on_exit: what happens when a process exits.
        input_owner: the instance that has the standard input of this program; that of all others
            is empty.
        first_lines: lines to print before the first process starts.

    Returns:
        The exit status of a process, chosen by `on_exit`; 128 more than the signal if one killed
        it. After a signal 0, or 130 after a second one; 141 if standard output has no reader.
        1 instead of 0 if lines were lost on a full disk.
    """
    signals = SignalReceiver()
    system = ForegroundSystem(input_owner)
    guardian = watch_parent_death(system.instance, max(job.stop_timeout for job in jobs))
    try:
        return trio.run(partial(_run, system, guardian, jobs, on_exit, signals, first_lines))
    finally:
        signals.ignore_all()
        guardian.dismiss()


async def _run(
    system: ForegroundSystem,
    guardian: ParentDeathWatcher,
    jobs: Sequence[JobConfig],
    on_exit: OnExit,
    signals: SignalReceiver,
    first_lines: Sequence[str],
) -> int:
    width = name_width(jobs)
    console = ConsoleOutput(
        actions=SHOWN,
        numbers=True,
        width=width,
        lossless=True,
        on_broken=lambda error: policy.stop_kernel(BROKEN_PIPE),
        on_lost=lambda text: policy.report_lost(text),
    )
    policy = ExitPolicy(on_exit, sum(job.numprocesses for job in jobs), console.print_line)
    config = Config()
    for job in jobs:
        config.add_job(job)
    plugins = [
        procfile_plugin,
        console,
        FirstLines(first_lines, console.print_line),
        policy,
        WindowSize(width),
        ParentDeathPlugin(guardian),
    ]
    kernel = Kernel(config, plugins=plugins, system=system)
    policy.attach(kernel)
    signals.attach(SignalHandler(policy, kernel.manager, console.print_line).handle)
    with show_warnings(console.print_line):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_stop_on_broken_pipe, policy)
            nursery.start_soon(_stop_when_done, policy, kernel, console)
            await kernel.run()
            nursery.cancel_scope.cancel()
    return policy.status


async def _stop_when_done(policy: ExitPolicy, kernel: Kernel, console: ConsoleOutput) -> None:
    """Stop the kernel when all processes have exited and their output is printed."""
    await policy.done.wait()
    for job in kernel.manager.jobs():
        await job.settled()
    await console.wait_printed()
    kernel.stop()


async def _stop_on_broken_pipe(policy: ExitPolicy) -> None:
    await wait_broken_pipe(sys.stdout)
    policy.stop_kernel(BROKEN_PIPE)

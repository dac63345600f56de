"""The hooks of the kernel: when each is called, its arguments, and the meaning of its result.

A plugin is a module (or any object) with functions marked `@hookimpl`, named like the hooks below.
A function takes those of the hook's arguments that it needs, by name::

    from gaffer_kernel import hookimpl

    gaffer_requires = ("http",)    # plugins that must exist; they open first
    gaffer_after = ("console",)    # plugins that open first if they exist
    gaffer_events = ("tallied",)   # names of events that it publishes

    @hookimpl
    def gaffer_event(event):
        print(event.name, event.event)

It is found by an entry point, `[project.entry-points.gaffer] NAME = "package.plugin:plugin"`, or in
the folder of plugins as `NAME/__init__.py`. NAME is the plugin's name in the configuration, the
logs and the API.
The other form of a plugin is a class: see `gaffer_kernel.Plugin`.

Hooks are plain functions that return data; only the kernel awaits. The kernel calls the
implementations one by one: those marked `tryfirst=True`, then the others in the order in which the
plugins open, then those marked `trylast=True`. None as a result means "no opinion". Until gafferd
supervises, a hook that raises stops it with one line that names the plugin. After that the failure
is logged and counted, and the other plugins are still called. Wrappers are refused.

A plugin may bring hooks of its own (gaffer_addhooks). Implement such a hook with
`@hookimpl(optionalhook=True)`: it then works whether or not that plugin is installed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from msgspec import Struct

    from gaffer_kernel.config import Config
    from gaffer_kernel.events import Event
    from gaffer_kernel.jobs.exits import History
    from gaffer_kernel.jobs.job import Job
    from gaffer_kernel.kernel import Kernel
    from gaffer_kernel.plugins.record import PluginInfo
    from gaffer_kernel.processes.process import Process
    from gaffer_kernel.spawn_settings import SpawnSettings

PROJECT = "gaffer"
"""The project name of the hooks in pluggy, and the entry-point group of plugins."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

# Loading: before the configuration is read.


@hookspec(historic=True)
def gaffer_addhooks(pluginmanager: pluggy.PluginManager) -> None:
    """Add hooks of your own, for other plugins to implement.

    Called when the plugin is added, and again, with another manager, whenever the set of plugins
    changes; plugins added earlier can implement the new hooks as well. Call a new hook with
    `kernel.plugins.call(...)`: it is then ordered and isolated like those of the kernel.

    Args:
        pluginmanager: pass it the module or class that holds your specifications, with
            `pluginmanager.add_hookspecs(...)`. One hook has one owner.
    """


@hookspec
def gaffer_add_options(parser: ArgumentParser) -> None:
    """Add options to the command line of gafferd.

    Called once, before the command line is parsed. The values are in `config.options` later, by
    `dest`; the command line takes precedence over the environment, the environment over the file.

    Args:
        parser: the parser of gafferd. An option that another plugin has added is an error.
    """


@hookspec
def gaffer_config_sections() -> Iterable[str]:  # type: ignore[empty-body]
    """Declare the sections and keys that the plugin owns.

    Called at start and at each reload, for closed plugins too. A section or a key without an owner
    is an error that names file and line.

    Returns:
        A tuple or list of sections (`"webhooks"`), beginnings of sections (`"endpoint:"`, with the
        colon) and single keys of a shared section (`"gaffer.http_endpoints"`).
    """


@hookspec
def gaffer_job_options() -> type[Struct]:  # type: ignore[empty-body]
    """Declare keys that the plugin adds to jobs.

    Called at start and whenever the set of plugins changes, for closed plugins too: while a plugin
    is closed, its keys stay in the configurations of jobs and have no effect.

    Returns:
        A frozen `msgspec.Struct` type. Each field is a key of `[process:NAME]`, of jobs in JSON and
        of `JobConfig(options={...})`; `job.options(TYPE)` returns the values of a job. A field has
        a default, and `Annotated[..., Meta(description=...)]`. A changed value replaces the
        processes of the job; `Meta(extra={"applies": "live"})` says that the plugin applies it
        at once (there is an event `update`), `"next_start"` that it waits for the next process.
        To check what types cannot say, raise `InvalidField(key, reason)` in `__post_init__`. Two
        plugins with the same key are an error, and so is a key of the kernel.
    """


# Configuring: the file is read, nothing has started.


@hookspec
def gaffer_configure(config: Config, plugins: tuple[PluginInfo, ...]) -> None:
    """Check and convert the plugin's sections; add jobs with `config.add_job(job)`.

    Called at start, by `gafferd --check`, and at each reload, for closed plugins too. It must
    change nothing outside `config` and the plugin: if any plugin raises, the whole configuration is
    dropped, and at a reload all plugins are called again with the previous one.

    Args:
        config: the sections of the file and the options of the command line.
        plugins: all plugins as they will be with this configuration, the disabled ones too.

    Raises:
        ConfigError: for a wrong value; `section.error(key, message)` makes one with file and line.
            At start gafferd exits with it, at a reload nothing changes.
    """


# Living: from the opening of the plugin to its closing.


@hookspec
def gaffer_service(kernel: Kernel) -> AbstractAsyncContextManager[object] | None:
    """Return the service of the plugin: an async context manager, not yet entered.

    Usually a generator function under `@asynccontextmanager`: the code before its `yield` opens the
    plugin, the code after it closes the plugin, and a nursery around the `yield` runs its tasks. It
    is entered and left in one task, after the plugins in `gaffer_requires` and before those that
    require this one; jobs start later and stop sooner.

    - The value yielded, unless None, is the plugin's public service: `kernel.services[name]`.
    - Opening may take 10 seconds. If it fails or takes longer, gafferd stops and names the plugin.
      What is slow, such as importing a large package, can follow once the first processes run:
      `kernel.plugins.finish_start_late(function)`.
    - To close, the block is left without a cancellation; after 5 seconds it is cancelled, a second
      later abandoned. End your tasks yourself: `nursery.cancel_scope.cancel()` after the `yield`.
    - An exception raised in between is logged and published as `plugin.failed`; the plugins that
      require this one are closed, processes and other plugins go on.
    - A cancellation of the block around the kernel does not reach it: it is closed in order.

    Args:
        kernel: the kernel of this plugin; its `config` has been checked.

    Returns:
        The context manager, or None if there is nothing to run.
    """


@hookspec
def gaffer_event(event: Event) -> None:
    """Receive every event of the kernel, in order, while the plugin is open.

    Called synchronously where the event is published, so it must not block: pass the event to a
    task of your own (`send_nowait` on a memory channel). To wait for events, prefer
    `kernel.events.subscribe(...)` in your service.

    Args:
        event: the event; the state was updated before it was published.
    """


# Supervising: called of open plugins, for each process.


@hookspec
def gaffer_start_condition(job: Job, number: int) -> str | None:
    """Return why an instance must not start yet.

    Called before each spawn of an instance; not for one-offs. As long as a plugin gives a reason,
    the instance is `waiting`. It is asked again after `job.reconsider()`, which the plugin calls
    when its answer may have changed, when the user starts or restarts the job, and when a plugin
    closes.

    Args:
        job: the job of the instance.
        number: the number of the instance, counted from 1.

    Returns:
        The reason to wait, for people; None if it can start.
    """


@hookspec
def gaffer_base_env(  # type: ignore[empty-body]
    job: Job, number: int, environ: Mapping[str, str]
) -> Mapping[str, str | None]:
    """Change what a process inherits, below the variables of its job.

    Called before each spawn. The order of precedence, lowest first: what the process inherits from
    gafferd and its user, these variables, GAFFER_JOB and so on, the variables of the job, those of
    `gaffer_process_env`. If two plugins set the same variable, the one called later wins. The API
    does not show them, and shows `$NAME` where the command line uses one.

    Args:
        job: the job of the process.
        number: the number of the instance, counted from 1; 0 for a one-off.
        environ: what the process inherits; it cannot be changed.

    Returns:
        A mapping of names to values, both strings; None as a value removes an inherited variable.

    Raises:
        SpawnError: the process must not be started now; it is retried as after a crash. Any other
            exception has the same effect: a process does not run without its variables.
    """


@hookspec
def gaffer_process_env(job: Job, number: int) -> Mapping[str, str]:  # type: ignore[empty-body]
    """Add variables to the environment of a process.

    Called before each spawn. They are added last and replace those of the job; if two plugins set
    the same variable, the one called later wins.

    Args:
        job: the job of the process.
        number: the number of the instance, counted from 1; 0 for a one-off.

    Returns:
        A mapping of names to values, both strings.
    """


@hookspec
def gaffer_spawn_settings(job: Job, number: int) -> SpawnSettings | None:
    """Return what is in force when a process begins: limits, priority, umask, control group.

    Called before each spawn. The settings of all plugins are merged; two plugins that set the same
    differently are an error of the spawn, which names both. So is a setting that the system
    refuses, and an exception: a process does not run without what it was to be limited by.

    Args:
        job: the job of the process.
        number: the number of the instance, counted from 1; 0 for a one-off.

    Returns:
        The settings; None for none.

    Raises:
        SpawnError: the process cannot be started now; it is retried as after a crash.
    """


@hookspec
def gaffer_readiness(process: Process) -> bool | None:
    """Return whether the plugin decides when a process is ready.

    Called after each spawn of an instance; not for one-offs. If no plugin returns True, the process
    is `ready` at once. Else it is `starting` until `process.set_ready(True, reason)`, which the
    plugin calls when it can serve; if several plugins decide, the first of these calls counts.

    Args:
        process: the process, which was spawned just now.

    Returns:
        True if this plugin calls `process.set_ready`; None or False if not.
    """


@hookspec(firstresult=True)
def gaffer_restart_delay(job: Job, history: History) -> float | None:
    """Return the delay before a crashed process is started again.

    Called after each exit that nobody asked for, and after each failed spawn, if `restart` and
    `max_restarts` of the job allow a restart. The first result that is not None counts; else the
    restart rules of the kernel decide. A stop by the user always takes precedence over a pending
    restart.

    Args:
        job: the job of the process.
        history: the latest of these exits of the job, at most a hundred, the last one last; times
            in seconds.

    Returns:
        Seconds until the restart; `math.inf` for never; None for no opinion.
    """

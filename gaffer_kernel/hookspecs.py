"""What a plugin can do: every hook of the kernel, when it is called and what its result means.

A plugin is a module (or any object) with functions marked `@hookimpl`, named like the hooks below.
A function takes those of the hook's arguments that it wants, by name::

    from gaffer_kernel import hookimpl

    gaffer_requires = ("http",)    # plugins that must be there; they open first
    gaffer_after = ("console",)    # plugins that open first if they are there

    @hookimpl
    def gaffer_event(event):
        print(event.name, event.event)

It is found by an entry point, `[project.entry-points.gaffer] NAME = "package.plugin:plugin"`, or in
the folder of plugins as `NAME/__init__.py`. NAME is the plugin's name in the configuration, the
logs and the API.
The other form of a plugin is a class: see `gaffer_kernel.Plugin`.

Hooks are plain functions that return data; only the kernel awaits. The kernel calls the
implementations one by one: those marked `tryfirst=True`, then the others in the order in which the
plugins open, then those marked `trylast=True`. None as a result means "nothing to say". Until
gafferd supervises, a hook that raises stops it with one line that names the plugin; from then on it
is logged and counted, and the other plugins still get their turn. Wrappers are refused.

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

    from gaffer_kernel.config import Config
    from gaffer_kernel.events import Event
    from gaffer_kernel.jobs.job import Job
    from gaffer_kernel.jobs.restart import History
    from gaffer_kernel.kernel import Kernel
    from gaffer_kernel.plugins.record import PluginInfo

PROJECT = "gaffer"
"""The name under which pluggy knows our hooks, and the entry-point group of plugins."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

# Loading: before the configuration is read.


@hookspec(historic=True)
def gaffer_addhooks(pluginmanager: pluggy.PluginManager) -> None:
    """Bring hooks of your own, for other plugins to implement.

    Called when the plugin is added, and again, with another manager, whenever the set of plugins
    changes; plugins added earlier are covered as well. Call the new
    hook with `kernel.plugins.call(...)`: it is then ordered and isolated like those of the kernel.

    Args:
        pluginmanager: pass it the module or class that holds your specifications, with
            `pluginmanager.add_hookspecs(...)`. One hook has one owner.
    """


@hookspec
def gaffer_add_options(parser: ArgumentParser) -> None:
    """Add options to the command line of gafferd.

    Called once, before the command line is parsed. The values are in `config.options` later, by
    `dest`; the command line wins over the environment, that over the file.

    Args:
        parser: the parser of gafferd. An option that another plugin has added is an error.
    """


@hookspec
def gaffer_config_sections() -> Iterable[str]:  # type: ignore[empty-body]
    """Say what of the configuration file is yours.

    Called at start and at each reload, for closed plugins too. A section or a key that nobody owns
    is an error that names file and line.

    Returns:
        A tuple or list of sections (`"webhooks"`), beginnings of sections (`"endpoint:"`, with the
        colon) and single keys of a shared section (`"gaffer.http_endpoints"`).
    """


# Configuring: the file is read, nothing has started.


@hookspec
def gaffer_configure(config: Config, plugins: tuple[PluginInfo, ...]) -> None:
    """Check and convert your part of the configuration; add jobs with `config.add_job(job)`.

    Called at start, by `gafferd --check`, and at each reload, for closed plugins too. It must
    change nothing outside `config` and the plugin: when any plugin refuses, the whole configuration
    is dropped, and at a reload all are called again with the one before.

    Args:
        config: the sections of the file and the options of the command line.
        plugins: all plugins as they will be with this configuration, the disabled ones too.

    Raises:
        ConfigError: for a wrong value; `section.error(key, message)` makes one with file and line.
            At start gafferd ends with it, at a reload everything stays as it was.
    """


# Living: from the opening of the plugin to its closing.


@hookspec
def gaffer_service(kernel: Kernel) -> AbstractAsyncContextManager[object] | None:
    """Give the whole life of the plugin as one async context manager, not yet entered.

    Usually a generator function under `@asynccontextmanager`: what comes before its `yield` is the
    opening, what follows is the closing, and a nursery around the `yield` runs the plugin's tasks.
    It is entered and left in one task, after the plugins in `gaffer_requires` and before those that
    require this one; jobs start later and end sooner.

    - The value yielded, unless None, is the plugin's public service: `kernel.services[name]`.
    - The opening has 10 seconds. If it fails or takes longer, gafferd stops and names the plugin.
    - To close, the block is left as usual, not cancelled; after 5 seconds it is cancelled, a second
      later abandoned. End your tasks yourself: `nursery.cancel_scope.cancel()` after the `yield`.
    - An exception that leaves it in between is logged and published as `plugin.failed`; the plugins
      that require this one are closed, processes and other plugins go on.
    - Cancelling the block around the kernel does not reach it: it is closed in its turn.

    Args:
        kernel: whose plugin this is; its `config` has been checked.

    Returns:
        The context manager, or None when there is nothing to run.
    """


@hookspec
def gaffer_event(event: Event) -> None:
    """See every event of the kernel, in order, once the plugin is open.

    Called at the very place where something happens, so it must not block: hand the event to a task
    of your own (`send_nowait` on a memory channel). To wait for events, prefer
    `kernel.events.subscribe(...)` in your service.

    Args:
        event: already true when it arrives: the state was updated first.
    """


# Supervising: asked of open plugins about each process.


@hookspec
def gaffer_process_env(job: Job, number: int) -> Mapping[str, str]:  # type: ignore[empty-body]
    """Add variables to the environment of a process.

    Called before each start. They come last and win over the job's own; of two plugins that set the
    same variable, the one called later wins.

    Args:
        job: whose process is about to start.
        number: which of its instances, counted from 1; 0 for a process that is run once.

    Returns:
        A mapping of names to values, both strings.
    """


@hookspec(firstresult=True)
def gaffer_restart_delay(job: Job, history: History) -> float | None:
    """Decide when a process that ended by itself is started again.

    Called after each unexpected end. The first answer that is not None counts; without any, the
    rule of the kernel does. A stop by the user always wins over a pending start.

    Args:
        job: whose process ended.
        history: the latest unexpected ends of the job, a hundred at most, the last one last; times
            in seconds.

    Returns:
        Seconds until the next start; `math.inf` for never; None for no opinion.
    """

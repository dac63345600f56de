"""gaffer's kernel: launch processes, keep them alive, report on them.

    daemon              the command gafferd: the only place where an error becomes an exit status
    plugin, testing     the names for plugin authors and for tests, besides those listed here
    kernel, reload      starts, reloads and stops plugins and jobs together
    plan, plugin_advice the effect of a reload; the answers of plugins to questions about jobs
    plugins, hookspecs  discovers, orders, opens and closes plugins; the hooks they implement
    jobs                the manager of sessions and jobs; a supervisor keeps one job as wanted
    processes           one process, its output, how it is stopped
    config, jobs.config gafferd.ini and the description of a job
    events              the log of what happened
    spawn_settings      limits and the like, in force before a process begins
    system              the port to the operating system; linux is the real one, testing a fake one
    path_security       refuses files that other users can write
    errors              one exception for each decision of a caller

Each line imports only from its own line and those below; tests/test_structure.py checks it. The
names listed here are public. Importing a module only defines things.
"""

from gaffer_kernel.config import Config, Section
from gaffer_kernel.errors import (
    Closing,
    ConfigError,
    Conflict,
    GafferError,
    InvalidField,
    NotFound,
    PluginError,
    SpawnError,
    StorageError,
    StreamUnavailable,
)
from gaffer_kernel.events import Event, EventBus, Subscription
from gaffer_kernel.hookspecs import hookimpl
from gaffer_kernel.jobs.config import Flapping, JobConfig
from gaffer_kernel.jobs.job import Job
from gaffer_kernel.jobs.manager import Manager
from gaffer_kernel.kernel import Kernel, open_kernel
from gaffer_kernel.names import JobName
from gaffer_kernel.plan import JobChange
from gaffer_kernel.plugins import Plugin, PluginInfo, Plugins
from gaffer_kernel.processes.output import Output
from gaffer_kernel.processes.process import Process
from gaffer_kernel.spawn_settings import Cgroup, SpawnSettings

__all__ = [
    "Cgroup",
    "Closing",
    "Config",
    "ConfigError",
    "Conflict",
    "Event",
    "EventBus",
    "Flapping",
    "GafferError",
    "InvalidField",
    "Job",
    "JobChange",
    "JobConfig",
    "JobName",
    "Kernel",
    "Manager",
    "NotFound",
    "Output",
    "Plugin",
    "PluginError",
    "PluginInfo",
    "Plugins",
    "Process",
    "Section",
    "SpawnError",
    "SpawnSettings",
    "StorageError",
    "StreamUnavailable",
    "Subscription",
    "hookimpl",
    "open_kernel",
]

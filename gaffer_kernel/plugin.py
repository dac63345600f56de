"""The names that plugins and their commands may import, besides those of `gaffer_kernel`.

The names listed in `__all__` are documented and stay; every other module of `gaffer_kernel` may
change without notice, except `gaffer_kernel.testing`. A test compares this list with the imports of
the plugins in this repository.
"""

from gaffer_kernel.daemon.log import start_logging
from gaffer_kernel.daemon.log_handlers import print_error
from gaffer_kernel.daemon.options import parse_command_line
from gaffer_kernel.daemon.runner import DaemonRunner, KernelSetup
from gaffer_kernel.environment import PRIVATE
from gaffer_kernel.errors import describe_exception, did_you_mean, shown
from gaffer_kernel.events import KERNEL_EVENTS
from gaffer_kernel.hookspecs import PROJECT, hookspec
from gaffer_kernel.jobs.config import OPTIONS
from gaffer_kernel.jobs.exits import describe_exit
from gaffer_kernel.jobs.fields import (
    Batch,
    FilePath,
    Flag,
    FullName,
    Label,
    Name,
    Percent,
    Seconds,
    Size,
    Variables,
    Words,
)
from gaffer_kernel.jobs.options import JobOptions, Option
from gaffer_kernel.jobs.shell_syntax import describe_shell_syntax, find_shell_syntax
from gaffer_kernel.jobs.units import parse_seconds, parse_size
from gaffer_kernel.linux import LinuxSystem
from gaffer_kernel.linux.parent_death import ParentDeathWatcher, watch_parent_death
from gaffer_kernel.names import DEFAULT_SESSION, MAX_PID, PART, PART_RULE, check_session, is_pid
from gaffer_kernel.path_security import PathGuard
from gaffer_kernel.plugins.folder import FolderOptions, find_plugins
from gaffer_kernel.plugins.manager import STOP_DEADLINE
from gaffer_kernel.processes.output import OutputLog, OutputReader
from gaffer_kernel.processes.read_times import ReadTime
from gaffer_kernel.spawn_settings import UNLIMITED
from gaffer_kernel.system import Child, ChildListener, SpawnRequest, System

__all__ = [
    "DEFAULT_SESSION",
    "KERNEL_EVENTS",
    "MAX_PID",
    "OPTIONS",
    "PART",
    "PART_RULE",
    "PRIVATE",
    "PROJECT",
    "STOP_DEADLINE",
    "UNLIMITED",
    "Batch",
    "Child",
    "ChildListener",
    "DaemonRunner",
    "FilePath",
    "Flag",
    "FolderOptions",
    "FullName",
    "JobOptions",
    "KernelSetup",
    "Label",
    "LinuxSystem",
    "Name",
    "Option",
    "OutputLog",
    "OutputReader",
    "ParentDeathWatcher",
    "PathGuard",
    "Percent",
    "ReadTime",
    "Seconds",
    "Size",
    "SpawnRequest",
    "System",
    "Variables",
    "Words",
    "check_session",
    "describe_exception",
    "describe_exit",
    "describe_shell_syntax",
    "did_you_mean",
    "find_plugins",
    "find_shell_syntax",
    "hookspec",
    "is_pid",
    "parse_command_line",
    "parse_seconds",
    "parse_size",
    "print_error",
    "shown",
    "start_logging",
    "watch_parent_death",
]

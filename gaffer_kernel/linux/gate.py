"""The gate: a child waits in it, before it becomes its program, until its settings are in force.

The child is a shell, or `fd_shim`, which reads a line and then executes the program. The parent
sets what another process can set for it, then writes the line. If that fails, the child is killed,
and nothing of the program has run. With a preexec_fn the child would be made by fork, which copies
the page tables of gafferd, and Python code would run between fork and exec.
"""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from gaffer_kernel.errors import SpawnError
from gaffer_kernel.linux.cgroups import CgroupFolder
from gaffer_kernel.spawn_settings import UNLIMITED, SpawnSettings
from gaffer_kernel.system import SpawnRequest

OPEN = b"\n"
"""The line that the parent writes into the gate."""
SHELL = "/bin/sh"
FAILED = 125
"""The exit status of a child whose parent has closed the gate without opening it."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPECIAL = frozenset(
    {"IFS", "OPTIND", "LINENO", "PPID", "PS4", "UID", "EUID", "SHELLOPTS", "BASHOPTS", "ENV"}
)
"""Variables that a shell changes, or that change it."""


def can_use_shell(request: SpawnRequest) -> bool:
    """Return whether a shell can be the gate: it reads from stdin, and passes on all variables.

    A shell is ten times as fast as `fd_shim`, but dash drops a variable whose name it cannot use.
    """
    if request.stdin is not None or (request.settings and "stack" in request.settings.rlimits):
        return False
    own_pwd = request.environ.get("PWD")
    if own_pwd is not None and own_pwd != os.path.abspath(request.cwd or "."):
        return False
    return all(_NAME.fullmatch(name) and name not in _SPECIAL for name in request.environ)


def shell_argv(request: SpawnRequest) -> list[str]:
    """Return the command of a shell that is the gate on its stdin.

    The program gets that stdin if the job redirects it, else an empty one.
    """
    added = [name for name in ("PWD", "OLDPWD", "SHLVL") if name not in request.environ]
    unset = f"unset {' '.join(added)}; " if added else ""
    stdin = "" if request.redirect_input else " </dev/null"
    script = f'IFS= read -r _ || exit {FAILED}; {unset}exec "$@"{stdin}'
    return [SHELL, "-c", script, SHELL, *request.argv]


def apply_settings(pid: int, settings: SpawnSettings, cgroup: CgroupFolder | None) -> None:
    """Set for a waiting child all that another process can set.

    The limit of the stack is lost if the child is still in execve(2), which sets it at its end:
    `fd_shim` sets it again.

    Raises:
        SpawnError: `bad_setting`: the system refuses the setting that it names.
    """
    if cgroup is not None:
        cgroup.enter(pid)
    if settings.cpu_affinity is not None:
        shown = ", ".join(map(str, sorted(settings.cpu_affinity)))
        with _naming("cpu_affinity", shown):
            os.sched_setaffinity(pid, settings.cpu_affinity)
    if settings.oom_score_adj is not None:
        with _naming("oom_score_adj", settings.oom_score_adj):
            _write(f"/proc/{pid}/oom_score_adj", settings.oom_score_adj)
    if settings.nice is not None:
        with _naming("nice", settings.nice):
            os.setpriority(os.PRIO_PROCESS, pid, settings.nice)
        # With kernel.sched_autogroup_enabled, `nice` counts only inside the session of the
        # process, and each of ours has its own: see sched(7).
        with suppress(OSError):
            _write(f"/proc/{pid}/autogroup", settings.nice)
    for name, limits in settings.rlimits.items():
        with _naming(f"rlimit_{name}", ":".join(map(_show_limit, limits))):
            resource.prlimit(pid, getattr(resource, f"RLIMIT_{name.upper()}"), limits)


def _write(path: str, value: int) -> None:
    with open(path, "w") as file:
        file.write(str(value))


def _show_limit(limit: int) -> str:
    return "unlimited" if limit == UNLIMITED else str(limit)


@contextmanager
def _naming(setting: str, value: object) -> Iterator[None]:
    """Make a SpawnError that names a setting of what the system raises in this block."""
    try:
        yield
    except OSError as error:
        reason = str(error.strerror)
    except (ValueError, AttributeError, OverflowError) as error:
        reason = str(error)
    else:
        return
    raise SpawnError("bad_setting", f"cannot set {setting} to {value}: {reason}")

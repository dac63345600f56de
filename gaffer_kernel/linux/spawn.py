"""Start a process by vfork(2) in the calling thread, or explain why it cannot start."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gaffer_kernel.errors import SpawnError
from gaffer_kernel.linux.cgroups import CgroupFolder
from gaffer_kernel.linux.gate import OPEN, apply_settings, can_use_shell, shell_argv
from gaffer_kernel.linux.inherited_signals import has_default_signals
from gaffer_kernel.linux.pty import open_pty
from gaffer_kernel.linux.spawn_errors import explain, require_program
from gaffer_kernel.system import SpawnRequest, User

# Kept in memory, and run by the interpreter on which a virtual environment is based: an upgrade of
# packages may remove files while this program runs.
_FD_SHIM = Path(__file__).with_name("fd_shim.py").read_text(encoding="utf-8")
_PYTHON = getattr(sys, "_base_executable", sys.executable)

_REFUSED = (
    *(OSError, ValueError, OverflowError, KeyError, TypeError, IndexError),
    subprocess.SubprocessError,
)


@dataclass(slots=True)
class Started:
    """The parent's descriptors of a new process; the caller reads, writes and closes them."""

    os_pid: int
    pidfd: int
    stdin: int | None = None
    readers: dict[int, str] = field(default_factory=dict)
    """Pipe or pseudo-terminal to read -> its label."""
    streams: dict[str, int] = field(default_factory=dict)
    """Label -> the parent's end of a two-way stream."""
    cgroup: CgroupFolder | None = None


def spawn(request: SpawnRequest) -> Started:
    """Start a process in a session of its own.

    In the calling thread, not in a worker thread as trio does: PR_SET_PDEATHSIG follows the thread
    that spawned. Without `user` the child is made by vfork, whatever the size of the parent.

    Raises:
        SpawnError: with a word for programs and a line for people. Every descriptor has been
            closed.
    """
    # The child's ends are closed in any case, ours only if the spawn fails.
    with ExitStack() as ours, ExitStack() as theirs:
        started = Started(os_pid=0, pidfd=-1)
        try:
            stdin = _input(request, started, ours, theirs)
            stdout, stderr = _outputs(request, started, ours, theirs)
            extra = _extra(request, started, ours, theirs)
            gate = _gate(request, started, extra, theirs)
            if gate.shim == "shell" and gate.reader is not None:
                stdin = gate.reader
            if request.settings is not None and request.settings.cgroup is not None:
                started.cgroup = CgroupFolder(request.settings.cgroup)
                started.cgroup.create()
                ours.callback(started.cgroup.remove)
            popen = _popen(request, stdin, stdout, stderr, extra, gate)
            started.os_pid = popen.pid
            started.pidfd = _enter(popen, request, started, gate)
        except _REFUSED as error:
            raise explain(error, request) from error
        ours.pop_all()
    return started


def _enter(
    popen: subprocess.Popen[bytes], request: SpawnRequest, started: Started, gate: Gate
) -> int:
    """Open the pidfd of a child, and the gate once its settings are in force."""
    pidfd = -1
    try:
        # EMFILE: the last free descriptor went into its pipes. It cannot be watched, so it must
        # not run.
        pidfd = os.pidfd_open(popen.pid)
        if request.settings is not None and gate.writer is not None:
            apply_settings(popen.pid, request.settings, started.cgroup)
            # EPIPE: it has been killed meanwhile, as its exit will say.
            with suppress(BrokenPipeError):
                os.write(gate.writer, OPEN)
    except BaseException:
        if pidfd >= 0:
            os.close(pidfd)
        os.killpg(popen.pid, signal.SIGKILL)
        popen.wait()
        raise
    # The pidfd is awaited: Popen must not call waitpid, not even when it is garbage-collected.
    popen.returncode = 0
    return pidfd


@dataclass(frozen=True, slots=True)
class Gate:
    """How a child becomes its program: directly, or after a shell or `fd_shim` has prepared it.

    Attributes:
        shim: what runs before the program: `shell`, `fd_shim` or nothing.
        reader, writer: the two ends of the gate, if the child waits in one; the reader is None if
            it is the stdin that the program gets, too. A shell waits for its stdin.
        user: the user that the child becomes after the gate; else it is that user in the gate.
    """

    shim: Literal["", "shell", "fd_shim"] = ""
    reader: int | None = None
    writer: int | None = None
    user: User | None = None


def _gate(request: SpawnRequest, started: Started, extra: Sequence[int], theirs: ExitStack) -> Gate:
    needs_shim = bool(extra) or not has_default_signals()
    if request.settings is None or not request.settings.needs_gate:
        return Gate("fd_shim" if needs_shim else "")
    # Without CAP_SYS_RESOURCE, as in many containers, root can limit only its own processes.
    user = _other_user(request) if os.geteuid() == 0 else None
    if needs_shim or user is not None or not can_use_shell(request):
        return Gate("fd_shim", *_pipe(theirs, theirs), user)
    if started.stdin is not None:
        return Gate("shell", None, started.stdin)
    return Gate("shell", *_pipe(theirs, theirs))


def _popen(
    request: SpawnRequest,
    stdin: int,
    stdout: int,
    stderr: int,
    extra: Sequence[int],
    gate: Gate,
) -> subprocess.Popen[bytes]:
    argv = list(request.argv)
    if not argv or not argv[0]:
        raise SpawnError("command_not_found", "the command is empty")
    executable = None if "PATH" in request.environ else shutil.which(argv[0])
    if gate.shim:
        require_program(request)
    passed = tuple(extra)
    if gate.shim == "shell":
        argv = shell_argv(request)
        executable = argv[0]
    elif gate.shim:
        if gate.reader is not None:
            passed = (*passed, gate.reader)
        argv = _shim_argv(request, extra, gate)
        executable = _PYTHON
    settings = request.settings
    user = _other_user(request) if gate.user is None else None
    return subprocess.Popen(
        argv,
        executable=executable,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        cwd=request.cwd,
        env=request.environ,
        pass_fds=passed,
        umask=-1 if settings is None or settings.umask is None else settings.umask,
        start_new_session=True,
        bufsize=0,
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=user.groups if user else None,
    )


def _shim_argv(request: SpawnRequest, extra: Sequence[int], gate: Gate) -> list[str]:
    options = []
    if request.settings is not None:
        if request.settings.descriptors:
            options.append("listen")
        if "stack" in request.settings.rlimits:
            options.append("stack={}:{}".format(*request.settings.rlimits["stack"]))
    if gate.user is not None:
        groups = ",".join(map(str, gate.user.groups))
        options.append(f"user={gate.user.uid}:{gate.user.gid}:{groups}")
    return [
        *(_PYTHON, "-I", "-S", "-c", _FD_SHIM),
        ",".join(map(str, extra)),
        "-" if gate.reader is None else str(gate.reader),
        " ".join(options),
        *request.argv,
    ]


def _other_user(request: SpawnRequest) -> User | None:
    """Return the user to switch to; None for our own user, because only root may set groups."""
    user = request.user
    if user and user.uid and (user.uid, user.gid) == (os.geteuid(), os.getegid()):
        return None
    return user


def _pipe(reader: ExitStack, writer: ExitStack) -> tuple[int, int]:
    read, write = os.pipe2(os.O_CLOEXEC)
    reader.callback(os.close, read)
    writer.callback(os.close, write)
    return read, write


def _input(request: SpawnRequest, started: Started, ours: ExitStack, theirs: ExitStack) -> int:
    if not request.redirect_input:
        return subprocess.DEVNULL if request.stdin is None else request.stdin
    read, started.stdin = _pipe(theirs, ours)
    os.set_blocking(started.stdin, False)
    return read


def _outputs(
    request: SpawnRequest, started: Started, ours: ExitStack, theirs: ExitStack
) -> tuple[int, int]:
    ends = [subprocess.DEVNULL, subprocess.DEVNULL]
    by_label: dict[str, int] = {}
    for place, label in enumerate(request.outputs):
        if label not in by_label:
            if request.terminal_size is None:
                read, by_label[label] = _pipe(ours, theirs)
            else:
                read, by_label[label] = open_pty(request.terminal_size, ours, theirs)
            os.set_blocking(read, False)
            started.readers[read] = label
        ends[place] = by_label[label]
    return ends[0], ends[1]


def _extra(
    request: SpawnRequest, started: Started, ours: ExitStack, theirs: ExitStack
) -> list[int]:
    numbers = []
    for descriptor in request.settings.descriptors.values() if request.settings else ():
        numbers.append(os.dup(descriptor))
        theirs.callback(os.close, numbers[-1])
    for label in request.streams:
        mine, child = socket.socketpair()
        mine.setblocking(False)
        fd = started.streams[label] = mine.detach()
        ours.callback(os.close, fd)
        theirs.callback(child.close)
        started.readers[fd] = label
        numbers.append(child.fileno())
    for channel in request.channels:
        # A copy, so that one channel can be given to two jobs, or twice to one.
        numbers.append(os.dup(channel if isinstance(channel, int) else channel.fileno()))
        theirs.callback(os.close, numbers[-1])
    return numbers

"""Start a process by vfork(2) in the calling thread, or explain why it cannot start."""

from __future__ import annotations

import errno
import grp
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from gaffer_kernel.errors import SpawnError, shown
from gaffer_kernel.linux.pty import open_pty
from gaffer_kernel.system import SpawnRequest, User

# Kept in memory, and run by the interpreter on which a virtual environment is based: an upgrade of
# packages may remove files while this program runs.
_FD_SHIM = Path(__file__).with_name("fd_shim.py").read_text(encoding="utf-8")
_PYTHON = getattr(sys, "_base_executable", sys.executable)

_REFUSED = (
    *(OSError, ValueError, OverflowError, KeyError, TypeError, IndexError),
    subprocess.SubprocessError,
)
_INHERITABLE = sorted(signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ})
"""Signals that a child ignores if we do. Python ignores the others, and Popen resets them."""
_BUSY = {errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM}


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
            popen = _popen(request, stdin, stdout, stderr, extra)
            started.os_pid, started.pidfd = popen.pid, _pidfd(popen)
        except _REFUSED as error:
            raise _explain(error, request) from error
        ours.pop_all()
    return started


def _pidfd(popen: subprocess.Popen[bytes]) -> int:
    try:
        pidfd = os.pidfd_open(popen.pid)
    except OSError:
        # EMFILE: the last free descriptor went into its pipes. It cannot be watched, so it must
        # not run.
        os.killpg(popen.pid, signal.SIGKILL)
        popen.wait()
        raise
    # The pidfd is awaited: Popen must not call waitpid, not even when it is garbage-collected.
    popen.returncode = 0
    return pidfd


def _popen(
    request: SpawnRequest, stdin: int, stdout: int, stderr: int, extra: Sequence[int]
) -> subprocess.Popen[bytes]:
    argv = list(request.argv)
    if not argv or not argv[0]:
        raise SpawnError("command_not_found", "the command is empty")
    executable = None if "PATH" in request.environ else shutil.which(argv[0])
    if extra or not _has_default_signals():
        _require_program(argv[0], request)
        argv = [_PYTHON, "-I", "-S", "-c", _FD_SHIM, ",".join(map(str, extra)), *argv]
        executable = _PYTHON
    user = _other_user(request)
    return subprocess.Popen(
        argv,
        executable=executable,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        cwd=request.cwd,
        env=request.environ,
        pass_fds=tuple(extra),
        start_new_session=True,
        bufsize=0,
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=user.groups if user else None,
    )


def _has_default_signals() -> bool:
    """Return whether a child inherits an empty signal mask and no ignored signals."""
    if signal.pthread_sigmask(signal.SIG_BLOCK, ()):
        return False
    return all(signal.getsignal(each) is not signal.SIG_IGN for each in _INHERITABLE)


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


def _require_program(program: str, request: SpawnRequest) -> None:
    """Fail as Popen would; through fd_shim the child could only exit with status 127."""
    path = request.environ.get("PATH") or os.environ.get("PATH")
    base = Path(request.cwd or ".")
    # Not Path, which makes `file` of `./file`: that would be looked for on PATH.
    found = shutil.which(os.path.join(base, program) if "/" in program else program, path=path)
    if found is None:
        code = errno.EACCES if (base / program).exists() and "/" in program else errno.ENOENT
        raise OSError(code, os.strerror(code), program)


def check_program(request: SpawnRequest) -> None:
    """Check that the program and the working directory exist, without starting anything.

    Raises:
        SpawnError: the error of `spawn`, as far as it can be known before.
    """
    try:
        if request.cwd is not None and not Path(request.cwd).is_dir():
            code = errno.ENOTDIR if Path(request.cwd).exists() else errno.ENOENT
            raise OSError(code, os.strerror(code), request.cwd)
        _require_program(str(request.argv[0]), request)
    except OSError as error:
        raise _explain(error, request) from error


def _explain(error: BaseException, request: SpawnRequest) -> SpawnError:
    if isinstance(error, SpawnError):
        return error
    # Callers with a read token see these messages, so they show the word as configured, without
    # the values of variables.
    program = str(request.argv[0]) if request.program is None else request.program
    if not isinstance(error, OSError):
        return _explain_value(error, program, request)
    if error.errno in _BUSY:
        return SpawnError("no_resources", f"{program}: {error.strerror}")
    if error.errno == errno.EBADF:
        return SpawnError("bad_argument", f"{program}: a custom channel is closed")
    if error.errno == errno.E2BIG:
        return SpawnError("too_long", f"{program}: arguments and environment are too long")
    if error.errno == errno.ENOEXEC:
        return SpawnError("exec_format", f"{program}: not a program: it has no #! line")
    if request.cwd is not None and error.filename == request.cwd:
        return SpawnError(
            "bad_cwd", f"cannot change to the directory {request.cwd}: {error.strerror}"
        )
    return _explain_program(error, program, request)


def _explain_value(error: BaseException, program: str, request: SpawnRequest) -> SpawnError:
    if isinstance(error, OverflowError):
        return SpawnError("bad_user", f"{program}: {error}")
    for name, value in request.environ.items():
        if "=" in name or not (_is_passable(name) and _is_passable(value)):
            return SpawnError("bad_env", f"{program}: the variable {shown(name)}: {error}")
    return SpawnError("bad_argument", f"{program}: {error}")


def _is_passable(text: str) -> bool:
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def _explain_program(error: OSError, program: str, request: SpawnRequest) -> SpawnError:
    path = _locate(str(request.argv[0]), request)
    if request.user is not None and error.errno in (errno.EPERM, errno.EINVAL):
        return _explain_user(error, program, request.user)
    if error.errno in (errno.EACCES, errno.EPERM):
        what = "a directory" if path.is_dir() else "not executable, or out of reach for its user"
        return SpawnError("not_executable", f"{program}: {what}")
    if error.errno == errno.ENOENT and path.is_file():
        return SpawnError("bad_interpreter", f"{program}: no such interpreter: {_shebang(path)}")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        where = f"{program} (looked for on PATH)"
        if "/" in program:
            place = Path(request.cwd or ".", program).absolute()
            where = program if Path(program).is_absolute() else f"{program} ({place})"
        return SpawnError("command_not_found", f"no such program: {where}")
    return SpawnError("cannot_start", f"{program}: {error.strerror}")


def _explain_user(error: OSError, program: str, user: User) -> SpawnError:
    """Name the user, or the group if the job sets only that."""
    is_group = user.uid == os.geteuid()
    who = f"group {_group_name(user.gid)}" if is_group else f"user {user.uid}"
    slug = "bad_group" if is_group else "bad_user"
    if error.errno == errno.EINVAL:  # setuid(2): the number is not mapped in our user namespace
        return SpawnError(slug, f"{program}: there is no {who} in this user namespace")
    return SpawnError(slug, f"{program}: only root may run it as {who}")


def _group_name(gid: int) -> str:
    try:
        return f"{gid} ({grp.getgrgid(gid).gr_name})"
    except (KeyError, OverflowError):
        return str(gid)


def _locate(program: str, request: SpawnRequest) -> Path:
    """Return the path of the program, relative to the directory in which it would run."""
    found = None if "/" in program else shutil.which(program, path=request.environ.get("PATH"))
    return Path(request.cwd or ".", found or program)


def _shebang(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return repr(file.readline(200).decode(errors="backslashreplace"))
    except OSError as error:
        return error.strerror or str(error)

"""Why a process cannot start: checks before the spawn, and explanations of what it raised."""

from __future__ import annotations

import errno
import grp
import os
import shutil
from pathlib import Path

from gaffer_kernel.errors import SpawnError, shown
from gaffer_kernel.system import SpawnRequest, User

_BUSY = {errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM}
_HEAD = 4096
"""Bytes at the beginning of a program that say whether the system can execute it."""


def require_program(request: SpawnRequest) -> None:
    """Fail as a direct exec would: after a shell or `fd_shim` there is only an exit status.

    Raises:
        OSError: with the program as its file name.
    """
    program = str(request.argv[0])
    path = request.environ.get("PATH") or os.environ.get("PATH")
    base = Path(request.cwd or ".")
    # Not Path, which makes `file` of `./file`: that would be looked for on PATH.
    found = shutil.which(os.path.join(base, program) if "/" in program else program, path=path)
    if found is None:
        code = errno.EACCES if (base / program).exists() and "/" in program else errno.ENOENT
        raise OSError(code, os.strerror(code), program)
    code = _check_format(base / found, base)
    if code:
        raise OSError(code, os.strerror(code), program)


def _check_format(path: Path, base: Path) -> int:
    """Return the errno of execve(2) for a file that is executable; 0 if it is a program."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return 0
    if head.startswith(b"#!"):
        interpreter, *_ = head[2:].split(b"\n")[0].split() or [b""]
        exists = (base / os.fsdecode(interpreter)).exists()
        return 0 if exists else errno.ENOENT
    # Text without #!: dash would run it as a script. Other formats may have an interpreter of
    # their own, see binfmt_misc.
    return 0 if b"\0" in head else errno.ENOEXEC


def check_program(request: SpawnRequest) -> None:
    """Check that the program and the working directory exist, without starting anything.

    Raises:
        SpawnError: the error of `spawn`, as far as it can be known before.
    """
    try:
        if request.cwd is not None and not Path(request.cwd).is_dir():
            code = errno.ENOTDIR if Path(request.cwd).exists() else errno.ENOENT
            raise OSError(code, os.strerror(code), request.cwd)
        require_program(request)
    except OSError as error:
        raise explain(error, request) from error


def explain(error: BaseException, request: SpawnRequest) -> SpawnError:
    """Return the error with a word for programs and a line for people."""
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

"""Reading and changing the tokens file, which only its owner may read or write."""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from gaffer_auth.entries import Entry, find_problem
from gaffer_auth.paths import DEFAULT, expand_path

VERSION = 1
"""The version of the file format."""
MAX_SIZE = 4 * 1024 * 1024
"""Maximum bytes of the file."""
LOCK_TIMEOUT = 10.0
"""Seconds to wait for another program that changes the file."""

_LOCK_INTERVAL = 0.02
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Change = Callable[[tuple[Entry, ...]], Iterable[Entry]]


class StoreError(Exception):
    """The tokens file cannot be used; the message is one line with the reason and the remedy."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")


class _Head(msgspec.Struct):
    version: int


class _Content(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    entries: tuple[Entry, ...]


# Reading


def read_store(path: Path) -> tuple[Entry, ...]:
    """Read the tokens and certificates in a file.

    Raises:
        FileNotFoundError: the file does not exist.
        OSError: the file cannot be read now.
        StoreError: the file must not be used, or has other content.
    """
    fd = _open(path)
    try:
        return _read_entries(fd, path)
    finally:
        os.close(fd)


def _open(path: Path) -> int:
    """Open a file after checking owner and mode. Raises as `read_store`."""
    if path.is_symlink():
        raise StoreError(path, "is a symbolic link: name the file itself")
    fd = os.open(path, _FLAGS)
    try:
        _check_access(fd, path)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _check_access(fd: int, path: Path) -> None:
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        raise StoreError(path, "is not a regular file")
    if found.st_uid not in (os.geteuid(), 0):
        raise StoreError(path, f"belongs to user {found.st_uid}: chown it to user {os.geteuid()}")
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise StoreError(path, f"is accessible to other users: chmod 600 {path}")


def _read_entries(fd: int, path: Path) -> tuple[Entry, ...]:
    """Read the entries of an open file from its beginning. Raises as `read_store`."""
    data = bytearray()
    while len(data) <= MAX_SIZE and (chunk := os.read(fd, MAX_SIZE)):
        data += chunk
    if len(data) > MAX_SIZE:
        raise StoreError(path, f"is longer than {MAX_SIZE} bytes")
    try:
        version = msgspec.json.decode(data, type=_Head).version
        if version != VERSION:
            reason = f"has version {version}, this gaffer-auth reads {VERSION}: update gaffer-auth"
            raise StoreError(path, reason)
        entries = msgspec.json.decode(data, type=_Content).entries
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise StoreError(path, f"is not a tokens file of gaffer-auth: {reason}") from None
    problem = find_problem(entries)
    if problem is not None:
        raise StoreError(path, problem)
    return entries


# Changing


def change_store(path: Path, change: Change) -> None:
    """Change the entries of a file; a missing file is created with mode 0600.

    Concurrent programs wait for each other. A reader sees the old file or the new one, also after a
    crash.

    Args:
        path: the file. Its folder must exist, except `~/.gaffer`, which is created with mode 0700.
        change: returns the new entries; called again if another program created the file first.

    Raises:
        OSError: the file cannot be read or written. It is unchanged.
        StoreError: the file must not be used, the new entries conflict, or another program does not
            release its lock. The file is unchanged.
    """
    if path.parent == expand_path(DEFAULT).parent:
        path.parent.mkdir(mode=0o700, exist_ok=True)
    if not path.parent.is_dir():
        raise StoreError(path, f"no such folder: {path.parent}")
    while not _replace(path, change):
        pass


def _replace(path: Path, change: Change) -> bool:
    """Change the file; False if another program created it in the meantime."""
    fd = _open_locked(path)
    try:
        data = _encode(path, change(() if fd is None else _read_entries(fd, path)))
        with _temporary_file(path, data) as temporary:
            if fd is not None:
                os.rename(temporary, path)
            else:
                # Unlike rename, link fails with EEXIST if the file exists now.
                os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        if fd is not None:
            os.close(fd)
    _sync_folder(path)
    return True


def _open_locked(path: Path) -> int | None:
    """Open and lock the file at the path; None if it does not exist."""
    deadline = time.monotonic() + LOCK_TIMEOUT
    try:
        while True:
            fd = _open(path)
            try:
                _lock(fd, path, deadline)
                if os.path.samestat(os.fstat(fd), path.lstat()):
                    found, fd = fd, -1
                    return found
                # It was replaced between open and lock: try again.
            finally:
                if fd >= 0:
                    os.close(fd)
    except FileNotFoundError:
        return None


def _lock(fd: int, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                reason = f"locked by another program for {LOCK_TIMEOUT:g} seconds: try again"
                raise StoreError(path, reason) from None
            time.sleep(_LOCK_INTERVAL)


def _encode(path: Path, entries: Iterable[Entry]) -> bytes:
    """Encode entries after a check. Indented, because people read the file."""
    content = _Content(VERSION, tuple(entries))
    problem = find_problem(content.entries)
    if problem is not None:
        raise StoreError(path, problem)
    data = msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
    if len(data) > MAX_SIZE:
        raise StoreError(path, f"would be longer than {MAX_SIZE} bytes: revoke unused entries")
    return data


@contextmanager
def _temporary_file(path: Path, data: bytes) -> Iterator[Path]:
    """Write a file with mode 0600 next to another one, with fsync; remove it at the end."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with open(temporary, "xb", opener=lambda name, _: os.open(name, flags, 0o600)) as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)


def _sync_folder(path: Path) -> None:
    fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

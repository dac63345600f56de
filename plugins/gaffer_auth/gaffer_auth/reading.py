"""The file of tokens, read: only if nobody else could have read or written it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

import msgspec

from gaffer_auth.entries import Entry, problem_of

VERSION = 1
LARGEST = 4 * 1024 * 1024
"""Bytes."""

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class StoreError(Exception):
    """The file of tokens cannot be used as it is; one line says why and what to do."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")


class _Head(msgspec.Struct):
    version: int


class _Store(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    entries: tuple[Entry, ...]


def read_store(path: Path) -> tuple[Entry, ...]:
    """The tokens and certificates in a file.

    Raises:
        FileNotFoundError: there is none.
        OSError: it cannot be read now.
        StoreError: it must not be used, or holds something else.
    """
    fd = open_store(path)
    try:
        return entries_in(fd, path)
    finally:
        os.close(fd)


def open_store(path: Path) -> int:
    """A descriptor of a file, which has been found safe. Raises as `read_store`."""
    if path.is_symlink():
        raise StoreError(path, "is a symbolic link: name the file itself")
    fd = os.open(path, _FLAGS)
    try:
        _check(fd, path)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _check(fd: int, path: Path) -> None:
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        raise StoreError(path, "is no regular file")
    if found.st_uid not in (os.geteuid(), 0):
        raise StoreError(path, f"belongs to user {found.st_uid}: chown it to user {os.geteuid()}")
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise StoreError(path, f"is open to other users: chmod 600 {path}")


def entries_in(fd: int, path: Path) -> tuple[Entry, ...]:
    """What is in a file that is open at its beginning. Raises as `read_store`."""
    data = bytearray()
    while len(data) <= LARGEST and (more := os.read(fd, LARGEST)):
        data += more
    if len(data) > LARGEST:
        raise StoreError(path, f"is longer than {LARGEST} bytes")
    try:
        version = msgspec.json.decode(data, type=_Head).version
        if version != VERSION:
            reason = f"has version {version}, this gaffer-auth reads {VERSION}: update gaffer-auth"
            raise StoreError(path, reason)
        entries = msgspec.json.decode(data, type=_Store).entries
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise StoreError(path, f"is not what gaffer-auth writes: {reason}") from None
    problem = problem_of(entries)
    if problem is not None:
        raise StoreError(path, problem)
    return entries


def encoded(entries: Iterable[Entry]) -> bytes:
    """What to write, so that it reads like this; with lines, for people."""
    store = _Store(VERSION, tuple(entries))
    return msgspec.json.format(msgspec.json.encode(store), indent=2) + b"\n"

"""The file of tokens, changed: by one at a time, and never half."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gaffer_auth.entries import Entry, problem_of
from gaffer_auth.paths import DEFAULT, expanded
from gaffer_auth.reading import LARGEST, StoreError, encoded, entries_in, open_store

PATIENCE = 10.0
"""Seconds to wait for another program that changes the file."""

_EVERY = 0.02

Change = Callable[[tuple[Entry, ...]], Iterable[Entry]]


def change_store(path: Path, change: Change) -> None:
    """Change what a file holds; it is made, with mode 0600, if there is none.

    Programs that do so at the same time wait for each other. A reader sees the old file or the new
    one; so does whoever comes after a crash.

    Args:
        path: which. Its folder must exist, except `~/.gaffer`, which is made with mode 0700.
        change: what becomes of the entries; may be asked again when another program was faster.

    Raises:
        OSError: it cannot be read or written. It is as it was.
        StoreError: it must not be used, what is to be written must not stand beside the rest, or
            another program does not finish. It is as it was.
    """
    if path.parent == expanded(DEFAULT).parent:
        path.parent.mkdir(mode=0o700, exist_ok=True)
    if not path.parent.is_dir():
        raise StoreError(path, f"there is no folder {path.parent}")
    while not _replaced(path, change):
        pass


def _replaced(path: Path, change: Change) -> bool:
    """Change the file; False if another program made it just now."""
    fd = _locked(path)
    try:
        data = _changed(path, change, () if fd is None else entries_in(fd, path))
        with _temporary(path, data) as temporary:
            if fd is not None:
                os.rename(temporary, path)
            else:
                # Unlike a renaming, this fails if there is one now.
                os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        if fd is not None:
            os.close(fd)
    _sync_folder(path)
    return True


def _locked(path: Path) -> int | None:
    """The file, open and locked, None if there is none. It is the one that is then replaced."""
    deadline = time.monotonic() + PATIENCE
    try:
        while True:
            fd = open_store(path)
            try:
                _lock(fd, path, deadline)
                if os.path.samestat(os.fstat(fd), path.lstat()):
                    found, fd = fd, -1
                    return found
                # Else it was replaced between our opening and our lock: once more.
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
                reason = f"another program has kept it locked for {PATIENCE:g} seconds: try again"
                raise StoreError(path, reason) from None
            time.sleep(_EVERY)


def _changed(path: Path, change: Change, entries: tuple[Entry, ...]) -> bytes:
    after = tuple(change(entries))
    problem = problem_of(after)
    if problem is not None:
        raise StoreError(path, problem)
    data = encoded(after)
    if len(data) > LARGEST:
        raise StoreError(path, f"would be longer than {LARGEST} bytes: revoke what is not needed")
    return data


@contextmanager
def _temporary(path: Path, data: bytes) -> Iterator[Path]:
    """A new file beside another one, on the disk and with mode 0600; gone at the end."""
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

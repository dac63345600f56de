"""The file of the hooks that were registered at run time."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec
from gaffer_kernel import GafferError, StorageError

from gaffer_webhooks.hook import Hook
from gaffer_webhooks.journal import sync_folder
from gaffer_webhooks.url import parse_url


def read_hooks(path: Path) -> list[Hook]:
    """Read the hooks in a file; a missing file has none.

    Raises:
        StorageError: it cannot be read.
        GafferError: it is damaged.
    """
    try:
        hooks = msgspec.json.decode(path.read_bytes(), type=list[Hook])
        for hook in hooks:
            parse_url(hook.url)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"webhooks: {path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise GafferError(f"webhooks: {path} is damaged: {error}: repair or remove it") from None
    return hooks


def write_hooks(path: Path, hooks: Iterable[Hook]) -> None:
    """Replace the hooks in a file, atomically; blocks.

    Raises:
        StorageError: it cannot be written and is unchanged, or fsync failed and it is unknown
            whether the disk has it.
    """
    data = msgspec.json.format(msgspec.json.encode(list(hooks)), indent=1) + b"\n"
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        with open(new, "xb", opener=_open_private) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):  # It may not exist: open() or fsync of the folder failed.
            new.unlink()
        reason = f"cannot be written: {error.strerror}"
        raise StorageError(f"webhooks: {path}: {reason}") from None


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

"""The file of the hooks that were registered while gafferd ran."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec
from gaffer_kernel import GafferError

from gaffer_webhooks.hook import Hook
from gaffer_webhooks.journal import sync_folder
from gaffer_webhooks.url import place_of


def read_hooks(path: Path) -> list[Hook]:
    """The hooks in a file; none if there is no file.

    Raises:
        GafferError: it cannot be read.
    """
    try:
        hooks = msgspec.json.decode(path.read_bytes(), type=list[Hook])
        for hook in hooks:
            place_of(hook.url)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise GafferError(f"webhooks: {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise GafferError(f"webhooks: {path} is damaged: {error}: repair or remove it") from None
    return hooks


def write_hooks(path: Path, hooks: Iterable[Hook]) -> None:
    """Replace the hooks in a file: all of them or none; blocks.

    Raises:
        GafferError: it cannot be written, and is as it was; or it cannot be told whether the disk
            has it.
    """
    data = msgspec.json.format(msgspec.json.encode(list(hooks)), indent=1) + b"\n"
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        with open(new, "xb", opener=_private) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):  # It may never have been there.
            new.unlink()
        raise GafferError(f"webhooks: {path}: {error.strerror}") from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

"""Which folders are sites. A folder is examined at each request, so sites can come and go."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gaffer_kernel.plugin import PART, PART_RULE

from gaffer_sites.migration import SITE, move_content
from gaffer_sites.safe_open import resolve

QUIET = 1.0
"""Seconds without a change in a folder after which copying files into it counts as finished."""

_PYTHON = re.compile(r".*\.(py|pyi|pyc|so)|__pycache__|pyproject\.toml")


@dataclass(frozen=True, slots=True)
class Site:
    """A site that is served.

    Attributes:
        name: the name of its plugin.
        folder: the folder of its files, without symbolic links in its path.
    """

    name: str
    folder: Path


@dataclass(slots=True)
class _Content:
    """The content of a folder; `changed` is the time of its last change."""

    python: bool = False
    files: bool = False
    changed: float = 0.0


def find_site(root: Path, name: str, warn: Callable[[str], object], *, quiet: bool) -> Site | None:
    """Find the site of a plugin; return None if it has none.

    Args:
        root: the plugin folder.
        name: the name of the plugin, unchecked.
        warn: called with a warning, for example about a folder that cannot be moved.
        quiet: whether no file is being copied into the folder, however new its files are.

    Raises:
        OSError: there is no such folder, or it cannot be read.
        SiteError: another user could change it.
    """
    if not is_name(name):
        return None
    folder = root / name
    if not os.path.lexists(folder / SITE):
        content = _examine(folder)
        if content.python or not content.files:
            return None
        quiet = quiet or abs(time.time() - content.changed) >= QUIET
        if not (quiet and _try_to_move(folder, warn)):
            return Site(name, resolve(folder))
    path = resolve(folder / SITE)
    return Site(name, path) if path.is_dir() else None


def list_names(root: Path, warn: Callable[[str], object]) -> list[str]:
    """Return the names in a plugin folder that could be sites.

    Raises:
        OSError: it cannot be read.
    """
    names = []
    for entry in root.iterdir():
        if is_name(entry.name):
            names.append(entry.name)
        elif (entry / SITE).is_dir() and not entry.name.startswith((".", "__")):
            warn(f"{entry} is not served: a plugin is named with {PART_RULE}")
    return names


def is_name(name: str) -> bool:
    """Whether a plugin can have this name."""
    return re.fullmatch(PART, name) is not None and not name.startswith("__")


def _examine(folder: Path) -> _Content:
    """Examine a folder and its subfolders, until Python is found."""
    content = _Content(changed=folder.stat().st_ctime)
    for path, folders, files in os.walk(folder, onerror=_raise):
        content.files = content.files or any(not name.startswith(".") for name in files)
        for name in (*folders, *files):
            if _PYTHON.fullmatch(name):
                content.python = True
                return content
            changed = os.lstat(os.path.join(path, name)).st_ctime
            content.changed = max(content.changed, changed)
    return content


def _try_to_move(folder: Path, warn: Callable[[str], object]) -> bool:
    """Move the content of a folder to `_site`; return whether that was done."""
    if folder.is_symlink():
        return False  # The folder it leads to has another purpose and must not change.
    resolve(folder)
    try:
        move_content(folder, lambda: _has_no_python_or_site(folder))
    except BlockingIOError:
        return False  # EWOULDBLOCK of flock: another gafferd is moving it.
    except OSError as error:
        reason = f"its content cannot be moved to {SITE}: {error.strerror}"
        warn(f"{folder} is served as it is, {reason}")
        return False
    return True


def _has_no_python_or_site(folder: Path) -> bool:
    return not os.path.lexists(folder / SITE) and not _examine(folder).python


def _raise(error: OSError) -> None:
    raise error

"""Which folders are sites. Each is looked at when somebody asks, so that they may come and go."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gaffer_kernel.plugin import PART, PART_RULE

from gaffer_sites.migration import SITE, move_under
from gaffer_sites.safe_open import real

QUIET = 1.0
"""Seconds since the last change in a folder after which nobody is still copying files into it."""

_PYTHON = re.compile(r".*\.(py|pyi|pyc|so)|__pycache__|pyproject\.toml")


@dataclass(frozen=True, slots=True)
class Site:
    """A site that can be asked for.

    Attributes:
        name: of its plugin.
        folder: where its files are, free of symbolic links.
    """

    name: str
    folder: Path


@dataclass(slots=True)
class _Content:
    python: bool = False
    files: bool = False
    changed: float = 0.0


def find(root: Path, name: str, say: Callable[[str], object], *, settled: bool) -> Site | None:
    """The site of a plugin, if the plugin has one.

    Args:
        root: the folder of plugins.
        name: of the plugin; may be anything.
        say: told why something is not as it should be.
        settled: nobody is copying files into the folder, however new they are.

    Raises:
        OSError: there is no such folder, or it cannot be read.
        Refused: somebody else could change it.
    """
    if not is_name(name):
        return None
    folder = root / name
    if not os.path.lexists(folder / SITE):
        content = _content(folder)
        if content.python or not content.files:
            return None
        quiet = settled or abs(time.time() - content.changed) >= QUIET
        if not (quiet and _moved(folder, say)):
            return Site(name, real(folder))
    place = real(folder / SITE)
    return Site(name, place) if place.is_dir() else None


def names(root: Path, say: Callable[[str], object]) -> list[str]:
    """The names of all that may be a site in a folder of plugins.

    Raises:
        OSError: it cannot be read.
    """
    found = []
    for entry in root.iterdir():
        if is_name(entry.name):
            found.append(entry.name)
        elif (entry / SITE).is_dir() and not entry.name.startswith((".", "__")):
            say(f"{entry} is not served: a plugin is named with {PART_RULE}")
    return found


def is_name(name: str) -> bool:
    """Whether a plugin could be called so."""
    return re.fullmatch(PART, name) is not None and not name.startswith("__")


def _content(folder: Path) -> _Content:
    """Look through a folder, down to whatever shows that it holds Python."""
    content = _Content(changed=folder.stat().st_ctime)
    for place, folders, files in os.walk(folder, onerror=_raise):
        content.files = content.files or any(not name.startswith(".") for name in files)
        for name in (*folders, *files):
            if _PYTHON.fullmatch(name):
                content.python = True
                return content
            changed = os.lstat(os.path.join(place, name)).st_ctime
            content.changed = max(content.changed, changed)
    return content


def _moved(folder: Path, say: Callable[[str], object]) -> bool:
    if folder.is_symlink():
        return False  # That folder is kept elsewhere for a reason.
    real(folder)
    try:
        move_under(folder, lambda: _is_bare(folder))
    except BlockingIOError:
        return False  # Another gafferd is at it.
    except OSError as error:
        say(f"{folder} is served as it is, its content cannot be moved to {SITE}: {error.strerror}")
        return False
    return True


def _is_bare(folder: Path) -> bool:
    return not os.path.lexists(folder / SITE) and not _content(folder).python


def _raise(error: OSError) -> None:
    raise error

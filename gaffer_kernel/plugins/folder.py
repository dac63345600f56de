"""Plugins in a folder: DIR/NAME/ with Python code in it, loaded without touching sys.path.

The code is the package DIR/NAME itself, if it has an __init__.py; else, in the layout of the seed,
the one module or package inside DIR/NAME, `plugin` when there are several. A folder with neither,
one that has only a `_site`, is no business of the hooks. Imports inside a plugin are relative: its
private name in sys.modules is a new one for each kernel that loads it, and each time it does.
"""

import logging
import os
from collections.abc import Collection
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from gaffer_kernel.errors import PluginError
from gaffer_kernel.path_security import PathGuard
from gaffer_kernel.plugins import importer as source
from gaffer_kernel.plugins.entry_point import plugin_in
from gaffer_kernel.plugins.plugin_class import Plugin
from gaffer_kernel.plugins.record import Record

log = logging.getLogger(__name__)

SITE = "_site"
PREFERRED = "plugin"


class Terms(NamedTuple):
    """How a folder of plugins is taken.

    Attributes:
        insecure: do not mind that somebody else could change it.
        missing_ok: do not mind that it is not there; it may come.
    """

    insecure: bool = False
    missing_ok: bool = False


def folders(path: Path, terms: Terms, *, disabled: Collection[str] = ()) -> list[Path]:
    """The plugins in a folder, by name: the subfolders that hold Python code.

    Args:
        path: the folder.
        terms: how it is taken.
        disabled: names of subfolders that count without code too: a site can be disabled.

    Raises:
        PluginError: the folder is missing, cannot be read, or somebody else could change it.
    """
    if terms.missing_ok and not os.path.isdir(path):
        return []
    try:
        if terms.insecure:
            place = path.resolve(strict=True)
        else:
            place = PathGuard(lambda reason: _unusable(path, reason)).check(path, tree=True)
        entries = sorted(place.iterdir())
        found = [
            entry
            for entry in entries
            if _modules(entry) or (entry.name in disabled and entry.is_dir())
        ]
    except OSError as exc:
        where = "" if exc.filename in (None, str(path)) else f": {exc.filename}"
        raise _unusable(path, f"{exc.strerror}{where}") from exc
    for entry in entries:
        if entry.suffix == ".py":
            log.warning("%s is not loaded: a plugin is a folder, not a file", entry)
    return found


def version_of(plugin: object) -> str | None:
    """The version that a plugin says it has: `__version__` of a module, `version` of a class."""
    version = getattr(plugin, "__version__", None)
    if version is None and isinstance(plugin, Plugin):
        version = plugin.version
    return None if version is None else str(version)


def _unusable(path: Path, reason: str) -> PluginError:
    return PluginError(f"folder {path}", reason)


def load(record: Record, *, insecure: bool = False) -> None:
    """Import the plugin in the folder of a record, under a new private name, and note it there.

    Args:
        record: its `path` is the folder.
        insecure: do not mind that somebody else could change it.

    Raises:
        PluginError: somebody else could change it, it is not clear which module is meant, or
            whatever its import raised.
    """
    folder = record.path
    assert folder is not None
    record.package = source.new_package(record.name)
    try:
        if not insecure:
            PathGuard(record.blame).check_tree(folder, leave_out=SITE)
        # Before the import: what changes during it counts as a change.
        record.stamp = stamp(folder)
        imported = _import(record.package, folder, _chosen(record, folder))
        record.plugin = plugin_in(record, imported)
        record.version = version_of(record.plugin)
    except BaseException as exc:
        source.forget(record.package)
        if isinstance(exc, PluginError) or not isinstance(exc, Exception | SystemExit):
            raise
        raise record.import_error(exc, folder) from exc


def stamp(folder: Path) -> frozenset[tuple[object, ...]]:
    """Tells the code of a plugin from what it was before; its site does not count."""
    return source.stamp(folder, SITE)


def _modules(folder: Path) -> list[str]:
    """The names that could be imported from a folder; "__init__" alone if it is a package."""
    if folder.name.startswith((".", "__")) or not folder.is_dir():
        return []
    if (folder / "__init__.py").is_file():
        return ["__init__"]
    names = {path.parent.name for path in folder.glob("*/__init__.py")}
    names |= {path.stem for path in folder.glob("*.py")}
    return sorted(name for name in names if name.isidentifier() and not name.startswith("_"))


def _chosen(record: Record, folder: Path) -> str:
    names = _modules(folder)
    if len(names) == 1:
        return names[0]
    if PREFERRED in names:
        return PREFERRED
    raise record.blame(
        f"{folder} holds several modules ({', '.join(names)}): add an __init__.py,"
        f" or call the one that is the plugin {PREFERRED}.py"
    )


def _import(package: str, folder: Path, module: str) -> ModuleType:
    if module == "__init__":
        return source.import_package(package, folder)
    return source.import_inside(package, folder, module)

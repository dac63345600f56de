"""Plugins in a folder: DIR/NAME/ with Python code in it, loaded without touching sys.path.

The code is the package DIR/NAME itself if it has an __init__.py. Else, in the layout of gaffer 0.5,
it is the one module or package inside DIR/NAME, or the one called `plugin` when there are several.
A folder with neither, such as one that has only a `_site`, is no plugin. Imports inside a plugin
are relative: each kernel that loads it, and each reload, gives it a new private name in
sys.modules.
"""

import logging
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from gaffer_kernel.errors import PluginError
from gaffer_kernel.path_security import PathGuard
from gaffer_kernel.plugins import importer
from gaffer_kernel.plugins.containment import is_interrupt
from gaffer_kernel.plugins.entry_point import get_plugin
from gaffer_kernel.plugins.plugin_class import Plugin
from gaffer_kernel.plugins.record import PluginRecord

log = logging.getLogger(__name__)

SITE = "_site"
PREFERRED = "plugin"


class FolderOptions(NamedTuple):
    """How a folder of plugins is read.

    Attributes:
        insecure: load it even if other users can change it.
        missing_ok: accept that it does not exist; it may be created later.
    """

    insecure: bool = False
    missing_ok: bool = False


@dataclass
class PluginSources:
    """Where the folder plugins of a kernel come from.

    Attributes:
        folders: the folders of plugins, absolute, in the order in which they were added.
        disabled: names of plugins that are not loaded.
    """

    folders: dict[Path, FolderOptions] = field(default_factory=dict)
    disabled: set[str] = field(default_factory=set)


def find_plugins(
    path: Path, options: FolderOptions, *, disabled: Collection[str] = ()
) -> list[Path]:
    """Find the plugins in a folder, sorted by name: the subfolders that hold Python code.

    Args:
        path: the folder.
        options: how it is read.
        disabled: names of subfolders that count without code, too: a site can be disabled.

    Raises:
        PluginError: the folder is missing, cannot be read, or other users can change it.
    """
    if options.missing_ok and not os.path.isdir(path):
        return []
    try:
        if options.insecure:
            resolved = path.resolve(strict=True)
        else:
            resolved = PathGuard(lambda reason: _folder_error(path, reason)).check(path, tree=True)
        entries = sorted(resolved.iterdir())
        found = [
            entry
            for entry in entries
            if _list_modules(entry) or (entry.name in disabled and entry.is_dir())
        ]
    except OSError as exc:
        where = "" if exc.filename in (None, str(path)) else f": {exc.filename}"
        raise _folder_error(path, f"{exc.strerror}{where}") from exc
    for entry in entries:
        if entry.suffix == ".py":
            log.warning("%s is not loaded: a plugin is a folder, not a file", entry)
    return found


def get_version(plugin: object) -> str | None:
    """Return the version a plugin declares: `__version__` of a module, `version` of a Plugin."""
    version = getattr(plugin, "__version__", None)
    if version is None and isinstance(plugin, Plugin):
        version = plugin.version
    return None if version is None else str(version)


def _folder_error(path: Path, reason: str) -> PluginError:
    return PluginError(f"folder {path}", reason)


def load(record: PluginRecord, *, insecure: bool = False) -> None:
    """Import the plugin in the folder of a record under a new private name; update the record.

    Args:
        record: its `path` is the folder.
        insecure: load it even if other users can change it.

    Raises:
        PluginError: other users can change it, it is not clear which module is the plugin, or its
            import raised.
    """
    folder = record.path
    assert folder is not None
    record.package = importer.new_package(record.name)
    try:
        if not insecure:
            PathGuard(record.plugin_error).check_tree(folder, exclude=SITE)
        # Taken before the import: a file that changes during the import counts as changed.
        record.stamp = make_stamp(folder)
        imported = _import(record.package, folder, _choose_module(record, folder))
        record.plugin = get_plugin(record, imported)
        record.version = get_version(record.plugin)
    except BaseException as exc:
        importer.forget(record.package)
        if isinstance(exc, PluginError) or is_interrupt(exc):
            raise
        raise record.import_error(exc, folder) from exc


def is_current(record: PluginRecord) -> bool:
    """Whether the files of a folder plugin are those that were imported."""
    assert record.path is not None
    try:
        return record.stamp == make_stamp(record.path)
    except OSError:
        return False  # Loading it reports the error.


def make_stamp(folder: Path) -> frozenset[tuple[object, ...]]:
    """Make a value that changes with the code of a plugin, but not with its site."""
    return importer.make_stamp(folder, SITE)


def _list_modules(folder: Path) -> list[str]:
    """List the names that can be imported from a folder; only "__init__" if it is a package."""
    if folder.name.startswith((".", "__")) or not folder.is_dir():
        return []
    if (folder / "__init__.py").is_file():
        return ["__init__"]
    names = {path.parent.name for path in folder.glob("*/__init__.py")}
    names |= {path.stem for path in folder.glob("*.py")}
    return sorted(name for name in names if name.isidentifier() and not name.startswith("_"))


def _choose_module(record: PluginRecord, folder: Path) -> str:
    names = _list_modules(folder)
    if len(names) == 1:
        return names[0]
    if PREFERRED in names:
        return PREFERRED
    raise record.plugin_error(
        f"{folder} holds several modules ({', '.join(names)}): add an __init__.py,"
        f" or call the one that is the plugin {PREFERRED}.py"
    )


def _import(package: str, folder: Path, module: str) -> ModuleType:
    if module == "__init__":
        return importer.import_package(package, folder)
    return importer.import_inside(package, folder, module)

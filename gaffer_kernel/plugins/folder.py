"""Plugins in a folder: DIR/NAME/ with Python code in it, loaded without touching sys.path.

The code is the package DIR/NAME itself, if it has an __init__.py; else, in the layout of the seed,
the one module or package inside DIR/NAME, `plugin` when there are several. A folder with neither,
one that has only a `_site`, is no business of the hooks. Imports inside a plugin are relative: its
private name in sys.modules is a new one for each kernel that loads it.
"""

import importlib
import itertools
import logging
import sys
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from gaffer_kernel.errors import PluginError
from gaffer_kernel.plugins.discovery import cannot_import
from gaffer_kernel.plugins.guard import Guard
from gaffer_kernel.plugins.record import Record

log = logging.getLogger(__name__)

SITE = "_site"
PREFERRED = "plugin"

_numbers = itertools.count(1)


def folders(path: Path) -> list[Path]:
    """The plugins in a folder, by name: the subfolders that hold Python code.

    Raises:
        PluginError: the folder is missing, cannot be read, or somebody else could change it.
    """
    try:
        place = Guard(lambda reason: _unusable(path, reason)).check(path)
        entries = sorted(place.iterdir())
        found = [entry for entry in entries if _modules(entry)]
    except OSError as exc:
        raise _unusable(path, f"{exc.strerror}: {exc.filename}") from exc
    for entry in entries:
        if entry.suffix == ".py":
            log.warning("%s is not loaded: a plugin is a folder, not a file", entry)
    return found


def _unusable(path: Path, reason: str) -> PluginError:
    return PluginError(f"folder {path}", reason)


def load(record: Record, folder: Path) -> ModuleType:
    """Import the plugin in one folder.

    Raises:
        PluginError: somebody else could change it, it is not clear which module is meant, or
            whatever its import raised.
    """
    package = f"_gaffer_plugin_{next(_numbers)}_{record.name}"
    try:
        Guard(record.blame).check_tree(folder, leave_out=SITE)
        # The files may be younger than what the import system remembers of their folder.
        importlib.invalidate_caches()
        return _import(package, folder, _chosen(record, folder))
    except BaseException as exc:
        for name in [name for name in sys.modules if f"{name}.".startswith(f"{package}.")]:
            del sys.modules[name]
        if isinstance(exc, PluginError) or not isinstance(exc, Exception | SystemExit):
            raise
        raise cannot_import(record, exc, folder) from exc


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
        init = folder / "__init__.py"
        spec = spec_from_file_location(package, init, submodule_search_locations=[str(folder)])
        if spec is None or spec.loader is None:
            raise ImportError(f"nothing can load {init}")
        plugin = sys.modules[package] = module_from_spec(spec)
        spec.loader.exec_module(plugin)
        return plugin
    outer = ModuleSpec(package, None, is_package=True)
    outer.submodule_search_locations = [str(folder)]
    sys.modules[package] = module_from_spec(outer)
    return importlib.import_module(f"{package}.{module}")

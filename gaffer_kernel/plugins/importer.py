"""Imports the code of plugins in folders, always from the current source.

Bytecode is neither read nor written: Python compares it with the source by a time in whole seconds
and a size, which a quick correction may not change.
"""

import importlib
import itertools
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
)
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

PREFIX = "_gaffer_plugin_"

_numbers = itertools.count(1)


class _Source(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


class _Finder(MetaPathFinder):
    """Finds the modules inside the private packages of plugins, and nothing else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(PREFIX) or path is None:
            return None
        kinds = ((ExtensionFileLoader, EXTENSION_SUFFIXES), (_Source, SOURCE_SUFFIXES))
        # A FileFinder caches the listing of its folder, so a new one is made for each import.
        specs = (FileFinder(each, *kinds).find_spec(fullname) for each in path)
        return next(filter(None, specs), None)


_FINDER = _Finder()


def new_package(name: str) -> str:
    """Make a private package name for a plugin that has not been used before."""
    return f"{PREFIX}{next(_numbers)}_{name}"


def import_package(package: str, folder: Path) -> ModuleType:
    """Import a folder that has an __init__.py as the package."""
    _install_finder()
    init = folder / "__init__.py"
    loader = _Source(package, str(init))
    spec = spec_from_file_location(
        package, init, loader=loader, submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    plugin = sys.modules[package] = module_from_spec(spec)
    loader.exec_module(plugin)
    return plugin


def import_inside(package: str, folder: Path, module: str) -> ModuleType:
    """Import one module in a folder that is not a package itself."""
    _install_finder()
    outer = ModuleSpec(package, None, is_package=True)
    outer.submodule_search_locations = [str(folder)]
    sys.modules[package] = module_from_spec(outer)
    return importlib.import_module(f"{package}.{module}")


def _install_finder() -> None:
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


def forget(package: str) -> None:
    """Remove the modules of a plugin that is no longer used from sys.modules."""
    for name in [name for name in sys.modules if f"{name}.".startswith(f"{package}.")]:
        del sys.modules[name]


def make_stamp(folder: Path, exclude: str) -> frozenset[tuple[object, ...]]:
    """Make a value that changes with the files in the folder of a plugin.

    Args:
        folder: the folder; hidden files in it do not count.
        exclude: the name of a folder in it that does not count either.
    """
    return frozenset(_stamps(folder, {exclude, "__pycache__"}, set()))


def _stamps(
    folder: Path, exclude: set[str], seen: set[tuple[int, int]]
) -> Iterator[tuple[object, ...]]:
    for entry in sorted(folder.iterdir()):
        if entry.name in exclude or entry.name.startswith("."):
            continue
        try:
            found = entry.stat()
        except FileNotFoundError:
            yield (str(entry),)  # A dangling symbolic link, or a file removed just now.
            continue
        if not entry.is_dir():
            yield str(entry), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
        elif (found.st_dev, found.st_ino) not in seen:
            seen.add((found.st_dev, found.st_ino))
            yield from _stamps(entry, exclude, seen)

"""Importing the code of plugins in folders: always from the source that is there now.

Bytecode is neither read nor written. It is told from its source by a time in whole seconds and a
size, which a quick correction does not change.
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
    """Finds what is inside the packages of plugins, and nothing else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(PREFIX) or path is None:
            return None
        kinds = ((ExtensionFileLoader, EXTENSION_SUFFIXES), (_Source, SOURCE_SUFFIXES))
        # Each time a new one: the files may be younger than what one remembers of their folder.
        specs = (FileFinder(each, *kinds).find_spec(fullname) for each in path)
        return next(filter(None, specs), None)


_FINDER = _Finder()


def new_package(name: str) -> str:
    """A private name to import a plugin by, which nothing had before."""
    return f"{PREFIX}{next(_numbers)}_{name}"


def import_package(package: str, folder: Path) -> ModuleType:
    """Import the folder, which has an __init__.py, as the package."""
    _find()
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
    """Import one module in the folder, which is no package itself."""
    _find()
    outer = ModuleSpec(package, None, is_package=True)
    outer.submodule_search_locations = [str(folder)]
    sys.modules[package] = module_from_spec(outer)
    return importlib.import_module(f"{package}.{module}")


def _find() -> None:
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


def forget(package: str) -> None:
    """Drop the modules of a plugin that is not to be used any more."""
    for name in [name for name in sys.modules if f"{name}.".startswith(f"{package}.")]:
        del sys.modules[name]


def stamp(folder: Path, leave_out: str) -> frozenset[tuple[object, ...]]:
    """What tells the files in a folder from what they were before, or will be after a change.

    Args:
        folder: of a plugin; what is hidden in it does not count.
        leave_out: the name of a folder in it that does not count either.
    """
    return frozenset(_stamps(folder, {leave_out, "__pycache__"}, set()))


def _stamps(
    folder: Path, leave_out: set[str], seen: set[tuple[int, int]]
) -> Iterator[tuple[object, ...]]:
    for entry in sorted(folder.iterdir()):
        if entry.name in leave_out or entry.name.startswith("."):
            continue
        try:
            found = entry.stat()
        except FileNotFoundError:
            yield (str(entry),)  # A link to nowhere; or gone in this moment.
            continue
        if not entry.is_dir():
            yield str(entry), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
        elif (found.st_dev, found.st_ino) not in seen:
            seen.add((found.st_dev, found.st_ino))
            yield from _stamps(entry, leave_out, seen)

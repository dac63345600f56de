"""A copy of the installed packages of gaffer and of what they depend on, which a test removes."""

import importlib.metadata
import os
import shutil
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import gaffer_kernel

PLUGINS = Path(gaffer_kernel.__file__).parents[1] / "plugins"

_CACHES = shutil.ignore_patterns("__pycache__")


def copy_packages(target, *names):
    """Copy distributions and what they require to a folder for PYTHONPATH."""
    done, waiting = set(), list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in done:
            continue
        done.add(name)
        distribution = importlib.metadata.distribution(name)
        _copy(distribution, target)
        requirements = map(Requirement, distribution.requires or ())
        waiting += [
            each.name
            for each in requirements
            if each.marker is None or each.marker.evaluate({"extra": ""})
        ]


def _copy(distribution, target):
    tops = {file.parts[0] for file in distribution.files or () if ".." not in file.parts}
    for name in tops - {"__pycache__", "bin"}:
        source = Path(distribution.locate_file(name))
        if name == "_editable_impl_gaffer_kernel.pth":
            _link(PLUGINS.with_name("gafferd.py"), target / "gafferd.py")
        if name.startswith("_editable_impl_"):
            source = _find_source(name.removeprefix("_editable_impl_").removesuffix(".pth"))
            name = source.name
        if source.is_dir():
            shutil.copytree(
                source, target / name, copy_function=_link, dirs_exist_ok=True, ignore=_CACHES
            )
        elif source.exists():
            _link(source, target / name)


def _find_source(name):
    if name == "gaffer_kernel":
        return Path(gaffer_kernel.__file__).parent
    return PLUGINS / name / name


def _link(source, target):
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)

"""The forms of a plugin under test, and adding them to a kernel."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from gaffer_kernel import Plugins
from gaffer_kernel.plugin import STOP_DEADLINE, FolderOptions, find_plugins


def make_plugins(subjects: Iterable[object], *, stop_deadline: float = STOP_DEADLINE) -> Plugins:
    """Return a set of plugins for a kernel.

    Args:
        subjects: modules and objects with hooks; classes, which are instantiated for each kernel;
            and paths of folder plugins. The other plugins in the folder around one are listed as
            disabled. The permissions of the folder are not checked, because a checkout has any.
        stop_deadline: seconds that each may take to close.

    Raises:
        PluginError: a plugin is invalid.
    """
    plugins = Plugins(stop_deadline=stop_deadline)
    folders: dict[Path, set[str]] = defaultdict(set)
    for subject in subjects:
        if isinstance(subject, Path):
            folders[subject.parent].add(subject.name)
        else:
            plugins.add(subject() if isinstance(subject, type) else subject)
    for root, names in folders.items():
        others = {each.name for each in find_plugins(root, FolderOptions(insecure=True))} - names
        plugins.add_folder(root, others, insecure=True)
    return plugins


def get_name(subject: object) -> str:
    """Return the name of a plugin under test in a kernel."""
    [name] = make_plugins([subject]).names()
    return name

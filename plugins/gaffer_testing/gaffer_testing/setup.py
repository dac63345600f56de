"""What can be put under test, and how it gets into a kernel."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from gaffer_kernel import Plugins
from gaffer_kernel.plugin import STOP_DEADLINE, FolderOptions, find_plugins


def make_plugins(subjects: Iterable[object], *, stop_deadline: float = STOP_DEADLINE) -> Plugins:
    """The plugins of a kernel.

    Args:
        subjects: modules and objects with hooks; classes, of which each kernel gets an instance of
            its own; and paths of folder plugins. What else is in the folder around one is listed as
            disabled. Who may write there is not checked, as a checkout has the rights it has.
        stop_deadline: seconds each may take to close.

    Raises:
        PluginError: one cannot be used.
    """
    plugins = Plugins(stop_deadline=stop_deadline)
    wanted: dict[Path, set[str]] = defaultdict(set)
    for subject in subjects:
        if isinstance(subject, Path):
            wanted[subject.parent].add(subject.name)
        else:
            plugins.add(subject() if isinstance(subject, type) else subject)
    for root, names in wanted.items():
        others = {each.name for each in find_plugins(root, FolderOptions(insecure=True))} - names
        plugins.add_folder(root, others, insecure=True)
    return plugins


def name_of(subject: object) -> str:
    """The name that a plugin under test has in a kernel."""
    [name] = make_plugins([subject]).names()
    return name
